import type { Policies, PolicyChanges } from '@rekey/ledger';
import {
  DEFAULT_FAILURE_LIMIT,
  DEFAULT_WINDOW,
  PolicyId,
  PolicySpec,
  RotationWindow,
  type Actor,
  type RotationPolicy,
} from '@rekey/schema';
import { z } from 'zod';
import { describeIssue, violationsOf } from '../requests/field-violations.ts';
import { Duration, FailureLimitMessage, optionalText } from '../requests/fields.ts';
import { violation } from '../requests/parse-request.ts';
import { TimeZone } from './policy-requests.ts';
import { complaintAboutCron } from './rotation-window.ts';

/** The policy of a request. Only its id is checked at once; the other fields are, if the mask names them. */
const Policy = z.looseObject({ id: PolicyId });

const orDefault =
  <T>(byDefault: T) =>
  (value: T | null | undefined): T =>
    value ?? byDefault;

/** A schema for fields of the window. An absent window counts as one without fields. */
const windowOf = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.object({ window: z.preprocess((window) => window ?? {}, z.object(shape)) });

/**
 * The fields that an update may change: the schema of each reads the change from the policy of the request.
 */
const mutableFields: Record<string, z.ZodType<PolicyChanges>> = {
  every_days: z.object({ everyDays: PolicySpec.shape.everyDays }),
  'window.cron': windowOf({
    cron: optionalText(RotationWindow.shape.cron).transform(orDefault(DEFAULT_WINDOW.cron)),
  }),
  'window.time_zone': windowOf({
    timeZone: optionalText(TimeZone).transform(orDefault(DEFAULT_WINDOW.timeZone)),
  }),
  'window.length': windowOf({
    length: Duration.pipe(RotationWindow.shape.lengthMs)
      .nullish()
      .transform(orDefault(DEFAULT_WINDOW.lengthMs)),
  }).transform(({ window: { length } }) => ({ window: { lengthMs: length } })),
  max_failures: z.object({
    maxFailures: FailureLimitMessage.nullish().transform(orDefault(DEFAULT_FAILURE_LIMIT)),
  }),
  reason: z.object({ reason: PolicySpec.shape.reason }),
};
const all = Object.keys(mutableFields);
const ofWindow = all.filter((name) => name.startsWith('window.'));
const maskable: Record<string, string[]> = {
  '*': all,
  window: ofWindow,
  ...Object.fromEntries(all.map((name) => [name, [name]])),
};

/** Whether a field has another value than the one that stands for "not set". */
const isSet = (policy: Record<string, unknown>, name: string): boolean => {
  const camel = (text: string) => text.replace(/_(.)/g, (_match, letter: string) => letter.toUpperCase());
  const value = name
    .split('.')
    .reduce<unknown>((message, part) => (message as Record<string, unknown> | null)?.[camel(part)], policy);
  return value !== undefined && value !== null && value !== '' && value !== 0;
};

/** A path is quoted only if it looks like the name of a field. */
const pathViolation = (path: string): string => {
  const names = Object.keys(maskable).join(', ');
  return /^[a-z_.]{1,64}$/.test(path)
    ? `must not be ${path}: only ${names} can be changed`
    : `must be one of ${names}`;
};

/**
 * An UpdateRotationPolicy (AIP-134): the fields that the mask names; without a mask, those that are set. A
 * field that the mask names and that is not set gets its default. Fields of the policy that are not changed
 * are ignored.
 */
export const UpdatePolicy = z
  .object({ rotationPolicy: Policy, updateMask: z.object({ paths: z.array(z.string()) }).nullish() })
  .transform(({ rotationPolicy, updateMask }, ctx): { id: string; changes: PolicyChanges } => {
    const paths = updateMask?.paths ?? [];
    paths.forEach((path, i) => {
      if (!Object.hasOwn(maskable, path))
        ctx.addIssue({ code: 'custom', path: ['updateMask', 'paths', i], message: pathViolation(path) });
    });
    const names = new Set(
      paths.length > 0
        ? paths.flatMap((path) => (Object.hasOwn(maskable, path) ? maskable[path]! : []))
        : all.filter((name) => isSet(rotationPolicy, name)),
    );
    if (paths.length === 0 && names.size === 0)
      ctx.addIssue({
        code: 'custom',
        path: ['updateMask'],
        message: 'must be given if no field of rotation_policy is set',
      });
    let changes: PolicyChanges = {};
    for (const name of names) {
      const parsed = mutableFields[name]!.safeParse(rotationPolicy, { error: describeIssue });
      if (parsed.success)
        changes = { ...changes, ...parsed.data, window: { ...changes.window, ...parsed.data.window } };
      else
        for (const { field, description } of violationsOf(parsed.error))
          ctx.addIssue({ code: 'custom', path: ['rotationPolicy', field], message: description });
    }
    return { id: rotationPolicy.id, changes };
  });

/** Throws INVALID_ARGUMENT if the windows of the changed policy would not fit its term. */
const checkWindow = (policy: RotationPolicy, { everyDays, window }: PolicyChanges): void => {
  if (everyDays === undefined && window?.cron === undefined) return;
  const complaint = complaintAboutCron(
    window?.cron ?? policy.window.cron,
    everyDays ?? policy.everyDays,
    Date.now(),
  );
  if (complaint !== undefined) throw violation('rotation_policy.window.cron', complaint);
};

/**
 * Changes a policy. Repeats if another update has changed the term or the expression meanwhile: each
 * repetition means that one update has succeeded.
 */
export const updatePolicy = async (
  policies: Pick<Policies, 'get' | 'update'>,
  id: string,
  changes: PolicyChanges,
  actor: Actor,
): Promise<RotationPolicy> => {
  for (;;) {
    const policy = await policies.get(id);
    checkWindow(policy, changes);
    const updated = await policies.update(policy, changes, actor);
    if (updated) return updated;
  }
};

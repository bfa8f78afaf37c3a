import type { CreateRotationPolicyRequest__Output } from '@rekey/rpc';
import {
  DEFAULT_FAILURE_LIMIT,
  DEFAULT_WINDOW,
  MAX_POLICY_ASSISTANTS,
  OrgId,
  PolicyId,
  PolicySpec,
  Reason,
  RequestId,
  RotationWindow,
} from '@rekey/schema';
import { z } from 'zod';
import { Duration, FailureLimitMessage, checkIds, optionalText, pageSize } from '../requests/fields.ts';
import type { MessageReader } from '../requests/message-reader.ts';
import { checkFurtherMessage, given, parseRequest, violation } from '../requests/parse-request.ts';
import { complaintAboutCron, isTimeZone } from './rotation-window.ts';

export const ByPolicy = z.object({ id: PolicyId });

export const ListPolicies = z.object({
  orgId: optionalText(OrgId),
  pageSize: pageSize(50, 500),
  pageToken: z.string(),
});

export const TimeZone = z.string().refine(isTimeZone, 'must be an IANA time zone, such as Europe/Berlin');

const Window = z.object({
  cron: optionalText(RotationWindow.shape.cron),
  timeZone: optionalText(TimeZone),
  length: Duration.pipe(RotationWindow.shape.lengthMs).nullish(),
});

const CreatePolicy = z
  .object({
    orgId: OrgId,
    requestId: optionalText(RequestId),
    reason: Reason,
    allAssistants: z.boolean(),
    everyDays: PolicySpec.shape.everyDays,
    window: Window.nullish(),
    maxFailures: FailureLimitMessage.nullish(),
  })
  .superRefine(({ everyDays, window }, ctx) => {
    const complaint =
      window?.cron === undefined ? undefined : complaintAboutCron(window.cron, everyDays, Date.now());
    if (complaint !== undefined)
      ctx.addIssue({ code: 'custom', path: ['window', 'cron'], message: complaint });
  })
  .transform(({ window, maxFailures, requestId, allAssistants, ...spec }) => ({
    allAssistants,
    spec: {
      ...spec,
      window: {
        cron: window?.cron ?? DEFAULT_WINDOW.cron,
        timeZone: window?.timeZone ?? DEFAULT_WINDOW.timeZone,
        lengthMs: window?.length ?? DEFAULT_WINDOW.lengthMs,
      },
      maxFailures: maxFailures ?? DEFAULT_FAILURE_LIMIT,
      ...given({ requestId }),
    } satisfies PolicySpec as PolicySpec,
  }));

/** The fields that a further message must not set, each with the value of an unset field. */
const FurtherPolicy = z.object({
  orgId: z.literal(''),
  requestId: z.literal(''),
  reason: z.literal(''),
  allAssistants: z.literal(false),
  everyDays: z.literal(0),
  window: z.null().optional(),
  maxFailures: z.null().optional(),
});

/** What one message of CreateRotationPolicy asks for. */
interface PolicyPart {
  /** In the first part only. */
  spec?: PolicySpec;
  /** The distinct ids of all messages so far; undefined if the policy covers all assistants of the org. */
  assistantIds: ReadonlySet<string> | undefined;
}

/** Reads the messages of one CreateRotationPolicy: the first has the specification, and all may hold ids. */
export const policyReader = (): MessageReader<CreateRotationPolicyRequest__Output, PolicyPart> => {
  let wanted: z.output<typeof CreatePolicy> | undefined;
  const assistantIds = new Set<string>();
  let count = 0;

  const addIds = (ids: string[], allAssistants: boolean) => {
    if (ids.length > 0 && allAssistants)
      throw violation('assistantIds', 'cannot be given together with all_assistants');
    checkIds('assistantIds', ids, count);
    count += ids.length;
    for (const assistantId of ids) assistantIds.add(assistantId);
    if (assistantIds.size > MAX_POLICY_ASSISTANTS)
      throw violation('assistantIds', `must be at most ${MAX_POLICY_ASSISTANTS} in all`);
  };

  return {
    read: (message) => {
      const isFirst = wanted === undefined;
      if (!isFirst) checkFurtherMessage(FurtherPolicy, message);
      wanted ??= parseRequest(CreatePolicy, message);
      const { allAssistants, spec } = wanted;
      addIds(message.assistantIds, allAssistants);
      return { ...(isFirst && { spec }), assistantIds: allAssistants ? undefined : assistantIds };
    },
    end: () => {
      if (wanted === undefined) throw violation('orgId', 'must not be empty');
      if (!wanted.allAssistants && count === 0)
        throw violation('assistantIds', 'must not be empty, unless all_assistants is set');
    },
  };
};

/** The policy that the parts of one stream ask for together. */
export const collectPolicy = async (
  parts: AsyncIterable<PolicyPart>,
): Promise<{ spec: PolicySpec; assistantIds: string[] | undefined }> => {
  let spec: PolicySpec | undefined;
  let assistantIds: PolicyPart['assistantIds'];
  for await (const part of parts) {
    spec ??= part.spec;
    assistantIds = part.assistantIds;
  }
  return { spec: spec!, assistantIds: assistantIds && [...assistantIds] };
};

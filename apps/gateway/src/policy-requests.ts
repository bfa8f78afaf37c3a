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
import {
  Duration,
  FailureLimitMessage,
  checkIds,
  given,
  optionalText,
  pageSize,
  parseRequest,
  violation,
} from './requests.ts';
import { complaintAboutCron, isTimeZone } from './rotation-window.ts';

export const ByPolicy = z.object({ id: PolicyId });

export const ListPolicies = z.object({
  orgId: optionalText(OrgId),
  pageSize: pageSize(50, 500),
  pageToken: z.string(),
});

const Window = z.object({
  cron: optionalText(RotationWindow.shape.cron),
  timeZone: optionalText(z.string().refine(isTimeZone, 'must be an IANA time zone, such as Europe/Berlin')),
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

/** What a further message of the stream may not say again; each reads as not given. */
const FurtherPolicy = z.object({
  orgId: z.literal(''),
  requestId: z.literal(''),
  reason: z.literal(''),
  allAssistants: z.literal(false),
  everyDays: z.literal(0),
  window: z.null().optional(),
  maxFailures: z.null().optional(),
});

/**
 * What the messages of one CreateRotationPolicy ask for, together: the first says what is wanted, and all may
 * hold ids. Throws INVALID_ARGUMENT.
 */
export const readPolicy = async (
  messages: AsyncIterable<CreateRotationPolicyRequest__Output>,
): Promise<{ spec: PolicySpec; assistantIds: string[] | undefined }> => {
  let wanted: z.output<typeof CreatePolicy> | undefined;
  const assistantIds = new Set<string>();
  let count = 0;
  for await (const message of messages) {
    if (wanted === undefined) {
      wanted = parseRequest(CreatePolicy, message);
    } else {
      const further = FurtherPolicy.safeParse(message);
      if (!further.success)
        throw violation(String(further.error.issues[0]!.path[0]), 'can be given in the first message only');
    }
    if (message.assistantIds.length > 0 && wanted.allAssistants)
      throw violation('assistantIds', 'cannot be given together with all_assistants');
    checkIds('assistantIds', message.assistantIds, count);
    count += message.assistantIds.length;
    for (const assistantId of message.assistantIds) assistantIds.add(assistantId);
    if (assistantIds.size > MAX_POLICY_ASSISTANTS)
      throw violation('assistantIds', `must be at most ${MAX_POLICY_ASSISTANTS} in all`);
  }
  if (wanted === undefined) throw violation('orgId', 'must not be empty');
  if (!wanted.allAssistants && count === 0)
    throw violation('assistantIds', 'must not be empty, unless all_assistants is set');
  return { spec: wanted.spec, assistantIds: wanted.allAssistants ? undefined : [...assistantIds] };
};

import { attempt, type BeyondLimit, type CallContext } from '@rekey/rpc';
import type { Logger } from '@rekey/runtime';
import { RekeyError, type ErrorCode } from '@rekey/schema';
import type { Rights } from '@rekey/access';
import type { Caller } from '../identity/authenticate.ts';
import { OPEN_ACCESS, type Access, type Admission, type Guard } from '../access/guard-calls.ts';
import { ContextOfRpc } from '../access/context-of-rpc.ts';
import type { CallerQuotas, LongCallKind } from '../quotas/caller-quotas.ts';
import { authorize, authorizeResult, requireSomewhere, seeingOf } from './authorize.ts';
import { countingRefusals } from './call-errors.ts';
import { withRealOrg, type ReadOrgName } from './org-names.ts';
import type { Rpc, RpcContext } from './rpc.ts';

export interface PipelineDeps {
  readOrgName: ReadOrgName;
  /** Why no new work is accepted at present; undefined if it is accepted. */
  holdBack: () => ErrorCode | undefined;
  /** Resolves with true when as many replicas as configured have confirmed everything written so far. */
  confirmDurable: () => Promise<boolean>;
  logger: Pick<Logger, 'event'>;
  /** Everybody may do everything without it. */
  access?: Access;
  /** Receives the error of each call that failed; the caller, if it is known. */
  onFailed?: ((error: unknown, context: CallContext, caller: Caller | undefined) => void) | undefined;
  /** No caller has limits of its own without it. */
  quotas?: Pick<CallerQuotas, 'countCall' | 'mayHold' | 'hold'> | undefined;
  /** The error of a wait for which there is no room; counts it. */
  refuseWait?: (beyond: BeyondLimit) => RekeyError;
  /** Counts a call that was refused because a limit of the ledger is reached, or its org is unknown. */
  onRefused?: (code: ErrorCode) => void;
  /** How long a client stream may pause between two messages. */
  streamIdleMs?: number;
}

/**
 * Longer than the pause of a caller that reads its messages from a slow source; short enough that the drafts
 * of callers that hang do not accumulate.
 */
const STREAM_IDLE_MS = 60_000;

/** The error of a call as its caller learns of it. The call is answered whether or not it could be noted. */
const failing = (onRefused: (code: ErrorCode) => void, onFailed: NonNullable<PipelineDeps['onFailed']>) => {
  const toFailure = countingRefusals(onRefused);
  return (error: unknown, message: unknown, context: CallContext): unknown => {
    attempt(
      () => onFailed(error, context, (context as Partial<RpcContext>).caller),
      () => {},
    );
    return toFailure(error, message);
  };
};

const longCallKinds = {
  unary: 'waits',
  'client-stream': 'uploads',
  'server-stream': 'watches',
} as const satisfies Record<Rpc['kind'], LongCallKind>;

const reportTo =
  (logger: PipelineDeps['logger']) =>
  (err: unknown, { path, requestId, traceparent }: CallContext): void =>
    logger.event('rpc_failed', {
      err,
      method: path,
      request_id: requestId,
      ...(traceparent !== undefined && { traceparent }),
    });

/** What the calls of every kind have in common. */
export const createSteps = ({
  readOrgName,
  holdBack,
  confirmDurable,
  logger,
  access = OPEN_ACCESS,
  quotas,
  onRefused = () => {},
  onFailed = () => {},
  refuseWait = ({ bound, limit }) =>
    new RekeyError('TOO_MANY_CALLS', { metadata: { bound, limit: String(limit) } }),
  streamIdleMs: idleMs = STREAM_IDLE_MS,
}: PipelineDeps) => ({
  idleMs,
  failureOf: failing(onRefused, onFailed),
  onUnexpected: reportTo(logger),

  authenticate: async (rpc: Rpc, context: CallContext): Promise<Admission> => {
    const admission = await access.admit(context);
    // Known also to the error of a call that goes no further.
    Object.assign(context, { caller: admission.caller });
    const isAcknowledgement = rpc.permission === 'events.acknowledge';
    quotas?.countCall(admission.caller.name, isAcknowledgement ? 'acknowledgements' : 'calls');
    requireSomewhere(rpc, admission.rights());
    return admission;
  },

  /** Whether `hold` would refuse the call. */
  isFull: ({ kind }: Rpc, { caller }: Admission, { beyondLimit }: CallContext): boolean =>
    beyondLimit !== undefined || quotas?.mayHold(longCallKinds[kind], caller.name) === false,

  /** Counts a call that takes long until the returned function is called. Undefined if nothing is counted. */
  hold: ({ kind }: Rpc, { caller }: Admission, { beyondLimit }: CallContext): (() => void) | undefined => {
    // Whoever is beyond its own share waits in a line of its own, and delays nobody.
    const release = quotas?.hold(longCallKinds[kind], caller.name);
    if (beyondLimit === undefined) return release;
    release?.();
    throw refuseWait(beyondLimit);
  },

  /** Of a client stream, only the first message is authorized: `rights` is not given with the others. */
  admit: async <Request>(rpc: Rpc, parsed: Request, rights?: Rights): Promise<Request> => {
    const request = await withRealOrg(parsed, readOrgName);
    if (rights !== undefined) await authorize(rpc, request, rights, readOrgName);
    const refusal = rpc.effect === 'accept' ? holdBack() : undefined;
    if (refusal !== undefined) throw new RekeyError(refusal);
    return request;
  },

  contextFor: async (rpc: Rpc, context: CallContext, admission: Admission): Promise<RpcContext> => {
    const sees = await seeingOf(rpc, admission.rights, readOrgName);
    return new ContextOfRpc(rpc, context, admission, readOrgName, sees);
  },

  checkResult: (rpc: Rpc, result: unknown, rights: Rights): Promise<void> =>
    authorizeResult(rpc, result, rights, readOrgName),

  guard: (rpc: Rpc, request: unknown, admission: Admission): Guard | undefined =>
    access.guard(admission, (rights) => authorize(rpc, request, rights, readOrgName)),

  respond: async ({ effect, respond: toResponse }: Rpc, result: unknown): Promise<unknown> => {
    const durable = effect === 'accept' || effect === 'durable-change';
    if (durable && !(await confirmDurable())) throw new RekeyError('REPLICAS_MISSING');
    return withRealOrg(await toResponse(result), readOrgName);
  },
});
export type Steps = ReturnType<typeof createSteps>;

import type { UntypedHandleCall, UntypedServiceImplementation } from '@grpc/grpc-js';
import {
  attempt,
  clientStreaming,
  serverStreaming,
  unary,
  type CallContext,
  type RequestStream,
  type ServiceHandlers,
} from '@rekey/rpc';
import type { Logger } from '@rekey/runtime';
import { RekeyError, type ErrorCode } from '@rekey/schema';
import type { Rights } from '@rekey/access';
import type { Caller } from '../identity/authenticate.ts';
import { OPEN_ACCESS, type Access, type Admission, type Guard } from '../access/guard-calls.ts';
import { actorOf } from '../identity/actor-of.ts';
import type { CallerQuotas, LongCallKind } from '../quotas/caller-quotas.ts';
import { parseRequest } from '../requests/parse-request.ts';
import { authorize, authorizeResult, requireOwn, requireSomewhere, seeingOf } from './authorize.ts';
import { countingRefusals } from './call-errors.ts';
import { withRealOrg, type ReadOrgName } from './org-names.ts';
import type { ClientStreamRpc, Rpc, RpcContext, RpcTable, ServerStreamRpc, UnaryRpc } from './rpc.ts';

/*
 * What happens to every call, in this order:
 *
 *   context       deadline, signal, request id, traceparent
 *   authenticate  NOT_AUTHENTICATED, unless nobody needs an identity; NOT_PERMITTED for a caller that has the
 *                 permission in no org
 *   count         QUOTA_EXCEEDED for a caller that calls too often, or has too many calls that take long
 *   parse         INVALID_ARGUMENT names each invalid field
 *   translate     `c` becomes the org that it stands for
 *   authorize     by the orgs of the request, or of what it is about
 *   hold back     new work is refused while Redis has no memory for it
 *   handle        the operation
 *   confirm       a durable change is answered only after enough replicas have it
 *   respond       the result as a message of the contract, `c` translated
 *   record        a call that was denied is recorded as activity
 *   map errors    a RekeyError becomes its status, any other error INTERNAL; the latter is logged
 *
 * A client stream passes the steps from parse to hold back for each message, and is authorized at the first.
 * A server stream passes the steps from confirm to respond for each response. A call that takes long, such as
 * a stream, ends when its caller loses the right, or its token expires. Calls are metered where their status
 * leaves: see observeCalls.
 */

interface PipelineDeps {
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
  quotas?: Pick<CallerQuotas, 'countCall' | 'hold'> | undefined;
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

/** The context of a call that takes long: its signal also aborts when the caller loses its right. */
const guarded = (context: RpcContext, guard: Guard | undefined): RpcContext =>
  guard === undefined
    ? context
    : (Object.create(context, {
        signal: { value: AbortSignal.any([context.signal, guard.signal]) },
      }) as RpcContext);

/** Gives back what a call that takes long has held. */
const finish = (release: (() => void) | undefined, guard: Guard | undefined): void => {
  try {
    release?.();
  } finally {
    guard?.end();
  }
};

/** Rejects with the reason of the signal when it aborts. */
const abortion = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });

/** The grpc-js handlers of the rows of a table. */
export const createHandlers = <Table extends Partial<RpcTable>>(
  table: Table,
  deps: PipelineDeps,
): Pick<ServiceHandlers, keyof Table & keyof ServiceHandlers> => {
  const serve = createPipeline(deps);
  const serveAll = (rpcs: Record<string, Rpc>): UntypedServiceImplementation =>
    Object.fromEntries(Object.entries(rpcs).map(([method, rpc]) => [method, serve(rpc)]));
  return Object.fromEntries(
    Object.entries(table).map(([service, rpcs]) => [service, serveAll(rpcs as Record<string, Rpc>)]),
  ) as Pick<ServiceHandlers, keyof Table & keyof ServiceHandlers>;
};

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
const createSteps = ({
  readOrgName,
  holdBack,
  confirmDurable,
  logger,
  access = OPEN_ACCESS,
  quotas,
  onRefused = () => {},
  onFailed = () => {},
  streamIdleMs: idleMs = STREAM_IDLE_MS,
}: PipelineDeps) => ({
  idleMs,
  failureOf: failing(onRefused, onFailed),
  onUnexpected: reportTo(logger),

  authenticate: async (rpc: Rpc, context: CallContext): Promise<Admission> => {
    const admission = await access.admit(context);
    // Known also to the error of a call that goes no further.
    Object.assign(context, { caller: admission.caller });
    quotas?.countCall(admission.caller.name);
    requireSomewhere(rpc, admission.rights());
    return admission;
  },

  /** Counts a call that takes long until the returned function is called. */
  hold: ({ kind }: Rpc, { caller }: Admission): (() => void) =>
    quotas?.hold(longCallKinds[kind], caller.name) ?? (() => {}),

  /** Of a client stream, only the first message is authorized: `rights` is not given with the others. */
  admit: async <Request>(rpc: Rpc, parsed: Request, rights?: Rights): Promise<Request> => {
    const request = await withRealOrg(parsed, readOrgName);
    if (rights !== undefined) await authorize(rpc, request, rights, readOrgName);
    const refusal = rpc.effect === 'accept' ? holdBack() : undefined;
    if (refusal !== undefined) throw new RekeyError(refusal);
    return request;
  },

  contextFor: async (rpc: Rpc, context: CallContext, { caller, rights }: Admission): Promise<RpcContext> =>
    Object.assign(context, {
      caller,
      actor: actorOf(caller, context),
      sees: await seeingOf(rpc, rights, readOrgName),
      rights,
      requireOwn: requireOwn(rpc, caller, rights),
    }),

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
type Steps = ReturnType<typeof createSteps>;

const handleUnary = async (
  steps: Steps,
  rpc: UnaryRpc<unknown>,
  request: unknown,
  context: RpcContext,
  admission: Admission,
): Promise<unknown> => {
  if (!rpc.waits) return rpc.handler(request, context);
  const release = steps.hold(rpc, admission);
  let guard: Guard | undefined;
  try {
    guard = steps.guard(rpc, request, admission);
    if (guard === undefined) return await rpc.handler(request, context);
    return await Promise.race([rpc.handler(request, guarded(context, guard)), abortion(guard.signal)]);
  } finally {
    finish(release, guard);
  }
};

const serveUnary = (steps: Steps, rpc: UnaryRpc<unknown>): UntypedHandleCall =>
  unary(async (message: unknown, context) => {
    try {
      const admission = await steps.authenticate(rpc, context);
      const rights = admission.rights();
      const request = await steps.admit(rpc, parseRequest(rpc.request, message), rights);
      const own = await steps.contextFor(rpc, context, admission);
      const result = await handleUnary(steps, rpc, request, own, admission);
      await steps.checkResult(rpc, result, rights);
      return await steps.respond(rpc, result);
    } catch (error) {
      throw steps.failureOf(error, message, context);
    }
  }, steps.onUnexpected);

/** The parts of a client stream, each admitted. Throws when the caller loses its right meanwhile. */
async function* partsOf(
  steps: Steps,
  rpc: ClientStreamRpc<unknown, unknown>,
  messages: RequestStream<unknown>,
  admission: Admission,
  onFirst: (message: unknown) => void,
): AsyncGenerator<unknown> {
  const reader = rpc.request();
  let isFirst = true;
  let guard: Guard | undefined;
  const begin = (part: unknown): void => {
    isFirst = false;
    guard = steps.guard(rpc, part, admission);
    guard?.signal.addEventListener('abort', () => messages.abandon(guard!.signal.reason as Error));
  };
  try {
    for await (const message of messages) {
      if (isFirst) onFirst(message);
      const rights = isFirst ? admission.rights() : undefined;
      const part = await steps.admit(rpc, reader.read(message), rights);
      if (isFirst) begin(part);
      guard?.signal.throwIfAborted();
      yield part;
    }
    guard?.signal.throwIfAborted();
    reader.end();
  } finally {
    guard?.end();
  }
}

const serveClientStream = (steps: Steps, rpc: ClientStreamRpc<unknown, unknown>): UntypedHandleCall =>
  clientStreaming(
    async (messages: RequestStream<unknown>, context) => {
      let first: unknown;
      let release: (() => void) | undefined;
      try {
        const admission = await steps.authenticate(rpc, context);
        release = steps.hold(rpc, admission);
        const rights = admission.rights();
        const parts = partsOf(steps, rpc, messages, admission, (message) => (first = message));
        const result = await rpc.handler(parts, await steps.contextFor(rpc, context, admission));
        await steps.checkResult(rpc, result, rights);
        return await steps.respond(rpc, result);
      } catch (error) {
        throw steps.failureOf(error, first, context);
      } finally {
        release?.();
      }
    },
    steps.onUnexpected,
    { idleMs: steps.idleMs },
  );

const serveServerStream = (steps: Steps, rpc: ServerStreamRpc<unknown>): UntypedHandleCall =>
  serverStreaming(async function* (message: unknown, context) {
    let guard: Guard | undefined;
    let release: (() => void) | undefined;
    try {
      const admission = await steps.authenticate(rpc, context);
      release = steps.hold(rpc, admission);
      const request = await steps.admit(rpc, parseRequest(rpc.request, message), admission.rights());
      guard = steps.guard(rpc, request, admission);
      const own = guarded(await steps.contextFor(rpc, context, admission), guard);
      for await (const result of rpc.handler(request, own)) {
        guard?.signal.throwIfAborted();
        yield await steps.respond(rpc, result);
      }
      guard?.signal.throwIfAborted();
    } catch (error) {
      throw steps.failureOf(guard?.signal.aborted ? guard.signal.reason : error, message, context);
    } finally {
      finish(release, guard);
    }
  }, steps.onUnexpected);

const createPipeline = (deps: PipelineDeps) => {
  const steps = createSteps(deps);
  return (rpc: Rpc): UntypedHandleCall => {
    switch (rpc.kind) {
      case 'unary':
        return serveUnary(steps, rpc);
      case 'client-stream':
        return serveClientStream(steps, rpc);
      case 'server-stream':
        return serveServerStream(steps, rpc);
    }
  };
};

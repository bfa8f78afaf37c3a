import type { UntypedHandleCall, UntypedServiceImplementation } from '@grpc/grpc-js';
import {
  clientStreaming,
  serverStreaming,
  unary,
  type RequestStream,
  type ServiceHandlers,
} from '@rekey/rpc';
import type { Admission, Guard } from '../access/guard-calls.ts';
import { parseRequest } from '../requests/parse-request.ts';
import type { ClientStreamRpc, Rpc, RpcContext, RpcTable, ServerStreamRpc, UnaryRpc } from './rpc.ts';
import { createSteps, type PipelineDeps, type Steps } from './steps.ts';

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

/** The context of a call that takes long: the caller is also gone when it loses its right. */
const guarded = (context: RpcContext, guard: Guard | undefined): RpcContext => {
  if (guard === undefined) return context;
  let signal: AbortSignal | undefined;
  return Object.create(context, {
    signal: { get: () => (signal ??= AbortSignal.any([context.signal, guard.signal])) },
    isGone: { get: () => context.isGone || guard.signal.aborted },
    onGone: {
      value: (listener: () => void) => {
        context.onGone(listener);
        if (guard.signal.aborted) listener();
        else guard.signal.addEventListener('abort', listener, { once: true });
      },
    },
  }) as RpcContext;
};

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

/** A call that takes long, and counts or may lose its right meanwhile. */
const handleGuarded = async (
  rpc: UnaryRpc<unknown>,
  request: unknown,
  context: RpcContext,
  release: (() => void) | undefined,
  guard: Guard | undefined,
): Promise<unknown> => {
  try {
    if (guard === undefined) return await rpc.handler(request, context);
    return await Promise.race([rpc.handler(request, guarded(context, guard)), abortion(guard.signal)]);
  } finally {
    finish(release, guard);
  }
};

const handleUnary = async (
  steps: Steps,
  rpc: UnaryRpc<unknown>,
  request: unknown,
  context: RpcContext,
  admission: Admission,
): Promise<unknown> => {
  if (!rpc.waits) return rpc.handler(request, context);
  if (steps.isFull(rpc, admission, context)) {
    const answer = await rpc.waits(request, context);
    if (answer !== undefined) return answer;
  }
  const release = steps.hold(rpc, admission, context);
  let guard: Guard | undefined;
  try {
    guard = steps.guard(rpc, request, admission);
  } catch (error) {
    finish(release, undefined);
    throw error;
  }
  // Without `await`, this function holds nothing while the call waits.
  if (guard === undefined && release === undefined) return rpc.handler(request, context);
  return handleGuarded(rpc, request, context, release, guard);
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
        release = steps.hold(rpc, admission, context);
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
      release = steps.hold(rpc, admission, context);
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

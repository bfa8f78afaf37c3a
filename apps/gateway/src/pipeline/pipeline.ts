import type { UntypedHandleCall, UntypedServiceImplementation } from '@grpc/grpc-js';
import { clientStreaming, serverStreaming, unary, type CallContext, type ServiceHandlers } from '@rekey/rpc';
import type { Logger } from '@rekey/runtime';
import { RekeyError, errorTable, type ErrorCode } from '@rekey/schema';
import { parseRequest } from '../requests/parse-request.ts';
import { toCallError } from './call-errors.ts';
import { withRealOrg, type ReadOrgName } from './org-names.ts';
import type { ClientStreamRpc, Rpc, RpcContext, RpcTable, ServerStreamRpc, UnaryRpc } from './rpc.ts';

/*
 * What happens to every call, in this order:
 *
 *   context       deadline, signal, request id, traceparent
 *   principal     a constant until callers are authenticated
 *   parse         INVALID_ARGUMENT names each invalid field
 *   translate     `c` becomes the org that it stands for
 *   authorize     not yet: here by the orgs of the request, and before the response by loaded orgs
 *   hold back     new work is refused while Redis has no memory for it
 *   handle        the operation
 *   confirm       a durable change is answered only after enough replicas have it
 *   respond       the result as a message of the contract, `c` translated
 *   map errors    a RekeyError becomes its status, any other error INTERNAL; the latter is logged
 *
 * A client stream passes the steps from parse to hold back for each message. A server stream passes the steps
 * from confirm to respond for each response. Calls are metered where their status leaves: see observeCalls.
 */

interface PipelineDeps {
  readOrgName: ReadOrgName;
  /** Why no new work is accepted at present; undefined if it is accepted. */
  holdBack: () => ErrorCode | undefined;
  /** Resolves with true when as many replicas as configured have confirmed everything written so far. */
  confirmDurable: () => Promise<boolean>;
  logger: Pick<Logger, 'event'>;
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

/** The error of a call as its caller learns of it; counts it if the call was refused for want of room. */
const countingRefusals =
  (onRefused: (code: ErrorCode) => void) =>
  (error: unknown, message: unknown): unknown => {
    const failure = toCallError(error, message);
    if (failure instanceof RekeyError && isRefusal(failure.code)) onRefused(failure.code);
    return failure;
  };
const isRefusal = (code: ErrorCode): boolean =>
  errorTable[code].grpc === 'RESOURCE_EXHAUSTED' || code === 'ORG_NOT_KNOWN';

const withPrincipal = (context: CallContext): RpcContext =>
  Object.assign(context, { principal: 'local' as const });

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

const createPipeline = ({
  readOrgName,
  holdBack,
  confirmDurable,
  logger,
  onRefused = () => {},
  streamIdleMs = STREAM_IDLE_MS,
}: PipelineDeps) => {
  const failureOf = countingRefusals(onRefused);

  const admit = async <Request>({ effect }: Rpc, parsed: Request): Promise<Request> => {
    const request = await withRealOrg(parsed, readOrgName);
    const refusal = effect === 'accept' ? holdBack() : undefined;
    if (refusal !== undefined) throw new RekeyError(refusal);
    return request;
  };

  const respond = async ({ effect, respond: toResponse }: Rpc, result: unknown): Promise<unknown> => {
    const durable = effect === 'accept' || effect === 'durable-change';
    if (durable && !(await confirmDurable())) throw new RekeyError('REPLICAS_MISSING');
    return withRealOrg(await toResponse(result), readOrgName);
  };

  const onUnexpected = reportTo(logger);

  const serveUnary = (rpc: UnaryRpc<unknown>): UntypedHandleCall =>
    unary(async (message: unknown, context) => {
      try {
        const request = await admit(rpc, parseRequest(rpc.request, message));
        return await respond(rpc, await rpc.handler(request, withPrincipal(context)));
      } catch (error) {
        throw failureOf(error, message);
      }
    }, onUnexpected);

  const serveClientStream = (rpc: ClientStreamRpc<unknown, unknown>): UntypedHandleCall =>
    clientStreaming(
      async (messages: AsyncIterable<unknown>, context) => {
        let first: unknown;
        const parts = async function* () {
          const reader = rpc.request();
          for await (const message of messages) {
            first ??= message;
            yield await admit(rpc, reader.read(message));
          }
          reader.end();
        };
        try {
          return await respond(rpc, await rpc.handler(parts(), withPrincipal(context)));
        } catch (error) {
          throw failureOf(error, first);
        }
      },
      onUnexpected,
      { idleMs: streamIdleMs },
    );

  const serveServerStream = (rpc: ServerStreamRpc<unknown>): UntypedHandleCall =>
    serverStreaming(async function* (message: unknown, context) {
      try {
        const request = await admit(rpc, parseRequest(rpc.request, message));
        for await (const result of rpc.handler(request, withPrincipal(context)))
          yield await respond(rpc, result);
      } catch (error) {
        throw failureOf(error, message);
      }
    }, onUnexpected);

  return (rpc: Rpc): UntypedHandleCall => {
    switch (rpc.kind) {
      case 'unary':
        return serveUnary(rpc);
      case 'client-stream':
        return serveClientStream(rpc);
      case 'server-stream':
        return serveServerStream(rpc);
    }
  };
};

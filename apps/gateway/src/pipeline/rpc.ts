import type { sendUnaryData, ServerReadableStream, ServerWritableStream } from '@grpc/grpc-js';
import type { CallContext, ServiceHandlers } from '@rekey/rpc';
import type { z } from 'zod';
import type { MessageReader } from '../requests/message-reader.ts';
import type { Permission } from './permissions.ts';

/** Who calls. Until callers are authenticated, each is `local`. */
type Principal = 'local';

export interface RpcContext extends CallContext {
  readonly principal: Principal;
}

/**
 * The orgs that a call touches; the caller needs the permission in each of them.
 * - `request`: the `org_id` or `orgs` of the request; every org if it names none.
 * - `loaded`: the orgs of what the handler loads. A caller that may not see it gets NOT_FOUND.
 * - `listed`: the orgs of each listed item. A list leaves out other items before it is paged.
 * - `all`: every org, because the call concerns Rekey as a whole.
 * - `none`: no org.
 */
type OrgScope = 'request' | 'loaded' | 'listed' | 'all' | 'none';

/**
 * What a call writes.
 * - `read`: nothing.
 * - `change`: something, answered without asking replicas.
 * - `durable-change`: something, answered only after enough replicas have confirmed it.
 * - `accept`: as `durable-change`, and refused while Redis has no memory for new work.
 */
export type Effect = 'read' | 'change' | 'durable-change' | 'accept';

interface Rights {
  /** Not enforced yet, as `orgs`. */
  permission: Permission;
  orgs: OrgScope;
  effect: Effect;
}

interface Handled<Result, Response> {
  /** The response for a result of the handler. Computed after a write is confirmed as durable. */
  respond(result: Result): Response | Promise<Response>;
}

/** The row of a unary method. */
interface UnaryRow<Schema extends z.ZodType, Result, Response> extends Rights, Handled<Result, Response> {
  request: Schema;
  /** The operation alone: the pipeline does everything around it. */
  handler(request: z.output<Schema>, context: RpcContext): Promise<Result>;
}

/** The row of a method that receives a stream of requests. */
interface ClientStreamRow<Message, Part, Result, Response> extends Rights, Handled<Result, Response> {
  /** Makes the reader of one stream. */
  request(): MessageReader<Message, Part>;
  handler(parts: AsyncIterable<Part>, context: RpcContext): Promise<Result>;
}

/** The row of a method that sends a stream of responses. */
interface ServerStreamRow<Schema extends z.ZodType, Result, Response>
  extends Rights, Handled<Result, Response> {
  request: Schema;
  handler(request: z.output<Schema>, context: RpcContext): AsyncIterable<Result>;
}

export interface UnaryRpc<Response> extends UnaryRow<z.ZodType, any, Response> {
  kind: 'unary';
}
export interface ClientStreamRpc<Message, Response> extends ClientStreamRow<Message, any, any, Response> {
  kind: 'client-stream';
}
export interface ServerStreamRpc<Response> extends ServerStreamRow<z.ZodType, any, Response> {
  kind: 'server-stream';
}
export type Rpc = UnaryRpc<unknown> | ClientStreamRpc<any, unknown> | ServerStreamRpc<unknown>;

export const defineRpc = <Schema extends z.ZodType, Result, Response>(
  row: UnaryRow<Schema, Result, Response>,
): UnaryRpc<Response> => ({ kind: 'unary', ...row });

export const defineClientStreamRpc = <Message, Part, Result, Response>(
  row: ClientStreamRow<Message, Part, Result, Response>,
): ClientStreamRpc<Message, Response> => ({ kind: 'client-stream', ...row });

export const defineServerStreamRpc = <Schema extends z.ZodType, Result, Response>(
  row: ServerStreamRow<Schema, Result, Response>,
): ServerStreamRpc<Response> => ({ kind: 'server-stream', ...row });

/** The kind of row that a method needs, from the type of its grpc-js handler. */
type RpcOf<Handler extends (...args: any[]) => void> =
  Parameters<Handler> extends [
    call: ServerReadableStream<infer Message, any>,
    callback: sendUnaryData<infer Response>,
  ]
    ? ClientStreamRpc<Message, Response>
    : Parameters<Handler> extends [call: any, callback: sendUnaryData<infer Response>]
      ? UnaryRpc<Response>
      : Parameters<Handler> extends [call: ServerWritableStream<any, infer Response>]
        ? ServerStreamRpc<Response>
        : never;

/**
 * One row for each method of a service. The generated handlers also have an index signature, left out here.
 */
type RpcsOf<Handlers> = {
  [Method in keyof Handlers as string extends Method ? never : Method]: Handlers[Method] extends (
    ...args: any[]
  ) => void
    ? RpcOf<Handlers[Method]>
    : never;
};

/** One row for each method of each service of the contract: a method without a row does not compile. */
export type RpcTable = { [Service in keyof ServiceHandlers]: RpcsOf<ServiceHandlers[Service]> };

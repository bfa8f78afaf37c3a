import type { sendUnaryData, ServerReadableStream, ServerWritableStream } from '@grpc/grpc-js';
import type { CallContext, ServiceHandlers } from '@rekey/rpc';
import type { Actor, ErrorCode } from '@rekey/schema';
import type { z } from 'zod';
import type { Caller } from '../identity/authenticate.ts';
import type { MessageReader } from '../requests/message-reader.ts';
import type { Permission, Rights as CallerRights } from '@rekey/access';

export interface RpcContext extends CallContext {
  readonly caller: Caller;
  /** The caller as the ledger records it with a change. */
  readonly actor: Actor;
  /** Whether the caller has the permission of this method in an org: what a list shows. */
  sees(orgId: string): boolean;
  /** What the caller may do at this moment. */
  rights(): CallerRights;
  /**
   * Of a row with `checkedWithin`: rejects, as for a row with `load`, unless the caller has the permission in
   * the org. Absent if it has the permission in every org.
   */
  readonly requireOrg?: ((orgId: string) => Promise<void>) | undefined;
  /** Rejects with NOT_PERMITTED unless the caller requested this itself, or has `ofOthers` in its org. */
  requireOwn(subject: { orgId: string; requestedBy?: string }): Promise<void>;
}

/**
 * The orgs that a call touches; the caller needs the permission in each of them.
 * - `request`: the `org_id` or `orgs` of the request; every org if it names none.
 * - `loaded`: the orgs of what the request is about, which `load` reads. A caller that may not see it gets
 *   `notFound`, as if it did not exist.
 * - `listed`: the orgs of each listed item. The handler leaves out what the caller does not see, before it
 *   pages.
 * - `all`: every org, because the call concerns Rekey as a whole.
 * - `none`: no org.
 */
type OrgScope<Request> =
  | { orgs: 'listed' | 'all' | 'none' }
  | ({ orgs: 'loaded'; consumerOf?: ConsumerOf<Request> } & Loading<Request>)
  | ({ orgs: 'request' } & (Partial<Loading<Request>> | CheckedWithin));

/** The consumer that a request is about: a caller with its role needs no right in its orgs. */
type ConsumerOf<Request> = (request: Request) => string;

interface Loading<Request> {
  /** The orgs of what the request is about, none for every org. Throws `notFound`. */
  load(request: Request): Promise<readonly string[]>;
  notFound: ErrorCode;
}

/**
 * What a call writes.
 * - `read`: nothing.
 * - `change`: something, answered without asking replicas.
 * - `durable-change`: something, answered only after enough replicas have confirmed it.
 * - `accept`: as `durable-change`, and refused while Redis has no memory for new work.
 */
export type Effect = 'read' | 'change' | 'durable-change' | 'accept';

interface Rights {
  permission: Permission;
  /** Needed for what concerns others; `permission` alone suffices for what the caller requested, or is. */
  ofOthers?: Permission;
  effect: Effect;
}

interface Handled<Result, Response> {
  /** The response for a result of the handler. Computed after a write is confirmed as durable. */
  respond(result: Result): Response | Promise<Response>;
}

/** The row of a unary method. */
type UnaryRow<Schema extends z.ZodType, Result, Response> = Rights &
  OrgScope<z.output<Schema>> &
  Handled<Result, Response> & {
    request: Schema;
    /**
     * It may take minutes: it ends when the caller loses its right. This is asked in its place if no more
     * calls may wait: undefined if there is something to wait for.
     */
    waits?: (request: z.output<Schema>, context: RpcContext) => Promise<Result | undefined>;
    /** The operation alone: the pipeline does everything around it. */
    handler(request: z.output<Schema>, context: RpcContext): Promise<Result>;
  };

/** The row of a method that receives a stream of requests. */
type ClientStreamRow<Message, Part, Result, Response> = Rights &
  OrgScope<Part> &
  Handled<Result, Response> & {
    /** Makes the reader of one stream. The first message names the org. */
    request(): MessageReader<Message, Part>;
    handler(parts: AsyncIterable<Part>, context: RpcContext): Promise<Result>;
  };

/** The row of a method that sends a stream of responses. */
type ServerStreamRow<Schema extends z.ZodType, Result, Response> = Rights &
  OrgScope<z.output<Schema>> &
  Handled<Result, Response> & {
    request: Schema;
    handler(request: z.output<Schema>, context: RpcContext): AsyncIterable<Result>;
  };

export type UnaryRpc<Response> = UnaryRow<z.ZodType<any>, any, Response> & { kind: 'unary' };
export type ClientStreamRpc<Message, Response> = ClientStreamRow<Message, any, any, Response> & {
  kind: 'client-stream';
};
export type ServerStreamRpc<Response> = ServerStreamRow<z.ZodType<any>, any, Response> & {
  kind: 'server-stream';
};
export type Rpc = UnaryRpc<unknown> | ClientStreamRpc<any, unknown> | ServerStreamRpc<unknown>;

/**
 * The handler reads the org of what the request is about, with the command that changes it, and calls
 * `requireOrg`. A caller that may not see it gets `notFound`.
 */
interface CheckedWithin {
  checkedWithin: true;
  notFound: ErrorCode;
}

/** The columns of a method about something that has an id and one org. */
export const inItsOrg = (get: (id: string) => Promise<{ orgId: string }>, notFound: ErrorCode) =>
  ({ orgs: 'loaded', load: async ({ id }: { id: string }) => [(await get(id)).orgId], notFound }) as const;

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

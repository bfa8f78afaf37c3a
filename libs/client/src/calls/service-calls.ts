import type { MethodName, RequestOf, ResponseOf, ServiceName, Transport } from '../connection/transport.ts';
import { canRepeat, checkIds, messagesOf, type Ids } from './id-messages.ts';
import type { RetryOptions } from './backoff.ts';
import type { CallOptions, Calls } from './calls.ts';
import type { Scopes } from './scopes.ts';

/** What the methods of a service are made of. */
export interface ServiceDeps {
  transport: Transport;
  calls: Calls;
  scopes: Scopes;
  /** Pauses of waiting and watching, which reconnect also if the client's `retry` is false. */
  backoff: RetryOptions;
  /** The client's `deadlineMs`, if it was given. */
  deadlineMs: number | undefined;
}

/** A million ids take about ten seconds, and the gateway needs a few more to record them. */
const STREAM_DEADLINE_MS = 600_000;

type CallDetails = CallOptions & {
  requestId?: string;
  bulkRotationId?: string;
};

/** The calls of one service, with responses mapped by `to`. */
interface ServiceCalls<Service extends ServiceName> {
  /** Changes nothing: retried until its deadline. */
  read<Method extends MethodName<Service>, T>(
    method: Method,
    request: RequestOf<Service, Method>,
    to: (response: ResponseOf<Service, Method>) => T,
    options?: CallDetails,
  ): Promise<T>;
  /** Changes something: sent once, unless it is `repeatable`. */
  change<Method extends MethodName<Service>, T>(
    method: Method,
    request: RequestOf<Service, Method>,
    to: (response: ResponseOf<Service, Method>) => T,
    options?: CallDetails & { repeatable?: boolean },
  ): Promise<T>;
  /**
   * Sends a stream of ids after `first`. Retried with the same request id if all ids can be read again.
   */
  send<Method extends MethodName<Service>, T>(
    method: Method,
    first: RequestOf<Service, Method> & { requestId: string },
    ids: { [Field in keyof RequestOf<Service, Method>]?: Ids | undefined },
    to: (response: ResponseOf<Service, Method>) => T,
    options?: CallOptions,
  ): Promise<T>;
}

export const createServiceCalls = <Service extends ServiceName>(
  { transport, calls }: Pick<ServiceDeps, 'transport' | 'calls'>,
  service: Service,
): ServiceCalls<Service> => ({
  read: async (method, request, to, options) =>
    to(
      await calls.run((attempt) => transport.unary(service, method, request, attempt), {
        ...options,
        repeatable: true,
        reads: true,
      }),
    ),
  change: async (method, request, to, options) =>
    to(
      await calls.run((attempt) => transport.unary(service, method, request, attempt), {
        repeatable: false,
        ...options,
      }),
    ),
  send: async (method, first, ids, to, options) => {
    const given = Object.entries(ids) as [string, Ids | undefined][];
    for (const [name, some] of given) checkIds(name, some);
    const repeatable = given.every(([, some]) => some === undefined || canRepeat(some));
    return to(
      await calls.run(
        (attempt) => {
          const messages = messagesOf<object>(first, ids) as AsyncIterable<typeof first>;
          return transport.send(service, method, messages, attempt);
        },
        { deadlineMs: STREAM_DEADLINE_MS, ...options, repeatable, requestId: first.requestId },
      ),
    );
  },
});

import type { ClientReadableStream, ClientWritableStream, ServiceError } from '@grpc/grpc-js';
import type { Cancellation } from './cancellation.ts';

/** Promise.withResolvers, which Node 20 lacks. */
const withResolvers = <T>() => {
  let [resolve, reject] = [(_value: T): void => {}, (_reason: unknown): void => {}];
  const promise = new Promise<T>((...both) => ([resolve, reject] = both));
  return { promise, resolve, reject };
};

/**
 * Opens a call with the first message, sends the others as the stream accepts them, and resolves with the
 * response. After an early response, it reads no further message. If `requests` throws or the operation is
 * cancelled, it cancels the call and rejects with that error.
 *
 * Node may end a stream that is cancelled, as if what was sent were all, and reset it only then. So
 * `spoiling` is sent before: a message that the gateway refuses.
 */
export const sendAll = <Request, Response>(
  requests: AsyncIterable<Request>,
  spoiling: Request,
  open: (
    callback: (error: ServiceError | null, response?: Response) => void,
  ) => ClientWritableStream<Request>,
  cancellation: Cancellation,
): Promise<Response> => {
  const response = withResolvers<Response>();
  let settled = false;
  let call: ClientWritableStream<Request> | undefined;
  let wake = () => {};
  const begin = (): ClientWritableStream<Request> => {
    const begun = open((error, value) => {
      settled = true;
      wake();
      if (error) response.reject(error);
      else response.resolve(value as Response);
    });
    begun.on('drain', () => wake());
    begun.on('error', () => {});
    return begun;
  };
  const untilRoom = () =>
    new Promise<void>((resolve) => {
      wake = resolve;
      if (settled) resolve();
    });
  /** Rejects before it cancels: the error of the cancelled call must not win. */
  const abandon = (error: unknown) => {
    settled = true;
    response.reject(error);
    if (call?.writable) call.write(spoiling);
    call?.cancel();
    wake();
  };
  const pump = async (): Promise<void> => {
    for await (const request of requests) {
      if (settled) return;
      call ??= begin();
      if (!settled && !call.write(request)) await untilRoom();
      if (settled) return;
    }
    if (settled) return;
    call ??= begin();
    if (!settled) call.end();
  };

  const before = cancellation.cancelled();
  if (before) return Promise.reject(before);
  const ignoreCancel = cancellation.onCancel(() => abandon(cancellation.cancelled()));
  pump().catch(abandon);
  return response.promise.finally(ignoreCancel);
};

/** Opens a call and yields its responses. Leaving the loop cancels the call. */
export async function* receiveAll<Response>(
  open: () => ClientReadableStream<Response>,
  cancellation: Cancellation,
): AsyncGenerator<Response> {
  if (cancellation.cancelled()) return;
  const call = open();
  const ignoreCancel = cancellation.onCancel(() => call.cancel());
  try {
    for await (const response of call) yield response as Response;
  } catch (error) {
    if (!cancellation.cancelled()) throw error;
  } finally {
    ignoreCancel();
    call.cancel();
    // A cancelled call still emits an error.
    call.on('error', () => {});
  }
}

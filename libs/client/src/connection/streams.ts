import type { ClientReadableStream, ClientWritableStream, ServiceError } from '@grpc/grpc-js';

/** Promise.withResolvers, which Node 20 lacks. */
const withResolvers = <T>() => {
  let [resolve, reject] = [(_value: T): void => {}, (_reason: unknown): void => {}];
  const promise = new Promise<T>((...both) => ([resolve, reject] = both));
  return { promise, resolve, reject };
};

/**
 * Opens a call with the first message, sends the others as there is room, and resolves with the response. If
 * the response comes before the last message, no further message is read. If `requests` throws, or the signal
 * aborts, the call is cancelled and that error is thrown.
 */
export const sendAll = <Request, Response>(
  requests: AsyncIterable<Request>,
  open: (
    callback: (error: ServiceError | null, response?: Response) => void,
  ) => ClientWritableStream<Request>,
  signal: AbortSignal,
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
    call?.cancel();
    wake();
  };
  const onAbort = () => abandon(signal.reason);

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

  if (signal.aborted) return Promise.reject(signal.reason);
  signal.addEventListener('abort', onAbort);
  pump().catch(abandon);
  return response.promise.finally(() => signal.removeEventListener('abort', onAbort));
};

/** Opens a call and yields its responses. Leaving the loop, or the signal, cancels the call. */
export async function* receiveAll<Response>(
  open: () => ClientReadableStream<Response>,
  signal: AbortSignal,
): AsyncGenerator<Response> {
  if (signal.aborted) return;
  const call = open();
  const cancel = () => call.cancel();
  signal.addEventListener('abort', cancel);
  try {
    for await (const response of call) yield response as Response;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', cancel);
    call.cancel();
    // A cancelled call still emits an error.
    call.on('error', () => {});
  }
}

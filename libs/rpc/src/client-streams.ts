import type { ClientReadableStream, ClientWritableStream, ServiceError } from '@grpc/grpc-js';

/** Not Promise.withResolvers, which Node 20 lacks. */
const withResolvers = <T>() => {
  let [resolve, reject] = [(_value: T): void => {}, (_reason: unknown): void => {}];
  const promise = new Promise<T>((...both) => ([resolve, reject] = both));
  return { promise, resolve, reject };
};

/**
 * Opens a call with the first message, sends the others as there is room, and resolves with the answer. When
 * the answer comes before the last message, no further one is asked for. Where `requests` throws, the call is
 * broken off; the signal breaks it off too.
 */
export const sendAll = <Request, Response>(
  requests: AsyncIterable<Request> | Iterable<Request>,
  open: (
    callback: (error: ServiceError | null, response?: Response) => void,
  ) => ClientWritableStream<Request>,
  signal?: AbortSignal,
): Promise<Response> => {
  const answer = withResolvers<Response>();
  let answered = false;
  let call: ClientWritableStream<Request> | undefined;
  let wake = () => {};
  const begin = (): ClientWritableStream<Request> => {
    const begun = open((error, response) => {
      answered = true;
      wake();
      if (error) answer.reject(error);
      else answer.resolve(response as Response);
    });
    begun.on('drain', () => wake());
    begun.on('error', () => {});
    return begun;
  };
  const room = () =>
    new Promise<void>((resolve) => {
      wake = resolve;
      if (answered) resolve();
    });
  /** Rejects first: what the call says of being broken off is of no interest. */
  const breakOff = (error: unknown) => {
    answered = true;
    answer.reject(error);
    call?.cancel();
    wake();
  };
  const onAbort = () => breakOff(signal!.reason);

  const pump = async (): Promise<void> => {
    for await (const request of requests) {
      if (answered) return;
      call ??= begin();
      if (!answered && !call.write(request)) await room();
      if (answered) return;
    }
    if (answered) return;
    call ??= begin();
    if (!answered) call.end();
  };

  if (signal?.aborted) return Promise.reject(signal.reason);
  signal?.addEventListener('abort', onAbort);
  pump().catch(breakOff);
  return answer.promise.finally(() => signal?.removeEventListener('abort', onAbort));
};

/**
 * The responses of a call that is opened now, as they come. Leaving the loop, or the signal, breaks it off.
 */
export async function* receiveAll<Response>(
  open: () => ClientReadableStream<Response>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Response> {
  if (signal?.aborted) return;
  const call = open();
  const cancel = () => call.cancel();
  signal?.addEventListener('abort', cancel);
  try {
    for await (const response of call) yield response as Response;
  } catch (error) {
    if (!signal?.aborted) throw error;
  } finally {
    signal?.removeEventListener('abort', cancel);
    call.cancel();
    // What a call that is broken off still says is of no interest.
    call.on('error', () => {});
  }
}

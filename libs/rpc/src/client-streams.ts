import type { ClientReadableStream, ClientWritableStream, ServiceError } from '@grpc/grpc-js';

/**
 * Opens a call with the first message, sends the others as there is room, and resolves with the answer. When the answer comes before the
 * last message, no further one is asked for. Where `requests` throws, the call is broken off.
 */
export const sendAll = async <Request, Response>(
  requests: AsyncIterable<Request> | Iterable<Request>,
  open: (callback: (error: ServiceError | null, response?: Response) => void) => ClientWritableStream<Request>,
): Promise<Response> => {
  const answer = Promise.withResolvers<Response>();
  // It may come before anybody waits for it.
  answer.promise.catch(() => {});
  let answered = false;
  let wake = () => {};
  const begin = (): ClientWritableStream<Request> => {
    const call = open((error, response) => {
      answered = true;
      wake();
      if (error) answer.reject(error);
      else answer.resolve(response as Response);
    });
    call.on('drain', () => wake());
    call.on('error', () => {});
    return call;
  };
  const room = () =>
    new Promise<void>((resolve) => {
      wake = resolve;
      if (answered) resolve();
    });

  let call: ClientWritableStream<Request> | undefined;
  try {
    for await (const request of requests) {
      call ??= begin();
      if (!answered && !call.write(request)) await room();
      if (answered) break;
    }
  } catch (error) {
    call?.cancel();
    throw error;
  }
  call ??= begin();
  if (!answered) call.end();
  return answer.promise;
};

/** The responses of a call that is opened now, as they come. Leaving the loop, or the signal, breaks it off. */
export async function* receiveAll<Response>(open: () => ClientReadableStream<Response>, signal: AbortSignal | undefined): AsyncGenerator<Response> {
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

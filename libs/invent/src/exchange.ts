import type { Dispatcher } from 'undici';

export interface ExchangeRequest {
  method: 'GET' | 'POST';
  path: string;
  headers: Record<string, string>;
  /** From now to the last byte of the answer. */
  timeoutMs: number;
  maxResponseBytes: number;
  /** By `performance.now()`: past it, the request does not leave any more. */
  sendBeforeMs?: number;
  signal?: AbortSignal;
}

/**
 * What became of one HTTP request, sorted by the only two things that matter for a POST that is not idempotent: whether any
 * byte of it may have left, and what was answered. `status` can be known although the body never arrived whole.
 */
export type Exchange =
  | { whole: true; status: number; headers: Record<string, string | string[] | undefined>; body: string }
  | { whole: false; sent: boolean; late: boolean; status?: number; headers?: Record<string, string | string[] | undefined>; reason: string };

class ExchangeBroken extends Error {
  readonly late: boolean;
  constructor(reason: string, late = false) {
    super(reason);
    this.late = late;
  }
}

/**
 * One request on a dispatcher, without redirects and without retries. Never rejects.
 *
 * Built on `dispatch` and not on undici's `request`, because only here it is known whether a byte was written: undici calls
 * `onRequestStart` in the same tick as, and directly before, it writes the head. What fails earlier was never sent.
 */
export const exchange = (dispatcher: Dispatcher, request: ExchangeRequest): Promise<Exchange> =>
  new Promise((resolve) => {
    let controller: Dispatcher.DispatchController | undefined;
    let broken: ExchangeBroken | undefined;
    let sent = false;
    let status: number | undefined;
    let headers: Record<string, string | string[] | undefined> | undefined;
    const chunks: Buffer[] = [];
    let bytes = 0;

    const settle = (result: Exchange) => {
      clearTimeout(deadline);
      request.signal?.removeEventListener('abort', onAbort);
      resolve(result);
    };
    const settleBroken = (reason: string) =>
      settle({ whole: false, sent, late: broken?.late ?? false, reason, ...(status !== undefined && { status }), ...(headers && { headers }) });
    const breakOff = (error: ExchangeBroken) => {
      if (broken) return;
      broken = error;
      controller?.abort(error);
      // Still waiting for a connection: nothing to abort yet, and onRequestStart will refuse.
      if (!controller) settleBroken(error.message);
    };
    const onAbort = () => breakOff(new ExchangeBroken('aborted by the caller'));
    const deadline = setTimeout(() => breakOff(new ExchangeBroken(`no whole answer within ${request.timeoutMs} ms`)), request.timeoutMs);
    if (request.signal?.aborted) return onAbort();
    request.signal?.addEventListener('abort', onAbort, { once: true });

    dispatcher.dispatch(
      { method: request.method, path: request.path, headers: request.headers, headersTimeout: 0, bodyTimeout: 0, idempotent: false },
      {
        onRequestStart: (started) => {
          controller = started;
          if (!broken && request.sendBeforeMs !== undefined && performance.now() > request.sendBeforeMs) {
            broken = new ExchangeBroken('too old to be sent', true);
          }
          if (broken) return started.abort(broken);
          sent = true;
        },
        onResponseStart: (_controller, statusCode, responseHeaders) => {
          status = statusCode;
          headers = responseHeaders;
        },
        onResponseData: (_controller, chunk) => {
          bytes += chunk.length;
          if (bytes > request.maxResponseBytes) return breakOff(new ExchangeBroken(`the answer is longer than ${request.maxResponseBytes} bytes`));
          chunks.push(chunk);
        },
        onResponseEnd: () => {
          settle({ whole: true, status: status!, headers: headers!, body: (chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)).toString('utf8') });
        },
        onResponseError: (_controller, error) => settleBroken(broken?.message ?? describe(error)),
      },
    );
  });

/** An error's code, or its name: never its message, which may quote what was on the wire. */
const describe = (error: Error): string => {
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === 'string' ? code : error.name;
};

import type { Dispatcher } from 'undici';
import { UNCOUNTED_BYTES, type ByteRoom, type ByteShare } from './byte-room.ts';
import { UnreadableBody, decodeBytes, textOf } from './decode-body.ts';

export interface ExchangeRequest {
  method: 'GET' | 'POST';
  path: string;
  headers: Record<string, string>;
  /** From now to the last byte of the answer. */
  timeoutMs: number;
  /** Bound of the body, both as it comes and decoded. */
  maxResponseBytes: number;
  /** By `performance.now()`: past it, the request does not leave any more. */
  sendBeforeMs?: number;
  signal?: AbortSignal;
  /** A long answer is received only while there is room for it. */
  receiving?: ByteRoom;
  /**
   * The body becomes a string when this holds its length. The caller closes it when it no longer needs the
   * text.
   */
  share?: ByteShare | undefined;
}

/**
 * What became of one HTTP request, sorted by the only two things that matter for a POST that is not
 * idempotent: whether any byte of it may have left, and what was answered. `status` can be known although the
 * body never arrived whole. The body of a 200 alone is kept.
 */
export type Exchange =
  | {
      whole: true;
      status: number;
      headers: Record<string, string | string[] | undefined>;
      body: string;
      misnamed?: true;
    }
  | {
      whole: false;
      sent: boolean;
      late: boolean;
      status?: number;
      headers?: Record<string, string | string[] | undefined>;
      reason: string;
      /** The body of a 200 will not be readable next time either. */
      unreadable?: UnreadableBody['code'];
    };

class ExchangeBroken extends Error {
  readonly late: boolean;
  constructor(reason: string, late = false) {
    super(reason);
    this.late = late;
  }
}

const OK = 200;

/**
 * One request on a dispatcher, without redirects and without retries. Never rejects.
 *
 * Built on `dispatch` and not on undici's `request`, because only here it is known whether a byte was
 * written: undici calls `onRequestStart` in the same tick as, and directly before, it writes the head. What
 * fails earlier was never sent.
 */
export const exchange = (dispatcher: Dispatcher, request: ExchangeRequest): Promise<Exchange> =>
  new Promise((resolve) => {
    let controller: Dispatcher.DispatchController | undefined;
    let broken: ExchangeBroken | UnreadableBody | undefined;
    let sent = false;
    let status: number | undefined;
    let headers: Record<string, string | string[] | undefined> | undefined;
    const chunks: Buffer[] = [];
    let bytes = 0;
    let ended = false;
    const received = request.receiving?.open();
    let countsAsLong = false;

    const settle = (result: Exchange) => {
      clearTimeout(deadline);
      received?.close();
      request.signal?.removeEventListener('abort', onAbort);
      resolve(result);
    };
    const settleBroken = (error: Error, reason = error.message) => {
      const unreadable = status === OK && error instanceof UnreadableBody ? { unreadable: error.code } : {};
      settle({
        whole: false,
        sent,
        late: error instanceof ExchangeBroken && error.late,
        reason,
        ...(status !== undefined && { status }),
        ...(headers && { headers }),
        ...unreadable,
      });
    };
    const breakOff = (error: ExchangeBroken | UnreadableBody) => {
      if (broken) return;
      broken = error;
      controller?.abort(error);
      // Still waiting for a connection: nothing to abort yet, and onRequestStart will refuse.
      if (!controller || ended) settleBroken(error);
    };
    const onAbort = () => breakOff(new ExchangeBroken('aborted by the caller'));
    const deadline = setTimeout(
      () => breakOff(new ExchangeBroken(`no whole answer within ${request.timeoutMs} ms`)),
      request.timeoutMs,
    );
    if (request.signal?.aborted) return onAbort();
    request.signal?.addEventListener('abort', onAbort, { once: true });

    dispatcher.dispatch(
      {
        method: request.method,
        path: request.path,
        headers: request.headers,
        headersTimeout: 0,
        bodyTimeout: 0,
        idempotent: false,
      },
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
        onResponseData: (receiver, chunk) => {
          bytes += chunk.length;
          if (bytes > request.maxResponseBytes)
            return breakOff(
              new UnreadableBody(
                'ANSWER_TOO_LARGE',
                `the answer is longer than ${request.maxResponseBytes} bytes`,
              ),
            );
          if (status !== OK) return;
          chunks.push(chunk);
          if (!received || countsAsLong || bytes <= UNCOUNTED_BYTES) return;
          countsAsLong = true;
          // The rest stays with the sender until there is room.
          receiver.pause();
          void received.want(lengthOf(headers!, request.maxResponseBytes)).then(() => receiver.resume());
        },
        onResponseEnd: () => {
          ended = true;
          const whole = (body: string, misnamed = false) =>
            settle({ whole: true, status: status!, headers: headers!, body, ...(misnamed && { misnamed }) });
          if (status !== OK) return whole('');
          const encoding = [headers!['content-encoding'] ?? ''].flat().join(',');
          const decode = async (): Promise<void> => {
            // The deadline holds meanwhile, but not while a whole answer waits for room: it may be the only
            // copy of a key.
            const { bytes: decoded, misnamed } = await decodeBytes(
              chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks.splice(0)),
              encoding,
              request.maxResponseBytes,
            );
            clearTimeout(deadline);
            await request.share?.want(decoded.length);
            whole(textOf(decoded), misnamed);
          };
          decode().catch(settleBroken);
        },
        onResponseError: (_controller, error) =>
          broken ? settleBroken(broken) : settleBroken(error, describe(error)),
      },
    );
  });

/** How long an answer says that it is; the most that it may be if it does not say. */
const lengthOf = (headers: Record<string, string | string[] | undefined>, maxBytes: number): number => {
  const length = Number(headers['content-length'] ?? Number.NaN);
  return length <= maxBytes ? length : maxBytes;
};

/** An error's code, or its name: never its message, which may quote what was on the wire. */
const describe = (error: Error): string => {
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === 'string' ? code : error.name;
};

import type { Dispatcher } from 'undici';
import { receiveBody, type BodyReceiver } from './body-receiver.ts';
import type { ByteRoom, ByteShare } from './byte-room.ts';
import { UnreadableBody } from './decode-body.ts';

interface ExchangeRequest {
  method: 'GET' | 'POST';
  path: string;
  headers: Record<string, string>;
  /** From now to the last byte of the answer. */
  timeoutMs: number;
  /** The limit of the body, both as received and decoded. */
  maxResponseBytes: number;
  /** By `performance.now()`: the request is not sent after this time. */
  sendBeforeMs?: number;
  signal?: AbortSignal;
  /** A long answer is received only while this has room for it. */
  receiving?: ByteRoom;
  /**
   * The body becomes a string when this holds its length. The caller closes it when the text is not needed.
   */
  share?: ByteShare | undefined;
}

type Headers = Record<string, string | string[] | undefined>;

/**
 * The result of one HTTP request, by the only two facts that matter for a POST that is not idempotent:
 * whether any byte of it may have been sent, and what was answered. `status` can be known although the body
 * did not arrive completely. Only the body of a 200 is kept.
 */
export type Exchange =
  | { whole: true; status: number; headers: Headers; body: string; misnamed?: true }
  | {
      whole: false;
      sent: boolean;
      late: boolean;
      status?: number;
      headers?: Headers;
      reason: string;
      /** The body of a 200 will not be readable the next time either. */
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
 * One request on a dispatcher, without redirects and retries. Never rejects.
 *
 * It uses `dispatch` and not undici's `request`, because only `dispatch` shows whether a byte was written:
 * undici calls `onRequestStart` in the same tick as, and directly before, it writes the head. A request that
 * fails earlier was never sent.
 */
export const exchange = (dispatcher: Dispatcher, request: ExchangeRequest): Promise<Exchange> =>
  new Promise((resolve) => {
    let controller: Dispatcher.DispatchController | undefined;
    let broken: ExchangeBroken | UnreadableBody | undefined;
    let sent = false;
    let answer: { status: number; headers: Headers } | undefined;
    let ended = false;

    const settle = (result: Exchange) => {
      clearTimeout(deadline);
      body.close();
      request.signal?.removeEventListener('abort', onAbort);
      resolve(result);
    };
    const settleBroken = (error: Error, reason = error.message) => {
      const late = error instanceof ExchangeBroken && error.late;
      const isUnreadable = answer?.status === OK && error instanceof UnreadableBody;
      settle({
        whole: false,
        sent,
        late,
        reason,
        ...answer,
        ...(isUnreadable && { unreadable: error.code }),
      });
    };
    const breakOff = (error: ExchangeBroken | UnreadableBody) => {
      if (broken) return;
      broken = error;
      controller?.abort(error);
      // Without a controller, the request waits for a connection: onRequestStart will abort it.
      if (!controller || ended) settleBroken(error);
    };
    const body: BodyReceiver = receiveBody(request, breakOff);
    const onAbort = () => breakOff(new ExchangeBroken('aborted by the caller'));
    const deadline = setTimeout(
      () => breakOff(new ExchangeBroken(`no whole answer within ${request.timeoutMs} ms`)),
      request.timeoutMs,
    );
    if (request.signal?.aborted) return onAbort();
    request.signal?.addEventListener('abort', onAbort, { once: true });

    const onRequestStart = (started: Dispatcher.DispatchController) => {
      controller = started;
      if (!broken && request.sendBeforeMs !== undefined && performance.now() > request.sendBeforeMs)
        broken = new ExchangeBroken('too old to be sent', true);
      if (broken) return started.abort(broken);
      sent = true;
    };
    const onResponseEnd = () => {
      ended = true;
      const whole = (text: string, misnamed = false) =>
        settle({ whole: true, ...answer!, body: text, ...(misnamed && { misnamed }) });
      if (answer!.status !== OK) return whole('');
      // The deadline covers decoding, but not the wait of a whole answer for room: it may be the only copy of
      // a key.
      body
        .text(answer!.headers, () => clearTimeout(deadline))
        .then(({ text, misnamed }) => whole(text, misnamed))
        .catch(settleBroken);
    };
    dispatcher.dispatch(optionsOf(request), {
      onRequestStart,
      onResponseStart: (_controller, status, headers) => {
        answer = { status, headers };
      },
      onResponseData: (source, chunk) => body.add(chunk, source, answer!),
      onResponseEnd,
      onResponseError: (_controller, error) =>
        broken ? settleBroken(broken) : settleBroken(error, describe(error)),
    });
  });

const optionsOf = ({ method, path, headers }: ExchangeRequest): Dispatcher.DispatchOptions => ({
  method,
  path,
  headers,
  headersTimeout: 0,
  bodyTimeout: 0,
  idempotent: false,
});

/** The code or name of an error: its message may quote what was on the wire. */
const describe = (error: Error): string => {
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === 'string' ? code : error.name;
};

import type { Stats } from 'node:fs';
import { InterceptingCall, Metadata, status, type Deadline, type Interceptor } from '@grpc/grpc-js';
import { readTextFile } from '@rekey/schema';

/**
 * The caller's token: itself, the path of a file that holds it, which is read again when it is used (a pipe
 * once), or a function that gives it. White space around it does not count.
 */
export type Token = string | { file: string } | (() => string | Promise<string>);

/** A file is not read more often than this. */
const READ_AGAIN_AFTER_MS = 1000;
const MAX_TIMER_MS = 2 ** 31 - 1;
const FORM = /^[A-Za-z0-9._~+/=-]+$/;

const fromFile = (path: string): (() => string) => {
  let text: string;
  let readMs = -Infinity;
  let isFile = true;
  const onOpen = (stats: Stats): void => void (isFile = stats.isFile());
  return () => {
    if (performance.now() - readMs > READ_AGAIN_AFTER_MS) {
      text = readTextFile(path, { onOpen });
      // A pipe gives what it holds once.
      readMs = isFile ? performance.now() : Infinity;
    }
    return text;
  };
};

const sourceOf = (token: Token): (() => string | Promise<string>) => {
  if (typeof token === 'function') return token;
  return typeof token === 'string' ? () => token : fromFile(token.file);
};

const statusOf = (code: status, details: string) => ({ code, details, metadata: new Metadata() });

/** Calls back when the deadline has passed, as grpc-js does only once the call has started. */
const atDeadline = (deadline: Deadline | undefined, passed: () => void): (() => void) => {
  const leftMs = Number(deadline ?? Infinity) - Date.now();
  if (leftMs > MAX_TIMER_MS) return () => {};
  const timer = setTimeout(passed, Math.max(leftMs, 0));
  return () => clearTimeout(timer);
};

/**
 * Sends the token with each call. A call whose token cannot be had fails with UNAUTHENTICATED: no part of the
 * token is in the error. The call keeps its deadline, and can be cancelled, while the token is awaited.
 */
export const sendToken = (token: Token): Interceptor => {
  const read = sourceOf(token);
  const give = async (): Promise<string> => {
    const text = (await read()).trim();
    if (!FORM.test(text)) throw new Error('is empty, or has characters that no token has');
    return text;
  };
  return (options, nextCall) => {
    /** Ends a call that has not started. */
    let end = (_status: ReturnType<typeof statusOf>): void => {};
    return new InterceptingCall(nextCall(options), {
      start: (metadata, listener, next) => {
        let isSettled = false;
        const settle = (then: () => void): void => {
          if (isSettled) return;
          isSettled = true;
          keepNoDeadline();
          then();
        };
        end = (ended) => settle(() => listener.onReceiveStatus(ended));
        const keepNoDeadline = atDeadline(options.deadline, () =>
          end(statusOf(status.DEADLINE_EXCEEDED, 'The token of this client did not come in time.')),
        );
        give().then(
          (text) =>
            settle(() => {
              metadata.set('authorization', `Bearer ${text}`);
              next(metadata, listener);
            }),
          (error: unknown) =>
            end(statusOf(status.UNAUTHENTICATED, `The token of this client ${(error as Error).message}.`)),
        );
      },
      cancel: (next) => {
        end(statusOf(status.CANCELLED, 'Cancelled before the token of this client came.'));
        next();
      },
    });
  };
};

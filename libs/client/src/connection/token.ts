import { InterceptingCall, Metadata, status, type Interceptor } from '@grpc/grpc-js';
import { readTextFile } from '@rekey/schema';

/**
 * The caller's token: itself, the path of a file that holds it, which is read again when it is used, or a
 * function that gives it. White space around it does not count.
 */
export type Token = string | { file: string } | (() => string | Promise<string>);

/** A file is not read more often than this. */
const READ_AGAIN_AFTER_MS = 1000;
const FORM = /^[A-Za-z0-9._~+/=-]+$/;

const fromFile = (path: string): (() => string) => {
  let text: string;
  let readMs = -Infinity;
  return () => {
    if (performance.now() - readMs > READ_AGAIN_AFTER_MS) {
      text = readTextFile(path);
      readMs = performance.now();
    }
    return text;
  };
};

const sourceOf = (token: Token): (() => string | Promise<string>) => {
  if (typeof token === 'function') return token;
  return typeof token === 'string' ? () => token : fromFile(token.file);
};

/**
 * Sends the token with each call. A call whose token cannot be had fails with UNAUTHENTICATED: no part of the
 * token is in the error.
 */
export const sendToken = (token: Token): Interceptor => {
  const read = sourceOf(token);
  const give = async (): Promise<string> => {
    const text = (await read()).trim();
    if (!FORM.test(text)) throw new Error('is empty, or has characters that no token has');
    return text;
  };
  return (options, nextCall) =>
    new InterceptingCall(nextCall(options), {
      start: (metadata, listener, next) => {
        give().then(
          (text) => {
            metadata.set('authorization', `Bearer ${text}`);
            next(metadata, listener);
          },
          (error: unknown) =>
            listener.onReceiveStatus({
              code: status.UNAUTHENTICATED,
              details: `The token of this client ${(error as Error).message}.`,
              metadata: new Metadata(),
            }),
        );
      },
    });
};

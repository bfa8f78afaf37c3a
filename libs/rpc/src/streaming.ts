import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  Metadata,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type ServerReadableStream,
  type ServerWritableStream,
} from '@grpc/grpc-js';
import { RekeyError } from '@rekey/schema';
import { attempt } from './attempt.ts';
import { contextOf, statusOf, type CallContext, type OnUnexpected } from './server-call.ts';

/** The messages of a stream of requests. */
export interface RequestStream<Request> extends AsyncIterable<Request> {
  /** Asking for the next message throws this error. */
  abandon(error: Error): void;
}

/**
 * As `unary`, for a stream of requests. A message is read when the handler asks for it, so a slow handler
 * slows its caller down and no messages accumulate here. If the caller cancels before its last message,
 * asking for the next one throws: an interrupted stream never looks complete. Asking throws STREAM_IDLE if no
 * message arrives within `idleMs`.
 */
export const clientStreaming =
  <Request, Response>(
    handler: (requests: RequestStream<Request>, context: CallContext) => Promise<Response>,
    onUnexpected: OnUnexpected,
    { idleMs }: { idleMs: number },
  ): handleClientStreamingCall<Request, Response> =>
  (call, callback) => {
    // The stream may still fail when the caller leaves after an early answer.
    call.on('error', () => {});
    const context = contextOf(call);
    const abandon = (error: Error) => void call.destroy(error);
    // A caller that has cancelled receives nothing, and its leaving is not unexpected.
    const fail = (error: unknown): void =>
      void attempt(
        () => callback(statusOf(error, context, call.cancelled ? () => {} : onUnexpected)),
        () => {},
      );
    attempt(
      () =>
        void handler(Object.assign(readUntilEnd(call, idleMs), { abandon }), context).then(
          (response) => void attempt(() => callback(null, response), fail),
          fail,
        ),
      fail,
    );
  };

/**
 * The messages of a complete stream. When a caller resets its stream, grpc-js first ends it as if the last
 * message had arrived, and reports the cancellation a moment later. Sending the headers makes grpc-js check
 * whether the stream still exists. A reset that arrives after the end: see `limitCalls`.
 */
async function* readUntilEnd<Request>(
  call: ServerReadableStream<Request, unknown>,
  idleMs: number,
): AsyncGenerator<Request> {
  const watch = () => setTimeout(() => call.destroy(new RekeyError('STREAM_IDLE')), idleMs);
  let idle = watch();
  try {
    for await (const request of call as AsyncIterable<Request>) {
      // Time that the handler takes is not idle time of the caller.
      clearTimeout(idle);
      yield request;
      idle = watch();
    }
  } finally {
    clearTimeout(idle);
  }
  call.sendMetadata(new Metadata());
  await nextTurn();
  if (call.cancelled) throw new Error('the caller cancelled its stream');
}

/**
 * As `unary`, for a stream of responses: those that the handler yields. The next response is taken from the
 * handler when the caller has received the one before. When the caller cancels, the handler returns at its
 * next `yield`; a handler that waits for long must watch `signal`.
 */
export const serverStreaming =
  <Request, Response>(
    handler: (request: Request, context: CallContext) => AsyncIterable<Response>,
    onUnexpected: OnUnexpected,
  ): handleServerStreamingCall<Request, Response> =>
  (call) => {
    const context = contextOf(call);
    const fail = (error: unknown): void => {
      if (!call.cancelled)
        attempt(
          () => call.emit('error', statusOf(error, context, onUnexpected)),
          () => {},
        );
    };
    attempt(
      () =>
        void send(handler(call.request, context), call).then(
          () => void attempt(() => call.end(), fail),
          fail,
        ),
      fail,
    );
  };

const send = async <Response>(
  responses: AsyncIterable<Response>,
  call: ServerWritableStream<unknown, Response>,
): Promise<void> => {
  for await (const response of responses) {
    if (call.cancelled) return;
    if (!call.write(response)) await drained(call);
  }
};

/** Resolves when the buffer has room again, or when the caller has cancelled. */
const drained = (call: ServerWritableStream<unknown, unknown>): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      call.off('drain', done);
      call.off('cancelled', done);
      resolve();
    };
    call.on('drain', done);
    call.on('cancelled', done);
  });

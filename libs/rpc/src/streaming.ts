import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  Metadata,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type ServerReadableStream,
  type ServerWritableStream,
} from '@grpc/grpc-js';
import { RekeyError } from '@rekey/schema';
import { contextOf, tell, type CallContext } from './server-call.ts';

/**
 * As `unary`, for a stream of requests. The next message is read when the handler asks for it, so a slow
 * handler slows its caller down and nothing piles up here. When the caller goes before its last message,
 * asking for the next one throws: a broken-off stream never looks like one that is complete. It throws
 * STREAM_IDLE when a message that is asked for does not come within `idleMs`.
 */
export const clientStreaming =
  <Request, Response>(
    handler: (requests: AsyncIterable<Request>, context: CallContext) => Promise<Response>,
    onUnexpected: (error: unknown) => void,
    { idleMs }: { idleMs: number },
  ): handleClientStreamingCall<Request, Response> =>
  (call, callback) => {
    // What nobody reads any more may still fail, when the caller goes after an early answer.
    call.on('error', () => {});
    handler(wholeOf(call, idleMs), contextOf(call)).then(
      (response) => callback(null, response),
      // To one who has gone nothing is told, and its going is no surprise.
      (error: unknown) => callback(tell(error, call, call.cancelled ? () => {} : onUnexpected)),
    );
  };

/**
 * The messages of a stream that is whole. When a caller resets its stream, grpc-js ends it as if the last
 * message had come, and says a moment later that the call was cancelled. Sending the headers makes it look
 * whether the stream is still there.
 */
async function* wholeOf<Request>(
  call: ServerReadableStream<Request, unknown>,
  idleMs: number,
): AsyncGenerator<Request> {
  const watch = () => setTimeout(() => call.destroy(new RekeyError('STREAM_IDLE')), idleMs);
  let idle = watch();
  try {
    for await (const request of call as AsyncIterable<Request>) {
      // While the handler works, nobody waits for the caller.
      clearTimeout(idle);
      yield request;
      idle = watch();
    }
  } finally {
    clearTimeout(idle);
  }
  call.sendMetadata(new Metadata());
  await nextTurn();
  if (call.cancelled) throw new Error('the caller broke its stream off');
}

/**
 * As `unary`, for a stream of responses: those that the handler yields. One that the caller has not taken yet
 * holds up the next. When the caller goes, the handler is returned from at its next `yield`; it watches
 * `signal` where it waits for long.
 */
export const serverStreaming =
  <Request, Response>(
    handler: (request: Request, context: CallContext) => AsyncIterable<Response>,
    onUnexpected: (error: unknown) => void,
  ): handleServerStreamingCall<Request, Response> =>
  (call) => {
    send(handler(call.request, contextOf(call)), call).then(
      () => call.end(),
      (error: unknown) => {
        if (!call.cancelled) call.emit('error', tell(error, call, onUnexpected));
      },
    );
  };

const send = async <Response>(
  responses: AsyncIterable<Response>,
  call: ServerWritableStream<unknown, Response>,
): Promise<void> => {
  for await (const response of responses) {
    if (call.cancelled) return;
    if (!call.write(response)) await taken(call);
  }
};

/** Resolves when there is room again, or when there is nobody left to make it. */
const taken = (call: ServerWritableStream<unknown, unknown>): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      call.off('drain', done);
      call.off('cancelled', done);
      resolve();
    };
    call.on('drain', done);
    call.on('cancelled', done);
  });

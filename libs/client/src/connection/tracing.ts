import { InterceptingCall, type Interceptor } from '@grpc/grpc-js';

/** What names a call in the caller's own traces and logs. */
export interface CallNames {
  /** The W3C `traceparent` of the caller's span. */
  traceparent?: string | undefined;
  /** 1 to 128 letters, digits and `._:/+=-`. It is not `requestId`, which makes a request safe to repeat. */
  callId?: string | undefined;
}

/** Called as each call is sent, in the async context of the caller. */
export type Tracing = () => CallNames | undefined;

const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
const CALL_ID = /^[A-Za-z0-9._:/+=-]{1,128}$/;

const namesFrom = (tracing: Tracing): CallNames => {
  try {
    return tracing() ?? {};
  } catch {
    return {};
  }
};

/**
 * Sends the names of each call. Those that are not valid are left out, and so are all of a function that
 * throws: tracing fails no call.
 */
export const sendNames = (tracing: Tracing): Interceptor => {
  return (options, nextCall) =>
    new InterceptingCall(nextCall(options), {
      start: (metadata, listener, next) => {
        const { traceparent, callId } = namesFrom(tracing);
        if (typeof traceparent === 'string' && TRACEPARENT.test(traceparent))
          metadata.set('traceparent', traceparent);
        if (typeof callId === 'string' && CALL_ID.test(callId)) metadata.set('x-request-id', callId);
        next(metadata, listener);
      },
    });
};

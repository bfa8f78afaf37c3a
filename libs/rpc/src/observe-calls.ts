import { status, type ServerInterceptor } from '@grpc/grpc-js';

type InnermostCall = Parameters<ServerInterceptor>[1];
type Listener = Parameters<InnermostCall['start']>[0];

export interface CallObserver {
  /** A call has begun. The returned function receives the status code that the caller sees. */
  onCall(path: string): ((code: status) => void) | undefined;
}

/** grpc-js keeps the HTTP/2 stream of the innermost call to itself. */
const streamOf = (call: InnermostCall) => (call as { stream?: { destroyed: boolean } }).stream;

/**
 * Reports each call with the status code on the wire: also one that grpc-js sends by itself (a deadline that
 * has passed, a message that cannot be read), and CANCELLED for a call that its caller ended first. It must
 * be the first interceptor: grpc-js gives that one the innermost call, which sends every status.
 */
export const observeCalls =
  ({ onCall }: CallObserver): ServerInterceptor =>
  ({ path }, call) => {
    let onEnd: ((code: status) => void) | undefined;
    const end = (code: status) => {
      onEnd?.(code);
      onEnd = undefined;
    };
    const start = call.start.bind(call);
    call.start = (listener) => start(reporting(listener));
    const reporting = (listener: Listener): Listener => ({
      onReceiveMetadata: (metadata) => {
        // grpc-js starts no call that was cancelled before.
        onEnd = onCall(path);
        listener.onReceiveMetadata(metadata);
      },
      onReceiveMessage: (message) => listener.onReceiveMessage(message),
      onReceiveHalfClose: () => listener.onReceiveHalfClose(),
      onCancel: () => {
        end(status.CANCELLED);
        listener.onCancel();
      },
    });
    const send = call.sendStatus.bind(call);
    call.sendStatus = (sent) => {
      // On a stream that is gone nothing is sent; `onCancel` follows.
      const gone = streamOf(call)?.destroyed ?? false;
      send(sent);
      if (!gone) end(sent.code ?? status.UNKNOWN);
    };
    // The call is itself an intercepting call: grpc-js's own class would only pass everything on.
    return call as ReturnType<ServerInterceptor>;
  };

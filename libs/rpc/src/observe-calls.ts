import { status, type Metadata, type ServerInterceptor } from '@grpc/grpc-js';

type InnermostCall = Parameters<ServerInterceptor>[1];
type Listener = Parameters<InnermostCall['start']>[0];

export interface CallObserver {
  /** A call has begun. The returned function receives the status code that the caller sees. */
  onCall(path: string): ((code: status) => void) | undefined;
}

/** grpc-js keeps the HTTP/2 stream of the innermost call to itself. */
const streamOf = (call: InnermostCall) => (call as { stream?: { destroyed: boolean } }).stream;

/** A class, as tens of thousands of calls may be open: an object of closures would take more memory. */
class ObservedListener implements Listener {
  private readonly observer: CallObserver;
  private readonly path: string;
  private readonly listener: Listener;
  private onEnd: ((code: status) => void) | undefined;

  constructor(observer: CallObserver, path: string, listener: Listener) {
    this.observer = observer;
    this.path = path;
    this.listener = listener;
  }

  end(code: status): void {
    this.onEnd?.(code);
    this.onEnd = undefined;
  }

  onReceiveMetadata(metadata: Metadata): void {
    // grpc-js starts no call that was cancelled before.
    this.onEnd = this.observer.onCall(this.path);
    this.listener.onReceiveMetadata(metadata);
  }

  onReceiveMessage(message: unknown): void {
    this.listener.onReceiveMessage(message);
  }

  onReceiveHalfClose(): void {
    this.listener.onReceiveHalfClose();
  }

  onCancel(): void {
    this.end(status.CANCELLED);
    this.listener.onCancel();
  }
}

/**
 * Reports each call with the status code on the wire: also one that grpc-js sends by itself (a deadline that
 * has passed, a message that cannot be read), and CANCELLED for a call that its caller ended first. It must
 * be the first interceptor: grpc-js gives that one the innermost call, which sends every status.
 */
export const observeCalls =
  (observer: CallObserver): ServerInterceptor =>
  ({ path }, call) => {
    let observed: ObservedListener | undefined;
    const { start, sendStatus } = call;
    call.start = (listener) => {
      observed = new ObservedListener(observer, path, listener);
      start.call(call, observed);
    };
    call.sendStatus = (sent) => {
      // On a stream that is gone nothing is sent; `onCancel` follows.
      const gone = streamOf(call)?.destroyed ?? false;
      sendStatus.call(call, sent);
      if (!gone) observed?.end(sent.code ?? status.UNKNOWN);
    };
    // The call is itself an intercepting call: grpc-js's own class would only pass everything on.
    return call as ReturnType<ServerInterceptor>;
  };

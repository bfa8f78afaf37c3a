import { status, type Metadata, type ServerInterceptor } from '@grpc/grpc-js';
import { attempt, type OnThrown } from './attempt.ts';
import { override } from './memory/override.ts';

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
  private readonly onThrown: OnThrown;
  private onEnd: ((code: status) => void) | undefined;

  constructor(observer: CallObserver, path: string, listener: Listener, onThrown: OnThrown) {
    this.observer = observer;
    this.path = path;
    this.listener = listener;
    this.onThrown = onThrown;
  }

  end(code: status): void {
    const { onEnd } = this;
    this.onEnd = undefined;
    if (onEnd) attempt(() => onEnd(code), this.onThrown);
  }

  onReceiveMetadata(metadata: Metadata): void {
    // grpc-js starts no call that was cancelled before.
    this.onEnd = attempt(() => this.observer.onCall(this.path), this.onThrown);
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
 * be the first interceptor: grpc-js gives that one the innermost call, which sends every status. A call goes
 * on if the observer throws.
 */
export const observeCalls =
  (observer: CallObserver, onThrown: OnThrown = () => {}): ServerInterceptor =>
  ({ path }, call) => {
    let observed: ObservedListener | undefined;
    const { start, sendStatus } = call;
    override(call, 'start', (listener) => {
      observed = new ObservedListener(observer, path, listener, onThrown);
      start.call(call, observed);
    });
    override(call, 'sendStatus', (sent) => {
      // On a stream that is gone nothing is sent; `onCancel` follows.
      const gone = streamOf(call)?.destroyed ?? false;
      sendStatus.call(call, sent);
      if (!gone) observed?.end(sent.code ?? status.UNKNOWN);
    });
    // The call is itself an intercepting call: grpc-js's own class would only pass everything on.
    return call as ReturnType<ServerInterceptor>;
  };

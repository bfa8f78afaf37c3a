import type { Metadata, ServerInterceptor } from '@grpc/grpc-js';
import { RekeyError } from '@rekey/schema';
import { attempt, type OnThrown } from '../attempt.ts';
import { override } from '../memory/override.ts';
import { toStatus } from '../status-details.ts';
import { awaitPing } from './await-ping.ts';
import { markBeyond } from './beyond-limit.ts';
import { HeldCall, type InnermostCall, type KindLimits, type Method } from './held-call.ts';
import { takeTurns, type Turns } from './take-turns.ts';
import { OpenCalls, type OpenCallsHooks, type OpenCallsLimits } from './open-calls.ts';

export interface CallLimits extends OpenCallsLimits {
  kinds: Readonly<Record<string, KindLimits>>;
  /** The kind of a method: a name of `kinds`. */
  kindOf(method: Method): string;
  /** How long the metadata of a call may be. */
  metadataBytes: number;
  /** The metadata that handlers read: no other is kept. */
  keptMetadata: readonly string[];
}

type Listener = Parameters<InnermostCall['start']>[0];

/** The size of the metadata. Removes what is not kept. */
const reduceMetadata = (metadata: Metadata, kept: ReadonlySet<string>): number => {
  let bytes = 0;
  for (const [name, values] of Object.entries(metadata.toJSON())) {
    for (const value of values) bytes += name.length + value.length;
    if (!kept.has(name)) metadata.remove(name);
  }
  return bytes;
};

/** The limits of a process, and what is open under them. */
class Admission {
  readonly open: OpenCalls;
  /** What handlers do for callers that have gone, thousands at once if a connection is lost. */
  readonly cancelled: Turns;
  private readonly kept: ReadonlySet<string>;
  private readonly limits: CallLimits;
  readonly onThrown: OnThrown;

  constructor(limits: CallLimits, hooks: OpenCallsHooks) {
    this.open = new OpenCalls(limits.kinds, limits, hooks);
    this.cancelled = takeTurns(Infinity, hooks.onThrown);
    this.onThrown = hooks.onThrown;
    this.kept = new Set(limits.keptMetadata);
    this.limits = limits;
  }

  /** Does a step of a call. If it throws, its caller gets INTERNAL: grpc-js would let the process end. */
  step(held: HeldCall, act: () => void): void {
    attempt(act, (thrown) => {
      attempt(
        () => held.call.sendStatus(toStatus(new RekeyError('INTERNAL'), held.method.path)),
        this.onThrown,
      );
      this.onThrown(thrown);
    });
  }

  receive(held: HeldCall, metadata: Metadata, listener: Listener): void {
    const { metadataBytes } = this.limits;
    if (reduceMetadata(metadata, this.kept) > metadataBytes)
      this.open.refuse(held, {
        code: 'METADATA_TOO_LARGE',
        limit: 'metadata',
        metadata: { limit_bytes: String(metadataBytes) },
      });
    else {
      const name = this.limits.kindOf(held.method);
      const kind = this.open.admit(held, name);
      if (kind === undefined) return;
      if (kind.name !== name) markBeyond(metadata, { bound: name, limit: this.limits.kinds[name]!.open });
      listener.onReceiveMetadata(metadata);
    }
  }
}

/** A class, as tens of thousands of calls may be open: an object of closures would take more memory. */
class LimitedListener implements Listener {
  private readonly admission: Admission;
  private readonly held: HeldCall;
  private readonly listener: Listener;
  private isCancelled = false;

  constructor(admission: Admission, held: HeldCall, listener: Listener) {
    this.admission = admission;
    this.held = held;
    this.listener = listener;
  }

  onReceiveMetadata(metadata: Metadata): void {
    this.admission.step(this.held, () => this.admission.receive(this.held, metadata, this.listener));
  }

  onReceiveMessage(message: unknown): void {
    this.admission.step(this.held, () => {
      this.admission.open.received(this.held);
      if (!this.isCancelled) this.listener.onReceiveMessage(message);
    });
  }

  onReceiveHalfClose(): void {
    const { admission, held } = this;
    admission.step(held, () => {
      admission.open.arrived(held);
      const { session } = held.stream;
      if (this.isCancelled) return;
      // A client of Node that cancels may first end its stream, as if what it has sent were all.
      if (held.method.requestStream && session)
        awaitPing(session, () => admission.step(held, () => this.listener.onReceiveHalfClose()));
      else this.listener.onReceiveHalfClose();
    });
  }

  onCancel(): void {
    // A handler that reads a stream must know of it before it asks whether the stream is complete.
    if (this.held.method.requestStream) {
      attempt(() => this.listener.onCancel(), this.admission.onThrown);
      return;
    }
    this.isCancelled = true;
    this.admission.cancelled.take(() => this.listener.onCancel());
  }
}

type AuthContext = ReturnType<InnermostCall['getAuthContext']>;

/**
 * Who is at the other end of each connection: Node would parse the certificate anew for each call. HTTP/2 has
 * no renegotiation, so that what the handshake has proved holds until the connection ends.
 */
const authContexts = new WeakMap<object, AuthContext>();

const rememberAuthContext = (call: InnermostCall, session: object | undefined): void => {
  if (session === undefined) return;
  const { getAuthContext } = call;
  override(call, 'getAuthContext', () => {
    const known = authContexts.get(session) ?? getAuthContext.call(call);
    authContexts.set(session, known);
    return known;
  });
};

/**
 * Bounds what calls hold: how many are open, how long a request takes to arrive, the size of metadata,
 * requests and unread responses. It must come before interceptors that wrap the innermost call, and after
 * `observeCalls`, which then sees each refusal.
 */
export const limitCalls = (
  limits: CallLimits,
  { onLimit = () => {}, onThrown = () => {}, onIdle = () => {} }: Partial<OpenCallsHooks>,
): ServerInterceptor => {
  const admission = new Admission(limits, { onLimit, onThrown, onIdle });
  const { open } = admission;
  return (method, call) => {
    const held = new HeldCall(call, method);
    const { start, sendStatus, sendMessage } = call;
    const { session } = held.stream;
    if (session?.encrypted) rememberAuthContext(call, session);
    override(call, 'start', (listener) => start.call(call, new LimitedListener(admission, held, listener)));
    override(call, 'sendStatus', (status) => {
      sendStatus.call(call, status);
      open.answered(held);
    });
    override(call, 'sendMessage', (message, callback) => {
      sendMessage.call(call, message, callback);
      if (method.responseStream) open.sent(held, message as object);
      else open.answered(held);
    });
    // The call is itself an intercepting call: grpc-js's own class would only pass everything on.
    return call as ReturnType<ServerInterceptor>;
  };
};

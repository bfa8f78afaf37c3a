import { randomUUID } from 'node:crypto';
import type { Metadata, StatusObject } from '@grpc/grpc-js';
import { RekeyError, errorTable } from '@rekey/schema';
import { attempt } from './attempt.ts';
import { beyondLimitOf, type BeyondLimit } from './limits/beyond-limit.ts';
import { toStatus } from './status-details.ts';

export interface CallContext {
  /** The method's path, such as `/rekey.v1.RotationService/GetRotation`. */
  readonly path: string;
  /** The caller's `x-request-id` if it is valid; otherwise a new UUID. */
  readonly requestId: string;
  /** The caller's W3C `traceparent`; undefined if it sent none, or one that is not valid. */
  readonly traceparent: string | undefined;
  /** Aborts when the caller has gone or its deadline has passed. */
  readonly signal: AbortSignal;
  /** The same for calls that may be open by the ten thousand: a signal takes a kilobyte. */
  readonly isGone: boolean;
  onGone(listener: () => void): void;
  /** The caller's deadline, in ms since 1970; undefined if it set none. */
  readonly deadlineMs: number | undefined;
  /** The caller's `authorization` metadata as it was sent; empty for several. Secret: never log it. */
  readonly authorization: string | undefined;
  /** The caller's certificate in DER, if TLS has verified it. */
  readonly peerCertificate: Buffer | undefined;
  /** The address of the connection as `ADDRESS:PORT`, without brackets; `unknown` if it is gone. */
  readonly peer: string | undefined;
  /** Set if its kind has no room: nothing may be waited for. See `KindLimits.beyond`. */
  readonly beyondLimit: BeyondLimit | undefined;
}

/** What grpc-js's calls of every kind have in common. */
interface ServerCall {
  cancelled: boolean;
  metadata?: Metadata;
  on(event: 'cancelled', listener: () => void): unknown;
  getDeadline(): Date | number;
  getPath?(): string;
  getPeer?(): string;
  getAuthContext?(): { sslPeerCertificate?: { raw?: Buffer } } | null;
}

const REQUEST_ID = /^[A-Za-z0-9._:/+=-]{1,128}$/;
/** Version, trace id, parent id and flags; neither id may be all zeros (W3C Trace Context, section 3.2). */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Shared: to make an error, with its stack, for each caller that leaves takes longer than all else. */
const CALLER_GONE = new DOMException('The caller has gone', 'AbortError');

const signalOf = (call: ServerCall): AbortSignal => {
  const gone = new AbortController();
  if (call.cancelled) gone.abort(CALLER_GONE);
  else call.on('cancelled', () => gone.abort(CALLER_GONE));
  return gone.signal;
};

/** Computes each part when it is first read: most handlers read none. */
class ContextOfCall implements CallContext {
  private readonly call: ServerCall;
  private knownRequestId: string | undefined;
  private knownSignal: AbortSignal | undefined;

  constructor(call: ServerCall) {
    this.call = call;
  }

  get path(): string {
    return this.call.getPath?.() ?? '';
  }

  get requestId(): string {
    return (this.knownRequestId ??= this.header('x-request-id', REQUEST_ID) ?? randomUUID());
  }

  get traceparent(): string | undefined {
    return this.header('traceparent', TRACEPARENT);
  }

  get signal(): AbortSignal {
    return (this.knownSignal ??= signalOf(this.call));
  }

  get isGone(): boolean {
    return this.call.cancelled;
  }

  onGone(listener: () => void): void {
    if (this.call.cancelled) listener();
    else this.call.on('cancelled', listener);
  }

  get deadlineMs(): number | undefined {
    const deadlineMs = Number(this.call.getDeadline());
    return Number.isFinite(deadlineMs) ? deadlineMs : undefined;
  }

  get authorization(): string | undefined {
    const values = this.call.metadata?.get('authorization') ?? [];
    if (values.length === 0) return undefined;
    // Of several, none is the caller's by right: no token is valid that reads as none.
    return values.length === 1 ? String(values[0]) : '';
  }

  get peerCertificate(): Buffer | undefined {
    return this.call.getAuthContext?.()?.sslPeerCertificate?.raw;
  }

  get peer(): string | undefined {
    return this.call.getPeer?.();
  }

  get beyondLimit(): BeyondLimit | undefined {
    return this.call.metadata && beyondLimitOf(this.call.metadata);
  }

  private header(name: string, form: RegExp): string | undefined {
    const [value] = this.call.metadata?.get(name) ?? [];
    return typeof value === 'string' && form.test(value) ? value : undefined;
  }
}

export const contextOf = (call: ServerCall): CallContext => new ContextOfCall(call);

/** Receives each error that no caller may read. */
export type OnUnexpected = (error: unknown, context: CallContext) => void;

/**
 * The status of a failed call: that of a RekeyError; for any other error INTERNAL. An error that is, or
 * becomes, INTERNAL is reported. Throws nothing: nobody else would end the call.
 */
export const statusOf = (error: unknown, context: CallContext, onUnexpected: OnUnexpected): StatusObject => {
  const report = (thrown: unknown): void =>
    void attempt(
      () => onUnexpected(thrown, context),
      () => {},
    );
  const internal = (): StatusObject => toStatus(new RekeyError('INTERNAL'), context.path);
  if (!(error instanceof RekeyError)) {
    report(error);
    return internal();
  }
  if (errorTable[error.code]?.grpc === 'INTERNAL') report(error);
  return attempt(() => toStatus(error, context.path), report) ?? internal();
};

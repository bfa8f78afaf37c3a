import type { StatusObject } from '@grpc/grpc-js';
import { RekeyError, errorTable } from '@rekey/schema';
import { toStatus } from './status-details.ts';

export interface CallContext {
  /** Aborts when the caller has gone, or its deadline has passed. */
  signal: AbortSignal;
  /** When the caller's deadline is, in ms since 1970; undefined where it has none. */
  deadlineMs: number | undefined;
}

/** What is common to grpc-js's calls of every kind. */
export interface ServerCall {
  cancelled: boolean;
  on(event: 'cancelled', listener: () => void): unknown;
  getDeadline(): Date | number;
  getPath?(): string;
}

/** Lazy, since most calls are over before anybody asks. */
export const contextOf = (call: ServerCall): CallContext => ({
  get signal() {
    const gone = new AbortController();
    if (call.cancelled) gone.abort();
    else call.on('cancelled', () => gone.abort());
    return gone.signal;
  },
  get deadlineMs() {
    const deadlineMs = Number(call.getDeadline());
    return Number.isFinite(deadlineMs) ? deadlineMs : undefined;
  },
});

/**
 * What a caller is told of an error: a RekeyError's status; of anything else INTERNAL, while the error itself
 * is reported.
 */
export const tell = (
  error: unknown,
  call: Pick<ServerCall, 'getPath'>,
  onUnexpected: (error: unknown) => void,
): StatusObject => {
  const told = error instanceof RekeyError ? error : new RekeyError('INTERNAL');
  if (errorTable[told.code].grpc === 'INTERNAL') onUnexpected(error);
  return toStatus(told, call.getPath?.());
};

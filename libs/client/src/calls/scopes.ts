import type { Cancellation } from '../connection/cancellation.ts';
import { RekeyClientError } from './client-error.ts';

/** setTimeout's limit, 24 days; longer times are cut to it. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** How long after its deadline to cancel a call that gRPC has not ended. */
const GRACE_MS = 500;

/** One operation of a client. The caller's signal cancels it, and so does closing the client. */
export interface Scope extends Cancellation {
  cancelled(): RekeyClientError | undefined;
  /** Rejects with `cancelled()` if the operation is cancelled meanwhile. */
  pause(ms: number): Promise<void>;
  /** Must be called in any case. */
  end(): void;
}

export interface Scopes {
  /** Throws if the signal has aborted, or the client is closed. */
  open(options: { signal?: AbortSignal | undefined; deadlineMs?: number }): Scope;
  close(): void;
}

/** A positive number of ms, no longer than a timer may be. Throws a TypeError otherwise. */
export const checkedMs = (name: string, ms: number): number => {
  if (!(ms > 0)) throw new TypeError(`${name} must be a positive number of milliseconds`);
  return Math.min(ms, LONGEST_TIMER_MS);
};

export const createScopes = (): Scopes => {
  const open = new Set<(why: RekeyClientError) => void>();
  let closed = false;

  return {
    open: ({ signal, deadlineMs }) => {
      if (closed) throw new RekeyClientError('CLIENT_CLOSED');
      if (signal?.aborted) throw new RekeyClientError('ABORTED', { cause: signal.reason });
      let reason: RekeyClientError | undefined;
      const listeners = new Set<() => void>();
      const cancel = (why: RekeyClientError) => {
        if (reason) return;
        reason = why;
        for (const listener of listeners) listener();
      };
      const onAbort = () => cancel(new RekeyClientError('ABORTED', { cause: signal!.reason }));
      signal?.addEventListener('abort', onAbort);
      open.add(cancel);
      const timer =
        deadlineMs === undefined
          ? undefined
          : setTimeout(
              () => cancel(new RekeyClientError('DEADLINE_EXCEEDED')),
              Math.min(deadlineMs + GRACE_MS, LONGEST_TIMER_MS),
            );
      const onCancel = (listener: () => void) => {
        if (reason) listener();
        else listeners.add(listener);
        return () => void listeners.delete(listener);
      };
      return {
        cancelled: () => reason,
        onCancel,
        pause: (ms) =>
          new Promise((resolve, reject) => {
            const paused = setTimeout(() => {
              ignoreCancel();
              resolve();
            }, ms);
            const ignoreCancel = onCancel(() => {
              clearTimeout(paused);
              reject(reason!);
            });
          }),
        end: () => {
          clearTimeout(timer);
          signal?.removeEventListener('abort', onAbort);
          open.delete(cancel);
        },
      };
    },
    close: () => {
      closed = true;
      for (const cancel of open) cancel(new RekeyClientError('CLIENT_CLOSED'));
    },
  };
};

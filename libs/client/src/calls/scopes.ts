import { setTimeout as sleep } from 'node:timers/promises';
import { RekeyClientError } from './client-error.ts';

/** setTimeout's; longer times are cut to it: 24 days. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** How long after its deadline a call that gRPC has not ended is broken off. */
const GRACE_MS = 500;

/** One operation of a client: it ends at the caller's signal, and with the client. */
export interface Scope {
  readonly signal: AbortSignal;
  /** Why it has been broken off; undefined where it has not. */
  broken(): RekeyClientError | undefined;
  /** Rejects with `broken()` where it is broken off meanwhile. */
  pause(ms: number): Promise<void>;
  /** To be called in any case. */
  end(): void;
}

export interface Scopes {
  /** Throws where the signal has aborted, or the client is closed. */
  open(options: { signal?: AbortSignal | undefined; deadlineMs?: number }): Scope;
  close(): void;
}

/** A positive number of ms, no longer than a timer may be. Throws a TypeError of anything else. */
export const checkedMs = (name: string, ms: number): number => {
  if (!(ms > 0)) throw new TypeError(`${name} must be a positive number of milliseconds`);
  return Math.min(ms, LONGEST_TIMER_MS);
};

/** Not AbortSignal.any: what follows a signal that lives as long as the client would pile up there. */
export const createScopes = (): Scopes => {
  const open = new Set<(why: RekeyClientError) => void>();
  let closed = false;

  return {
    open: ({ signal, deadlineMs }) => {
      if (closed) throw new RekeyClientError('CLIENT_CLOSED');
      if (signal?.aborted) throw new RekeyClientError('ABORTED', { cause: signal.reason });
      const controller = new AbortController();
      const breakOff = (why: RekeyClientError) => controller.abort(why);
      const onAbort = () => breakOff(new RekeyClientError('ABORTED', { cause: signal!.reason }));
      signal?.addEventListener('abort', onAbort);
      open.add(breakOff);
      const timer =
        deadlineMs === undefined
          ? undefined
          : setTimeout(
              () => breakOff(new RekeyClientError('DEADLINE_EXCEEDED')),
              Math.min(deadlineMs + GRACE_MS, LONGEST_TIMER_MS),
            );
      const broken = () =>
        controller.signal.aborted ? (controller.signal.reason as RekeyClientError) : undefined;
      return {
        signal: controller.signal,
        broken,
        pause: async (ms) => {
          await sleep(ms, undefined, { signal: controller.signal }).catch(() => {
            throw broken()!;
          });
        },
        end: () => {
          clearTimeout(timer);
          signal?.removeEventListener('abort', onAbort);
          open.delete(breakOff);
        },
      };
    },
    close: () => {
      closed = true;
      for (const breakOff of open) breakOff(new RekeyClientError('CLIENT_CLOSED'));
    },
  };
};

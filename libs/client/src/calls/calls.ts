import type { TryOptions } from '../connection/transport.ts';
import { createBackoff, type Backoff, type RetryOptions } from './backoff.ts';
import { RekeyClientError, asClientError } from './client-error.ts';
import { monotonicMs } from './monotonic.ts';
import { checkedMs, type Scopes } from './scopes.ts';

/** Options of every call. */
export interface CallOptions {
  /** Limit of the call including all retries, in ms. */
  deadlineMs?: number;
  /** Cancels the call: it rejects with ABORTED. A request that reached the gateway may still take effect. */
  signal?: AbortSignal;
  /** Overrides the client's `retry` for a call that is safe to repeat. Other calls are always sent once. */
  retry?: RetryOptions | false;
}

/** One try of a call. */
type Attempt<T> = (options: TryOptions) => Promise<T>;

export interface Calls {
  /**
   * `repeatable`: whether to retry the call until its deadline if the error is retryable. `reads`: whether
   * the call changes nothing.
   */
  run<T>(
    attempt: Attempt<T>,
    options: CallOptions & {
      repeatable: boolean;
      reads?: boolean;
      requestId?: string;
      bulkRotationId?: string;
    },
  ): Promise<T>;
}

interface CallsOptions {
  scopes: Scopes;
  /** `false`: no call is retried. */
  retry: RetryOptions | false;
  deadlineMs: number;
}

export const createCalls = ({ scopes, ...defaults }: CallsOptions): Calls => ({
  run: async (
    attempt,
    { deadlineMs = defaults.deadlineMs, retry = defaults.retry, signal, repeatable, ...about },
  ) => {
    const wholeMs = checkedMs('deadlineMs', deadlineMs);
    const scope = scopes.open({ signal, deadlineMs: wholeMs });
    const endsAtMs = monotonicMs() + wholeMs;
    let backoff: Backoff | undefined;
    let before: RekeyClientError | undefined;
    const failureOf = (error: unknown) => {
      const cancelled = scope.cancelled();
      if (cancelled) return new RekeyClientError(cancelled.code, { ...about, cause: cancelled.cause });
      const failure = asClientError(error, about);
      // The failure of an earlier try explains more than the deadline that ended the last one.
      if (before && failure instanceof RekeyClientError && failure.code === 'DEADLINE_EXCEEDED')
        failure.cause = before;
      return failure;
    };
    try {
      for (;;) {
        try {
          return await attempt({ deadlineMs: endsAtMs - monotonicMs(), cancellation: scope });
        } catch (error) {
          const failure = failureOf(error);
          backoff ??= createBackoff(retry || {});
          const { retryAfterMs } = failure as Partial<RekeyClientError>;
          const pauseMs = backoff.nextMs(retryAfterMs);
          const again =
            repeatable &&
            retry !== false &&
            failure instanceof RekeyClientError &&
            failure.retryable &&
            monotonicMs() + pauseMs < endsAtMs;
          if (!again) throw failure;
          before = failure;
          await scope.pause(pauseMs).catch((cancelled: unknown) => {
            throw failureOf(cancelled);
          });
        }
      }
    } finally {
      scope.end();
    }
  },
});

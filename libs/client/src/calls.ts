import { createBackoff, type RetryOptions } from './backoff.ts';
import { RekeyClientError, asClientError } from './client-error.ts';
import { checkedMs, type Scopes } from './scopes.ts';

/** What every call takes. */
export interface CallOptions {
  /** How long the call may take, all its tries together, in ms. */
  deadlineMs?: number;
  /** Breaks the call off: it rejects with ABORTED. What had reached the gateway may still take effect. */
  signal?: AbortSignal;
}

/** One try; it has what is left of the deadline. */
export type Attempt<T> = (options: { deadlineMs: number; signal: AbortSignal }) => Promise<T>;

export interface Calls {
  /**
   * `repeatable`: whether a call that failed for now is tried again until its deadline. `reads`: whether it
   * changes nothing.
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

export interface CallsOptions {
  scopes: Scopes;
  /** `false`: nothing is tried again. */
  retry: RetryOptions | false;
  deadlineMs: number;
}

export const createCalls = ({ scopes, retry, deadlineMs: byDefaultMs }: CallsOptions): Calls => ({
  run: async (attempt, { deadlineMs = byDefaultMs, signal, repeatable, ...about }) => {
    const wholeMs = checkedMs('deadlineMs', deadlineMs);
    const scope = scopes.open({ signal, deadlineMs: wholeMs });
    const endsAtMs = performance.now() + wholeMs;
    const backoff = createBackoff(retry || {});
    let before: RekeyClientError | undefined;
    const failureOf = (error: unknown) => {
      const broken = scope.broken();
      if (broken) return new RekeyClientError(broken.code, { ...about, cause: broken.cause });
      const failure = asClientError(error, about);
      // Why the tries before it failed says more than that the last one had no time left.
      if (before && failure instanceof RekeyClientError && failure.code === 'DEADLINE_EXCEEDED')
        failure.cause = before;
      return failure;
    };
    try {
      for (;;) {
        try {
          return await attempt({ deadlineMs: endsAtMs - performance.now(), signal: scope.signal });
        } catch (error) {
          const failure = failureOf(error);
          const pauseMs = backoff.nextMs();
          const again =
            repeatable &&
            retry !== false &&
            failure instanceof RekeyClientError &&
            failure.retryable &&
            performance.now() + pauseMs < endsAtMs;
          if (!again) throw failure;
          before = failure;
          await scope.pause(pauseMs).catch((broken: unknown) => {
            throw failureOf(broken);
          });
        }
      }
    } finally {
      scope.end();
    }
  },
});

import { createBackoff, type RetryOptions } from './backoff.ts';
import type { CallOptions } from './calls.ts';
import { RekeyClientError } from './client-error.ts';
import type { Scope } from './scopes.ts';

/** One look at the health of a gateway. */
const LOOK_WITHIN_MS = 5000;

/** Resolves when the gateway answers that it serves. */
export const untilReady = async (
  {
    health,
    scope,
    backoff: options,
  }: { health: (options: CallOptions) => Promise<string>; scope: Scope; backoff: RetryOptions },
  timeoutMs: number,
): Promise<void> => {
  const endsAtMs = performance.now() + timeoutMs;
  const backoff = createBackoff(options);
  const look = async (): Promise<RekeyClientError | undefined> => {
    try {
      const answer = await health({
        deadlineMs: Math.max(Math.min(LOOK_WITHIN_MS, endsAtMs - performance.now()), 1),
        signal: scope.signal,
      });
      return answer === 'SERVING'
        ? undefined
        : new RekeyClientError('GATEWAY_UNAVAILABLE', {
            message: `The gateway runs, but cannot serve (${answer}): its Redis is away, or takes no writes.`,
          });
    } catch (error) {
      if (scope.broken()) throw scope.broken();
      if (!(error instanceof RekeyClientError) || !error.retryable) throw error;
      return error;
    }
  };
  for (;;) {
    const problem = await look();
    if (!problem) return;
    const leftMs = endsAtMs - performance.now();
    if (leftMs <= 0)
      throw problem.code === 'GATEWAY_UNAVAILABLE'
        ? problem
        : new RekeyClientError('GATEWAY_UNAVAILABLE', { cause: problem });
    await scope.pause(Math.min(backoff.nextMs(), leftMs));
  }
};

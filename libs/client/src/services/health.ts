import { createBackoff, type RetryOptions } from '../calls/backoff.ts';
import type { CallOptions } from '../calls/calls.ts';
import { RekeyClientError } from '../calls/client-error.ts';
import { checkedMs, type Scope } from '../calls/scopes.ts';
import type { ServiceDeps } from '../calls/service-calls.ts';
import type { TimeoutOptions } from './rotations.ts';

export interface HealthMethods {
  /**
   * grpc.health.v1: `SERVING`, or `NOT_SERVING` if the gateway runs but its Redis is unavailable or refuses
   * writes. Not retried.
   */
  health(options?: CallOptions): Promise<string>;
  /** Resolves as soon as the gateway serves: within 30 s by default. Rejects with GATEWAY_UNAVAILABLE. */
  ready(options?: TimeoutOptions): Promise<void>;
}

const READY_MS = 30_000;
/** The limit of one health check. */
const CHECK_WITHIN_MS = 5000;

export const createHealthMethods = ({ transport, calls, scopes, backoff }: ServiceDeps): HealthMethods => {
  const health: HealthMethods['health'] = async (options) => {
    const { status } = await calls.run((attempt) => transport.checkHealth(attempt), {
      ...options,
      repeatable: false,
      reads: true,
    });
    return status;
  };
  return {
    health,
    ready: async ({ timeoutMs = READY_MS, signal } = {}) => {
      const wholeMs = checkedMs('timeoutMs', timeoutMs);
      const scope = scopes.open({ signal });
      try {
        await untilReady({ health, scope, backoff, signal }, wholeMs);
      } finally {
        scope.end();
      }
    },
  };
};

/** Resolves when the gateway answers that it serves. */
const untilReady = async (
  {
    health,
    scope,
    backoff: pauses,
    signal,
  }: {
    health: HealthMethods['health'];
    scope: Scope;
    backoff: RetryOptions;
    signal: AbortSignal | undefined;
  },
  timeoutMs: number,
): Promise<void> => {
  const endsAtMs = performance.now() + timeoutMs;
  const backoff = createBackoff(pauses);
  const check = async (): Promise<RekeyClientError | undefined> => {
    try {
      const answer = await health({
        deadlineMs: Math.max(Math.min(CHECK_WITHIN_MS, endsAtMs - performance.now()), 1),
        ...(signal && { signal }),
      });
      return answer === 'SERVING'
        ? undefined
        : new RekeyClientError('GATEWAY_UNAVAILABLE', {
            message:
              `The gateway runs but cannot serve (${answer}): ` +
              'its Redis is unavailable or refuses writes.',
          });
    } catch (error) {
      if (scope.cancelled()) throw scope.cancelled();
      if (!(error instanceof RekeyClientError) || !error.retryable) throw error;
      return error;
    }
  };
  for (;;) {
    const problem = await check();
    if (!problem) return;
    const leftMs = endsAtMs - performance.now();
    if (leftMs <= 0)
      throw problem.code === 'GATEWAY_UNAVAILABLE'
        ? problem
        : new RekeyClientError('GATEWAY_UNAVAILABLE', { cause: problem });
    await scope.pause(Math.min(backoff.nextMs(problem.retryAfterMs), leftMs));
  }
};

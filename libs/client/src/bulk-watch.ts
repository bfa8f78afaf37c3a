import { isDeepStrictEqual } from 'node:util';
import type { GatewayClient } from '@rekey/rpc';
import { isBulkEnded } from '@rekey/schema';
import { createBackoff, type RetryOptions } from './backoff.ts';
import { RekeyClientError, asClientError } from './client-error.ts';
import { toBulkRotation } from './mapping.ts';
import type { BulkRotation } from './models.ts';
import type { Scope } from './scopes.ts';

export interface BulkWatchDeps {
  gateway: Pick<GatewayClient, 'watchBulkRotation'>;
  scope: Scope;
  backoff: RetryOptions;
}

const isStopped = ({ state }: BulkRotation): boolean => state === 'PAUSED' || state === 'HALTED';

/**
 * A bulk rotation as it is, and whenever it has changed, until it has ended, over absences of the gateway
 * that are no longer than `patienceMs`.
 * What was yielded is not yielded again where a new stream begins with it.
 */
export async function* watchBulk(
  { gateway, scope, backoff: options }: BulkWatchDeps,
  id: string,
  { untilStopped, patienceMs }: { untilStopped: boolean; patienceMs: number },
): AsyncGenerator<BulkRotation> {
  const backoff = createBackoff(options);
  let last: BulkRotation | undefined;
  let awaySinceMs: number | undefined;
  const isOver = () => last !== undefined && (isBulkEnded(last.state) || (untilStopped && isStopped(last)));
  const failureOf = (error: unknown) => {
    const broken = scope.broken();
    return broken
      ? new RekeyClientError(broken.code, { bulkRotationId: id, cause: broken.cause })
      : asClientError(error, { bulkRotationId: id });
  };

  for (;;) {
    let failure: unknown = new RekeyClientError('GATEWAY_UNAVAILABLE', {
      bulkRotationId: id,
      message: 'The gateway has ended the stream early.',
    });
    const stream = gateway
      .watchBulkRotation({ id, untilStopped }, { signal: scope.signal })
      [Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await stream.next().catch((error: unknown) => {
          failure = error;
        });
        if (!next || next.done) break;
        awaySinceMs = undefined;
        backoff.reset();
        const bulk = toBulkRotation(next.value);
        const isNews = !isDeepStrictEqual(bulk, last);
        last = bulk;
        if (isNews) yield bulk;
        if (isOver()) return;
      }
    } finally {
      await stream.return?.();
    }
    failure = failureOf(failure);
    if (!(failure instanceof RekeyClientError) || !failure.retryable) throw failure;
    awaySinceMs ??= performance.now();
    if (performance.now() - awaySinceMs > patienceMs) throw failure;
    await scope.pause(backoff.nextMs()).catch((broken: unknown) => {
      throw failureOf(broken);
    });
  }
}

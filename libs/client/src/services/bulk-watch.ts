import { isDeepStrictEqual } from 'node:util';
import { isBulkEnded } from '@rekey/schema';
import { createBackoff, type RetryOptions } from '../calls/backoff.ts';
import { RekeyClientError, asClientError } from '../calls/client-error.ts';
import type { Scope } from '../calls/scopes.ts';
import type { Transport } from '../connection/transport.ts';
import { toBulkRotation, type BulkRotation } from '../models/bulk-rotation.ts';

export interface WatchOptions {
  /** End also when it is PAUSED or HALTED. */
  untilStopped?: boolean;
  /** How long the gateway may be unavailable before the loop throws, in ms. Default: 30 s. */
  patienceMs?: number;
  /** Called when the stream is lost and the client reconnects: once per outage of the gateway. */
  onDisconnect?: (error: RekeyClientError) => void;
  /** Called when the gateway answers again after `onDisconnect`, with the bulk rotation as it is now. */
  onReconnect?: (bulk: BulkRotation) => void;
  /** Ends the watch: the loop throws ABORTED. Leaving the loop ends it too, without an error. */
  signal?: AbortSignal;
}

interface BulkWatchDeps {
  transport: Pick<Transport, 'receive'>;
  scope: Scope;
  backoff: RetryOptions;
}

const PATIENCE_MS = 30_000;

const isStopped = ({ state }: BulkRotation): boolean => state === 'PAUSED' || state === 'HALTED';

/**
 * Yields the current state of a bulk rotation, and each change, until it ends. Reconnects if the gateway is
 * unavailable for no longer than `patienceMs`. A new stream begins with the current state: it is not yielded
 * again if nothing has changed.
 */
export async function* watchBulk(
  { transport, scope, backoff: pauses }: BulkWatchDeps,
  id: string,
  { untilStopped = false, patienceMs = PATIENCE_MS, onDisconnect, onReconnect }: WatchOptions,
): AsyncGenerator<BulkRotation> {
  const backoff = createBackoff(pauses);
  let last: BulkRotation | undefined;
  let awaySinceMs: number | undefined;
  const isLast = () => last !== undefined && (isBulkEnded(last.state) || (untilStopped && isStopped(last)));
  const failureOf = (error: unknown) => {
    const cancelled = scope.cancelled();
    return cancelled
      ? new RekeyClientError(cancelled.code, { bulkRotationId: id, cause: cancelled.cause })
      : asClientError(error, { bulkRotationId: id });
  };

  for (;;) {
    let failure: unknown = new RekeyClientError('GATEWAY_UNAVAILABLE', {
      bulkRotationId: id,
      message: 'The gateway ended the stream early.',
    });
    const stream = transport
      .receive('BulkRotationService', 'WatchBulkRotation', { id, untilStopped }, scope)
      [Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await stream.next().catch((error: unknown) => {
          failure = error;
        });
        if (!next || next.done) break;
        backoff.reset();
        const bulk = toBulkRotation(next.value);
        if (awaySinceMs !== undefined) onReconnect?.(bulk);
        awaySinceMs = undefined;
        const isNews = !isDeepStrictEqual(bulk, last);
        last = bulk;
        if (isNews) yield bulk;
        if (isLast()) return;
      }
    } finally {
      await stream.return?.();
    }
    failure = failureOf(failure);
    if (!(failure instanceof RekeyClientError) || !failure.retryable) throw failure;
    if (awaySinceMs === undefined) onDisconnect?.(failure);
    awaySinceMs ??= performance.now();
    const { retryAfterMs = 0 } = failure;
    if (performance.now() + retryAfterMs - awaySinceMs > patienceMs) throw failure;
    await scope.pause(backoff.nextMs(retryAfterMs)).catch((cancelled: unknown) => {
      throw failureOf(cancelled);
    });
  }
}

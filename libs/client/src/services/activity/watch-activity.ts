import { createBackoff, type RetryOptions } from '../../calls/backoff.ts';
import { RekeyClientError, asClientError } from '../../calls/client-error.ts';
import type { Scope } from '../../calls/scopes.ts';
import type { RequestOf, Transport } from '../../connection/transport.ts';
import { toActivityRecord, type ActivityRecord } from '../../models/activity.ts';

export interface WatchActivityOptions {
  /** How long the gateway may be unavailable before the loop throws, in ms. Default: 30 s. */
  patienceMs?: number;
  /** Called when the watch has begun, with the position that it begins after. */
  onBegin?: (position: string) => void;
  /** Called with the number of entries that are no records: another client of Redis has written them. */
  onUnreadable?: (count: number) => void;
  /** Called when the stream is lost and the client reconnects: once per outage of the gateway. */
  onDisconnect?: (error: RekeyClientError) => void;
  /** Called when the gateway answers again after `onDisconnect`. */
  onReconnect?: () => void;
  /** Ends the watch: the loop throws ABORTED. Leaving the loop ends it too, without an error. */
  signal?: AbortSignal;
}

interface ActivityWatchDeps {
  transport: Pick<Transport, 'receive'>;
  scope: Scope;
  backoff: RetryOptions;
}

const PATIENCE_MS = 30_000;

/**
 * Yields each record that is added. Reconnects if the gateway is unavailable for no longer than `patienceMs`,
 * and continues after the last position.
 */
export async function* watchActivity(
  { transport, scope, backoff: pauses }: ActivityWatchDeps,
  request: RequestOf<'ActivityService', 'WatchActivity'>,
  { patienceMs = PATIENCE_MS, onBegin, onUnreadable, onDisconnect, onReconnect }: WatchActivityOptions,
): AsyncGenerator<ActivityRecord> {
  const backoff = createBackoff(pauses);
  let { after } = request;
  let hasBegun = false;
  let awaySinceMs: number | undefined;
  const failureOf = (error: unknown) => {
    const cancelled = scope.cancelled();
    return cancelled
      ? new RekeyClientError(cancelled.code, { reads: true, cause: cancelled.cause })
      : asClientError(error, { reads: true });
  };

  for (;;) {
    let failure: unknown = new RekeyClientError('GATEWAY_UNAVAILABLE', {
      message: 'The gateway ended the stream early.',
    });
    const stream = transport
      .receive('ActivityService', 'WatchActivity', { ...request, ...(after && { after }) }, scope)
      [Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await stream.next().catch((error: unknown) => {
          failure = error;
        });
        if (!next || next.done) break;
        backoff.reset();
        const { record, position, unreadableCount } = next.value;
        if (awaySinceMs !== undefined) onReconnect?.();
        awaySinceMs = undefined;
        if (!hasBegun) onBegin?.(position);
        hasBegun = true;
        if (Number(unreadableCount) > 0) onUnreadable?.(Number(unreadableCount));
        if (record) yield toActivityRecord(record);
        after = position;
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

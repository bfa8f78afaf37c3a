import type { RetryOptions } from '../../calls/backoff.ts';
import type { RekeyClientError } from '../../calls/client-error.ts';
import { followStream } from '../../calls/follow-stream.ts';
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

/**
 * Yields each record that is added. Reconnects if the gateway is unavailable for no longer than `patienceMs`,
 * and continues after the last position.
 */
export async function* watchActivity(
  { transport, scope, backoff }: ActivityWatchDeps,
  request: RequestOf<'ActivityService', 'WatchActivity'>,
  { patienceMs, onBegin, onUnreadable, onDisconnect, onReconnect }: WatchActivityOptions,
): AsyncGenerator<ActivityRecord> {
  let { after } = request;
  let hasBegun = false;
  const open = () =>
    transport.receive('ActivityService', 'WatchActivity', { ...request, ...(after && { after }) }, scope);
  const about = { reads: true };
  for await (const { message, isBack } of followStream({
    open,
    scope,
    backoff,
    patienceMs,
    onDisconnect,
    about,
  })) {
    const { record, position, unreadableCount } = message;
    if (isBack) onReconnect?.();
    if (!hasBegun) onBegin?.(position);
    hasBegun = true;
    if (Number(unreadableCount) > 0) onUnreadable?.(Number(unreadableCount));
    if (record) yield toActivityRecord(record);
    after = position;
  }
}

import { isDeepStrictEqual } from 'node:util';
import { isBulkEnded } from '@rekey/schema';
import type { RetryOptions } from '../calls/backoff.ts';
import type { RekeyClientError } from '../calls/client-error.ts';
import { followStream } from '../calls/follow-stream.ts';
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

const isStopped = ({ state }: BulkRotation): boolean => state === 'PAUSED' || state === 'HALTED';

/**
 * Yields the current state of a bulk rotation, and each change, until it ends. Reconnects if the gateway is
 * unavailable for no longer than `patienceMs`. A new stream begins with the current state: it is not yielded
 * again if nothing has changed.
 */
export async function* watchBulk(
  { transport, scope, backoff }: BulkWatchDeps,
  id: string,
  { untilStopped = false, patienceMs, onDisconnect, onReconnect }: WatchOptions,
): AsyncGenerator<BulkRotation> {
  let last: BulkRotation | undefined;
  const isLast = () => last !== undefined && (isBulkEnded(last.state) || (untilStopped && isStopped(last)));
  const open = () =>
    transport.receive('BulkRotationService', 'WatchBulkRotation', { id, untilStopped }, scope);
  const about = { bulkRotationId: id };
  for await (const { message, isBack } of followStream({
    open,
    scope,
    backoff,
    patienceMs,
    onDisconnect,
    about,
  })) {
    const bulk = toBulkRotation(message);
    if (isBack) onReconnect?.(bulk);
    const isNews = !isDeepStrictEqual(bulk, last);
    last = bulk;
    if (isNews) yield bulk;
    if (isLast()) return;
  }
}

import { createBackoff, type RetryOptions } from './backoff.ts';
import { RekeyClientError, asClientError } from './client-error.ts';
import type { Scope } from './scopes.ts';

interface FollowStreamOptions<Message> {
  /** Opens the stream, the first time and after each loss. */
  open(): AsyncIterable<Message>;
  scope: Scope;
  backoff: RetryOptions;
  /** How long the gateway may be unavailable before this throws, in ms. Default: 30 s. */
  patienceMs?: number | undefined;
  /** Called when the stream is lost: once per outage of the gateway. */
  onDisconnect?: ((error: RekeyClientError) => void) | undefined;
  /** What errors are about. */
  about: Parameters<typeof asClientError>[1];
}

const PATIENCE_MS = 30_000;

/**
 * Yields the messages of a stream, and opens it again if the gateway is unavailable for no longer than
 * `patienceMs`. `isBack`: the message is the first after an outage.
 */
export async function* followStream<Message>({
  open,
  scope,
  backoff: pauses,
  patienceMs = PATIENCE_MS,
  onDisconnect,
  about,
}: FollowStreamOptions<Message>): AsyncGenerator<{ message: Message; isBack: boolean }> {
  const backoff = createBackoff(pauses);
  let awaySinceMs: number | undefined;
  const failureOf = (error: unknown) => {
    const cancelled = scope.cancelled();
    return cancelled
      ? new RekeyClientError(cancelled.code, { ...about, cause: cancelled.cause })
      : asClientError(error, about);
  };

  for (;;) {
    let failure: unknown = new RekeyClientError('GATEWAY_UNAVAILABLE', {
      ...about,
      message: 'The gateway ended the stream early.',
    });
    const stream = open()[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await stream.next().catch((error: unknown) => {
          failure = error;
        });
        if (!next || next.done) break;
        backoff.reset();
        const isBack = awaySinceMs !== undefined;
        awaySinceMs = undefined;
        yield { message: next.value, isBack };
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

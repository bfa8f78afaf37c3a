import { errorTable, isAcknowledged, isEnded, isErrorCode } from '@rekey/schema';
import { createBackoff, type RetryOptions } from '../calls/backoff.ts';
import { RekeyClientError, asClientError } from '../calls/client-error.ts';
import type { Scope } from '../calls/scopes.ts';
import type { Transport } from '../connection/transport.ts';
import { toRotation, type Rotation } from '../models/rotation.ts';
import { toDuration, type ConsumerReach } from '../models/values.ts';

/**
 * Which consumers are waited for: all that may read the org and are live, at least one of them; or those that
 * are named, be they live or not.
 */
export type AcknowledgedBy = 'all' | readonly string[];

/** Throws a TypeError of what is neither. No names at all would mean all of them to the gateway. */
export const checkAcknowledgedBy = (by: AcknowledgedBy | undefined): void => {
  if (by === undefined || by === 'all' || (Array.isArray(by) && by.length > 0)) return;
  throw new TypeError("acknowledgedBy must be 'all' or an array of names of consumers");
};

/** One WaitRotation: short enough for proxies that cut off what is silent for a minute. */
const SLICE_MS = 20_000;
/** How much longer than its slice a call may take. */
const ANSWER_WITHIN_MS = 5000;
/** By so much gRPC's timers may be ahead of ours. */
const CLOCKS_DIFFER_MS = 100;

interface RotationEndDeps {
  transport: Pick<Transport, 'unary'>;
  scope: Scope;
  backoff: RetryOptions;
}

/**
 * Waits for a rotation until it has ended, or `timeoutMs` have passed, in slices, over any absence of the
 * gateway. Resolves with it when it has SUCCEEDED, and those that are waited for have acknowledged it;
 * rejects otherwise. `last` is how it was seen before.
 */
export const untilSucceeded = async (
  { transport, scope, backoff: options }: RotationEndDeps,
  id: string,
  {
    last,
    acknowledgedBy,
    timeoutMs,
  }: { last?: Rotation; acknowledgedBy?: AcknowledgedBy | undefined; timeoutMs: number },
): Promise<Rotation> => {
  const endsAtMs = performance.now() + timeoutMs;
  const backoff = createBackoff(options);
  const leftMs = () => endsAtMs - performance.now();
  let rotation = last;
  let failure: RekeyClientError | undefined;
  /** Only an answer that was waited for says so: others may leave out how far the consumers are. */
  let acknowledged = acknowledgedBy === undefined;

  const look = async (): Promise<void> => {
    const begunMs = performance.now();
    const sliceMs = Math.min(SLICE_MS, leftMs());
    const by = rotation?.state === 'SUCCEEDED' ? acknowledgedBy : undefined;
    const until = by && { until: 'ACKNOWLEDGED' as const, consumers: by === 'all' ? [] : [...by] };
    rotation = toRotation(
      await transport.unary(
        'RotationService',
        'WaitRotation',
        { id, timeout: toDuration(sliceMs), ...until },
        { deadlineMs: Math.min(sliceMs + ANSWER_WITHIN_MS, leftMs()), cancellation: scope },
      ),
    );
    failure = undefined;
    if (by)
      acknowledged = isAcknowledged(
        (rotation.consumers ?? []).map(({ name, state }) => ({ consumer: name, state: String(state) })),
        by === 'all' ? [] : by,
      );
    // An answer before its time that is no end (a state that this version does not know) must not be asked
    // for without a pause.
    if ((by ? acknowledged : isEnded(rotation.state)) || performance.now() - begunMs > sliceMs / 2)
      backoff.reset();
    else await rest();
  };
  const rest = () => scope.pause(Math.max(Math.min(backoff.nextMs(), leftMs()), 0));

  for (;;) {
    const succeeded = rotation && isEnded(rotation.state) ? whereSucceeded(rotation) : undefined;
    if (succeeded && acknowledged) return succeeded;
    if (leftMs() <= 0)
      throw succeeded && acknowledgedBy
        ? notAcknowledged(succeeded, acknowledgedBy, failure)
        : notEnded(id, rotation, failure);
    try {
      await look();
    } catch (error) {
      const cancelled = scope.cancelled();
      if (cancelled) throw new RekeyClientError(cancelled.code, { rotation, cause: cancelled.cause });
      const seen = asClientError(error, { rotation });
      if (!(seen instanceof RekeyClientError) || !seen.retryable) throw seen;
      // A time-out at the very end is our own, and tells nothing of the gateway.
      if (seen.code !== 'DEADLINE_EXCEEDED' || leftMs() > CLOCKS_DIFFER_MS) failure = seen;
      await rest().catch(() => {});
    }
  }
};

/** Before its first answer nobody knows whether there is such a rotation. */
const notEnded = (
  id: string,
  rotation: Rotation | undefined,
  failure: RekeyClientError | undefined,
): RekeyClientError => {
  if (!rotation && failure) return failure;
  return new RekeyClientError('ROTATION_NOT_ENDED', {
    rotation,
    message: `${id} has not ended in that time; it goes on.`,
    ...(failure && { cause: failure }),
  });
};

/** Who is still waited for. Those that are gone hold up nobody, unless they are named. */
const missing = (
  { consumers = [] }: Rotation,
  by: AcknowledgedBy,
): (Pick<ConsumerReach, 'name'> & Partial<ConsumerReach>)[] => {
  if (by === 'all') return consumers.filter(({ state }) => state !== 'ACKNOWLEDGED' && state !== 'GONE');
  return by
    .map(
      (name): Pick<ConsumerReach, 'name'> & Partial<ConsumerReach> =>
        consumers.find((consumer) => consumer.name === name) ?? { name },
    )
    .filter(({ state }) => state !== 'ACKNOWLEDGED');
};

const notAcknowledged = (
  rotation: Rotation,
  by: AcknowledgedBy,
  failure: RekeyClientError | undefined,
): RekeyClientError => {
  const who = missing(rotation, by).map(
    ({ name, state }) => `${name}${state === undefined ? '' : ` (${state})`}`,
  );
  const nobody =
    who.length === 0 && rotation.consumers !== undefined ? ': no consumer is live that may read its org' : '';
  const message = `${rotation.id} has succeeded, but was not acknowledged in that time${who.length > 0 ? ` by ${who.join(', ')}` : nobody}.`;
  return new RekeyClientError('ROTATION_NOT_ACKNOWLEDGED', {
    rotation,
    message,
    ...(failure && { cause: failure }),
  });
};

const whereSucceeded = (rotation: Rotation): Rotation => {
  const { id, state, error } = rotation;
  if (state === 'SUCCEEDED') return rotation;
  if (state === 'CANCELLED')
    throw new RekeyClientError('ROTATION_CANCELLED', {
      rotation,
      message: `${id} was cancelled; the key was not changed.`,
    });
  const reason = error?.reason ?? '';
  const message = `${id} has failed; the key was not changed. ${error?.message ?? ''}`.trimEnd();
  if (!isErrorCode(reason))
    throw new RekeyClientError('UNEXPECTED', { rotation, message: `${message} (${reason})` });
  throw new RekeyClientError(reason, {
    rotation,
    message,
    advice: error?.advice,
    grpcStatus: errorTable[reason].grpc,
  });
};

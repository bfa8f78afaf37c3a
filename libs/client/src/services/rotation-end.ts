import { errorTable, isAcknowledged, isEnded, isErrorCode } from '@rekey/schema';
import { createBackoff, type RetryOptions } from '../calls/backoff.ts';
import { RekeyClientError, asClientError } from '../calls/client-error.ts';
import type { Scope } from '../calls/scopes.ts';
import type { Transport } from '../connection/transport.ts';
import { toRotation, type Rotation } from '../models/rotation.ts';
import { toDuration, type ConsumerAcknowledgement } from '../models/values.ts';

/**
 * Which consumers to wait for: all live ones that may read the org (at least one), or the named ones, live or
 * not.
 */
export type AcknowledgedBy = 'all' | readonly string[];

/** Throws a TypeError for any other value. An empty list is refused: to the gateway it would mean all. */
export const checkAcknowledgedBy = (by: AcknowledgedBy | undefined): void => {
  if (by === undefined || by === 'all' || (Array.isArray(by) && by.length > 0)) return;
  throw new TypeError("acknowledgedBy must be 'all' or an array of consumer names");
};

/** One WaitRotation: short enough for proxies that close a connection after a silent minute. */
const SLICE_MS = 20_000;
/** How much longer than its slice a call may take. */
const ANSWER_WITHIN_MS = 5000;
/** How long before its end a wait asks once more that the gateway has asked to come back later. */
const LAST_LOOK_MS = 1000;
/** How far the timers of gRPC may run ahead of ours. */
const CLOCKS_DIFFER_MS = 100;

interface RotationEndDeps {
  transport: Pick<Transport, 'unary'>;
  scope: Scope;
  backoff: RetryOptions;
}

/**
 * Waits in slices until the rotation ends or `timeoutMs` has passed, and reconnects if the gateway is
 * unavailable. Resolves when it has SUCCEEDED and the consumers of `acknowledgedBy` have acknowledged it;
 * rejects otherwise. `last` is its last known state.
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
  /** Only the response to a wait for consumers can set this: other responses may leave consumers out. */
  let acknowledged = acknowledgedBy === undefined;

  const waitSlice = async (): Promise<void> => {
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
    // A state that this version does not know ends the wait early: pause, so as not to poll in a tight loop.
    if ((by ? acknowledged : isEnded(rotation.state)) || performance.now() - begunMs > sliceMs / 2)
      backoff.reset();
    else await rest();
  };
  const rest = (retryAfterMs?: number) => {
    const pauseMs = backoff.nextMs(retryAfterMs);
    const isTooLate = retryAfterMs !== undefined && pauseMs > leftMs();
    // A gateway without room for the wait still answers it if the rotation has ended.
    const lastLookInMs = isTooLate ? leftMs() - LAST_LOOK_MS : 0;
    return scope.pause(
      Math.max(lastLookInMs > CLOCKS_DIFFER_MS ? lastLookInMs : Math.min(pauseMs, leftMs()), 0),
    );
  };

  for (;;) {
    const succeeded = rotation && isEnded(rotation.state) ? requireSuccess(rotation) : undefined;
    if (succeeded && acknowledged) return succeeded;
    if (leftMs() <= 0)
      throw succeeded && acknowledgedBy
        ? notAcknowledged(succeeded, acknowledgedBy, failure)
        : notEnded(id, rotation, failure);
    try {
      await waitSlice();
    } catch (error) {
      const cancelled = scope.cancelled();
      if (cancelled) throw new RekeyClientError(cancelled.code, { rotation, cause: cancelled.cause });
      const seen = asClientError(error, { rotation });
      if (!(seen instanceof RekeyClientError) || !seen.retryable) throw seen;
      // A time-out at the very end is our own deadline, and no failure of the gateway.
      if (seen.code !== 'DEADLINE_EXCEEDED' || leftMs() > CLOCKS_DIFFER_MS) failure = seen;
      await rest(seen.retryAfterMs).catch(() => {});
    }
  }
};

/** Without a response, it is unknown whether the rotation exists: the failure is then the better error. */
const notEnded = (
  id: string,
  rotation: Rotation | undefined,
  failure: RekeyClientError | undefined,
): RekeyClientError => {
  if (!rotation && failure) return failure;
  return new RekeyClientError('ROTATION_NOT_ENDED', {
    rotation,
    message: `${id} did not end within the timeout; it continues.`,
    ...(failure && { cause: failure }),
  });
};

/** The consumers that have not acknowledged it. Gone consumers count only if they are named. */
const missing = (
  { consumers = [] }: Rotation,
  by: AcknowledgedBy,
): (Pick<ConsumerAcknowledgement, 'name'> & Partial<ConsumerAcknowledgement>)[] => {
  if (by === 'all') return consumers.filter(({ state }) => state !== 'ACKNOWLEDGED' && state !== 'GONE');
  return by
    .map(
      (name): Pick<ConsumerAcknowledgement, 'name'> & Partial<ConsumerAcknowledgement> =>
        consumers.find((consumer) => consumer.name === name) ?? { name },
    )
    .filter(({ state }) => state !== 'ACKNOWLEDGED');
};

const notAcknowledged = (
  rotation: Rotation,
  acknowledgedBy: AcknowledgedBy,
  failure: RekeyClientError | undefined,
): RekeyClientError => {
  const who = missing(rotation, acknowledgedBy).map(
    ({ name, state }) => `${name}${state === undefined ? '' : ` (${state})`}`,
  );
  const noneLive =
    who.length === 0 && rotation.consumers !== undefined ? ': no consumer that may read its org is live' : '';
  const by = who.length > 0 ? ` by ${who.join(', ')}` : noneLive;
  const message = `${rotation.id} succeeded, but was not acknowledged within the timeout${by}.`;
  return new RekeyClientError('ROTATION_NOT_ACKNOWLEDGED', {
    rotation,
    message,
    ...(failure && { cause: failure }),
  });
};

/** Returns a rotation that has SUCCEEDED. Throws for any other end state. */
const requireSuccess = (rotation: Rotation): Rotation => {
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

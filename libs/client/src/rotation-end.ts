import type { GatewayClient } from '@rekey/rpc';
import { errorTable, isEnded, isErrorCode } from '@rekey/schema';
import { createBackoff, type RetryOptions } from './backoff.ts';
import { RekeyClientError, asClientError } from './client-error.ts';
import { toDuration, toRotation } from './mapping.ts';
import type { Rotation } from './models.ts';
import type { Scope } from './scopes.ts';

/** One WaitRotation: short enough for proxies that cut off what is silent for a minute. */
const SLICE_MS = 20_000;
/** How much longer than its slice a call may take. */
const ANSWER_WITHIN_MS = 5000;
/** By so much gRPC's timers may be ahead of ours. */
const CLOCKS_DIFFER_MS = 100;

export interface RotationEndDeps {
  gateway: Pick<GatewayClient, 'waitRotation'>;
  scope: Scope;
  backoff: RetryOptions;
}

/**
 * Waits for a rotation until it has ended, or `timeoutMs` have passed, in slices, over any absence of the gateway. Resolves with it when it has
 * SUCCEEDED; rejects otherwise. `last` is how it was seen before.
 */
export const untilSucceeded = async ({ gateway, scope, backoff: options }: RotationEndDeps, id: string, { last, timeoutMs }: { last?: Rotation; timeoutMs: number }): Promise<Rotation> => {
  const endsAtMs = performance.now() + timeoutMs;
  const backoff = createBackoff(options);
  const leftMs = () => endsAtMs - performance.now();
  let rotation = last;
  let failure: RekeyClientError | undefined;

  const look = async (): Promise<void> => {
    const begunMs = performance.now();
    const sliceMs = Math.min(SLICE_MS, leftMs());
    rotation = toRotation(await gateway.waitRotation({ id, timeout: toDuration(sliceMs) }, { deadlineMs: Math.min(sliceMs + ANSWER_WITHIN_MS, leftMs()), signal: scope.signal }));
    failure = undefined;
    // An answer before its time that is no end (a state that this version does not know) must not be asked for without a pause.
    if (isEnded(rotation.state) || performance.now() - begunMs > sliceMs / 2) backoff.reset();
    else await rest();
  };
  const rest = () => scope.pause(Math.max(Math.min(backoff.nextMs(), leftMs()), 0));

  for (;;) {
    if (rotation && isEnded(rotation.state)) return whereSucceeded(rotation);
    if (leftMs() <= 0) throw notEnded(id, rotation, failure);
    try {
      await look();
    } catch (error) {
      const broken = scope.broken();
      if (broken) throw new RekeyClientError(broken.code, { rotation, cause: broken.cause });
      const seen = asClientError(error, { rotation });
      if (!(seen instanceof RekeyClientError) || !seen.retryable) throw seen;
      // A time-out at the very end is our own, and tells nothing of the gateway.
      if (seen.code !== 'DEADLINE_EXCEEDED' || leftMs() > CLOCKS_DIFFER_MS) failure = seen;
      await rest().catch(() => {});
    }
  }
};

/** Before its first answer nobody knows whether there is such a rotation. */
const notEnded = (id: string, rotation: Rotation | undefined, failure: RekeyClientError | undefined): RekeyClientError => {
  if (!rotation && failure) return failure;
  return new RekeyClientError('ROTATION_NOT_ENDED', { rotation, message: `${id} has not ended in that time; it goes on.`, ...(failure && { cause: failure }) });
};

const whereSucceeded = (rotation: Rotation): Rotation => {
  const { id, state, error } = rotation;
  if (state === 'SUCCEEDED') return rotation;
  if (state === 'CANCELLED') throw new RekeyClientError('ROTATION_CANCELLED', { rotation, message: `${id} was cancelled; the key was not changed.` });
  const reason = error?.reason ?? '';
  const message = `${id} has failed; the key was not changed. ${error?.message ?? ''}`.trimEnd();
  if (!isErrorCode(reason)) throw new RekeyClientError('UNEXPECTED', { rotation, message: `${message} (${reason})` });
  throw new RekeyClientError(reason, { rotation, message, grpcStatus: errorTable[reason].grpc });
};

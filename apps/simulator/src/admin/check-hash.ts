import { createHmac } from 'node:crypto';
import { z } from 'zod';
import type { KeyChange } from '../world/state.ts';
import type { World } from '../world/world.ts';

export const SignedHash = z.strictObject({
  assistant_id: z.string(),
  user_id: z.string(),
  hash: z.string(),
  signed_at_ms: z.number(),
});

/**
 * Finds the key of an assistant that signed a hash, and how long it had been replaced at the time of signing.
 * A hash is the HMAC-SHA256 of the user's id under the secret key, in hex.
 */
export const checkHash = (
  world: World,
  { assistant_id: id, user_id: userId, hash, signed_at_ms: signedAtMs }: z.infer<typeof SignedHash>,
) => {
  const state = world.find(id);
  const changes: readonly KeyChange[] =
    world.history.get(id) ?? (state ? [{ ...state, atMs: 0, by: 'start' }] : []);
  const isSignedWith = ({ secretKey, by }: KeyChange) =>
    secretKey !== null &&
    by !== 'removed' &&
    createHmac('sha256', secretKey).update(userId).digest('hex') === hash;
  // The newest first: nearly always it is the one.
  const newest = changes.findLastIndex(isSignedWith);
  if (newest === -1) return { key: null, stale_ms: null };
  // A restored key was in force more than once: what counts is the last time that it came into force before
  // the signing.
  const { secretKey } = changes[newest]!;
  const inForce = changes.findLastIndex(
    (change) => change.secretKey === secretKey && isSignedWith(change) && change.atMs <= signedAtMs,
  );
  const key = inForce === -1 ? changes.findIndex(isSignedWith) : inForce;
  const replaced = changes[key + 1];
  return { key, stale_ms: replaced ? Math.max(signedAtMs - replaced.atMs, 0) : 0 };
};

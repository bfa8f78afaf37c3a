import { hash, randomBytes } from 'node:crypto';

/** Makes keys that cannot be guessed. */
export interface KeySource {
  /** The same key for the same `what` and seed. */
  keyOf(what: string): string;
  /** A key that was never made before. */
  newKey(): string;
}

/**
 * All keys come from one draw of the system's generator: a draw for each would cost more than the rest of a
 * request. `keptSeed` is the seed of an earlier process.
 */
export const createKeySource = (keptSeed: string | undefined): KeySource => {
  const newSeed = randomBytes(32).toString('base64url');
  const seed = keptSeed ?? newSeed;
  const keyOf = (what: string): string => `sk_${hash('sha256', `${seed} ${what}`, 'base64url')}`;
  let keysMade = 0;
  // Not from the kept seed alone: that would repeat the keys of an earlier process.
  return { keyOf, newKey: () => keyOf(`${newSeed} #${(keysMade += 1)}`) };
};

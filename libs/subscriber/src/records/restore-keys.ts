import type { Restored } from '../options.ts';
import type { HeldKeys } from '../held/held-keys.ts';

/**
 * Holds the keys that a service has stored. Returns when they were complete, by `performance.now()`: the
 * clock of the machine may have been set since, so a time in the future counts as now.
 */
export const restoreKeys = (held: HeldKeys, { keys, provenAt }: Restored): number => {
  for (const key of keys) {
    const { assistantId, orgId, version, updatedAt, uncertain } = key;
    held.apply({
      kind: key.state === 'held' ? 'key' : 'removed',
      assistantId,
      orgId,
      version,
      ahead: false,
      plaintext: '',
      updatedMs: Date.parse(updatedAt),
      secretKey: key.state === 'held' ? key.secretKey : undefined,
      cause: key.state === 'held' ? key.cause : undefined,
      removal: key.state === 'removed' ? key.removal : undefined,
    });
    if (uncertain) held.markUncertain(assistantId, version);
    if (key.state === 'unreadable') held.markUnreadable(assistantId, key.claimedVersion);
  }
  return performance.now() - Math.max(0, Date.now() - provenAt.getTime());
};

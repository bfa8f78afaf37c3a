import type { Change, Evidence } from './evidence.ts';

/** An event's time is in whole milliseconds, and upstream has a clock of its own. */
export const CLOCK_TOLERANCE_MS = 5;

/** Returns the index of a key in its assistant's history, at a time. Undefined if the key was never there. */
export type AgeOf = (assistantId: string, print: string, atMs: number) => number | undefined;

/**
 * A restored key occurs in a history more than once. Its age is that of its last occurrence up to the time
 * that is asked for.
 */
export const createAgeOf = (
  history: Record<string, Change[]>,
  fingerprint: Evidence['fingerprint'],
): AgeOf => {
  const occurrences = new Map<string, { age: number; atMs: number }[]>();
  for (const [assistantId, changes] of Object.entries(history)) {
    changes.forEach(({ key, atMs }, age) => {
      if (key === null) return;
      const name = `${assistantId} ${fingerprint(key)}`;
      const known = occurrences.get(name);
      if (known) known.push({ age, atMs });
      else occurrences.set(name, [{ age, atMs }]);
    });
  }
  return (assistantId, print, atMs) => {
    const known = occurrences.get(`${assistantId} ${print}`);
    return (known?.findLast((one) => one.atMs <= atMs + CLOCK_TOLERANCE_MS) ?? known?.[0])?.age;
  };
};

const isCreation = ({ by }: Change): boolean => by === 'request' || by === 'denied' || by === 'hand';

/**
 * When each key of an assistant was created, by fingerprint: 0 for its first key. A key that is restored, or
 * undeleted, keeps the time of its creation.
 */
export const createdAtOf = (changes: Change[], fingerprint: Evidence['fingerprint']): Map<string, number> => {
  const createdAt = new Map<string, number>();
  for (const change of changes) {
    if (change.key === null) continue;
    const print = fingerprint(change.key);
    if (!createdAt.has(print)) createdAt.set(print, isCreation(change) ? change.atMs : 0);
  }
  return createdAt;
};

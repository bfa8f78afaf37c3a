import type { ReadOutcome } from '@rekey/invent';

/** The age of what was read (ms): a cache shows an earlier state. */
export const ageOf = (outcome: ReadOutcome): number =>
  outcome.outcome === 'read' ? (outcome.ageMs ?? 0) : 0;

export const isNotFound = (outcome: ReadOutcome): boolean =>
  outcome.outcome === 'not-read' && outcome.code === 'ASSISTANT_NOT_FOUND';

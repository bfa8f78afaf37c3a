import { mustBeZero, type Verdict } from './verdict.ts';

/**
 * What a writer in Redis cannot bring about, whatever it writes: after the repair every published key is in
 * force, and no worker hangs.
 */
const beyondAWriter: readonly (keyof Verdict)[] = ['divergent', 'stuckByLog'];

/** Codes of status that say that something else wrote to Redis, or what of it is not believed. */
const QUARANTINE = new RegExp(
  '^(?:LEDGER_|QUEUE_|QUARANTINED|BULK_UN|CONSUMER_UN|CONSUMER_LOST|CONSUMER_ALTERED|REGISTRY_|ORG_HELD|' +
    'POLICY_NOT)',
);
/** The same of log events. */
const SPOILT = new RegExp(
  'corrupt|spoil|damaged|unreadable|untrusted|repaired|mended|altered|quarantin|misplaced|lost|unsettled|' +
    'key_deleted|rpc_failed',
);

/** What status and the logs named during a run, and how often. */
export type Said = Record<string, number>;

/**
 * In a run with a writer in Redis: whether the verdict is as without one, or else status or the logs said
 * that Redis was changed. Undefined if it is neither; otherwise what said so.
 */
export const explain = (verdict: Verdict, said: Said): string[] | undefined => {
  const broken = mustBeZero.filter((figure) => verdict[figure] !== 0);
  if (broken.length === 0) return [];
  const because = Object.keys(said).filter((name) => QUARANTINE.test(name) || SPOILT.test(name));
  const isPossible = broken.every((figure) => !beyondAWriter.includes(figure));
  return isPossible && because.length > 0 ? because : undefined;
};

import type { Sweeps } from '@rekey/ledger';
import { every } from '../shared/every.ts';

interface ConfiguredOrgsOptions {
  sweeps: Pick<Sweeps, 'noteConfigured'>;
  /** The org ids with a configured API key, from the file of keys; undefined if one key serves every org. */
  orgIds: (() => string[]) | undefined;
  /** By the clock of Redis. */
  nowMs: () => Promise<number>;
  onError: (error: unknown) => void;
}

/** Until a new org is noted, requests to sweep it are refused. */
const LOOK_EVERY_MS = 5000;
const NOTE_EVERY_MS = 600_000;
/** The most orgs that are noted one by one. */
const MAX_NOTED = 10_000;
const ANY_ORG = '*';

/**
 * Notes in the ledger which orgs this worker has an API key for. A gateway holds no API key: by this it tells
 * an org that nothing was published of yet from one that does not exist, and refuses to sweep the latter. One
 * key serves its own org and all sub-orgs, which only Invent can tell from others: then any org may exist.
 * So may any org if there are more than are noted one by one.
 *
 * What cannot be noted keeps no worker from its start: it is tried again.
 */
export const noteConfiguredOrgs = async ({
  sweeps,
  orgIds,
  nowMs,
  onError,
}: ConfiguredOrgsOptions): Promise<{ close(): Promise<void> }> => {
  let noted = '';
  let notedAt = -Infinity;
  const note = async () => {
    const configured = orgIds?.() ?? [ANY_ORG];
    const names = configured.length > MAX_NOTED ? [ANY_ORG] : configured.toSorted();
    const text = names.join('\n');
    if (text === noted && performance.now() - notedAt < NOTE_EVERY_MS) return;
    await sweeps.noteConfigured(names, await nowMs());
    [noted, notedAt] = [text, performance.now()];
  };
  await note().catch(onError);
  return every(LOOK_EVERY_MS, note, onError);
};

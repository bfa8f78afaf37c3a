import { setTimeout as sleep } from 'node:timers/promises';
import { CONSUMER_CHANGED, MAX_CONSUMERS, RekeyError, type Actor, type Consumer } from '@rekey/schema';
import type { Connection } from '../connection.ts';
import type { KnownProcess } from '../system/processes.ts';
import type { ActivityOfWrite } from '../activity/consumer-writes.ts';
import type { Believed, SeenConsumer } from './believed.ts';
import { emptyManifest, type Manifest, type ManifestScope, type RegistryKey } from './manifest.ts';

interface WriteOptions {
  /** Records are sealed for other recipients from now on. */
  reseals?: boolean;
  /** The state that an event reports. */
  emit?: string;
  /** Whoever requests it; without one, a worker, or `local`. */
  actor?: Actor;
}

/**
 * Adds (`before` undefined), changes, or removes (`after` undefined) a consumer. `after` may be made from the
 * revision that the write will have. False if the consumer is no longer as it was seen. An entry that is not
 * listed, or that nobody can believe, counts as absent: it is overwritten, or removed. Throws
 * TOO_MANY_CONSUMERS, CONSUMER_BUSY, and the codes of `requireTrusted`.
 */
export type ConsumerWrite = (
  name: string,
  before: SeenConsumer | undefined,
  after: Consumer | ((rev: number) => Promise<Consumer>) | undefined,
  options?: WriteOptions,
) => Promise<boolean>;

/** What a write replaces beside the manifest. */
interface EntryChange {
  name: string;
  /** Undefined removes it. */
  text: string | undefined;
}

export interface RegistrySources {
  keepEvents(): number;
  /** The id of the ledger as this process has recognised it. */
  knownId(): string | undefined;
  processes(): Promise<readonly KnownProcess[]>;
}

/** What the parts of a registry share. */
export interface RegistryContext {
  connection: Connection;
  /** Without braces. */
  prefix: string;
  key: RegistryKey;
  sources: RegistrySources;
  believed: Believed;
}

interface Replacement {
  manifest: Manifest;
  entries: EntryChange[];
  reseals?: boolean;
  event?: { head: string; tail: string };
  activity: ActivityOfWrite;
}

/**
 * Writes the manifest and entries, once; false if the stored manifest is not that of the base any more. What
 * was written is believed from then on.
 */
export type Replace = (base: Pick<Base, 'seen' | 'scope'>, replacement: Replacement) => Promise<boolean>;

/** What a write replaces, as of one moment. */
export interface Base {
  own: Manifest;
  /** The stored manifest, as registry-write.lua compares it. */
  seen: string;
  /** Entries that another client has changed, as they are proved. */
  repairs: EntryChange[];
  /** A revision above all that this process knows of. */
  rev: number;
  scope: ManifestScope;
}

/** Above each revision that was seen; two histories of a registry do not share numbers. */
export const nextRev = (...seen: number[]): number => {
  const rev = Math.max(...seen.map((one) => one + 1), Date.now() * 1000);
  if (!Number.isSafeInteger(rev)) throw new Error('the revision of the registry is out of range');
  return rev;
};

export const withRecord = (
  { floor, facts, consumers }: Manifest,
  rev: number,
  changes: { facts?: Record<string, string>; consumers?: Record<string, string> },
): Manifest => {
  const records = (values: Record<string, string> = {}) =>
    Object.entries(values).map(([name, value]) => [name, { rev, value }] as const);
  return {
    rev,
    floor,
    facts: new Map([...facts, ...records(changes.facts)]),
    consumers: new Map([...consumers, ...records(changes.consumers)]),
  };
};

export const checkRoom = (manifest: Manifest = emptyManifest, name: string): void => {
  const live = [...manifest.consumers].filter(([one, { value }]) => value !== '' && one !== name);
  if (live.length >= MAX_CONSUMERS)
    throw new RekeyError('TOO_MANY_CONSUMERS', { metadata: { limit: String(MAX_CONSUMERS) } });
};

const ATTEMPTS = 20;
const [SHORTEST_MS, LONGEST_MS, LONGEST_UNDER_LOAD_MS] = [5, 50, 1000];

/** Attempts a write until no other process has written at the same moment. Throws CONSUMER_BUSY. */
export const untilWritten = async <T>(attempt: () => Promise<T | 'changed'>): Promise<T> => {
  let longestMs = LONGEST_MS;
  for (let attempts = 0; attempts < ATTEMPTS; attempts += 1) {
    if (attempts > 0) await sleep(SHORTEST_MS + Math.random() * (longestMs - SHORTEST_MS));
    const began = performance.now();
    const result = await attempt();
    if (result !== 'changed') return result;
    // Attempts that take long, as under load, need longer pauses to miss each other.
    const tookMs = performance.now() - began;
    longestMs = Math.min(Math.max(longestMs, (attempts + 1) * tookMs), LONGEST_UNDER_LOAD_MS);
  }
  throw new RekeyError('CONSUMER_BUSY');
};

/**
 * The event that tells a consumer to read its entry again, in halves. It proves nothing; a forged event does
 * no harm.
 */
export const changedEvent = (name: string, state: string): { head: string; tail: string } => {
  const time = new Date().toISOString();
  const head = {
    specversion: '1.0',
    id: `${name}-${time}`,
    source: `/consumers/${name}`,
    type: CONSUMER_CHANGED,
    subject: name,
    time,
    datacontenttype: 'application/json',
  };
  return {
    head: `${JSON.stringify(head).slice(0, -1)},"data":{"seq":`,
    tail: `,"state":${JSON.stringify(state)}}}`,
  };
};

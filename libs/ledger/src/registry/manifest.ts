import { createHash } from 'node:crypto';
import { z } from 'zod';
import { hasExpired } from './facts/expiring.ts';

/** What the registry is proved with: see `RegistryKey` of @rekey/sealing. */
export interface RegistryKey {
  readonly kid: string;
  /** HMAC-SHA256 of `LABEL\nTEXT`, in base64url: 43 characters. */
  mac(label: string, text: string | Uint8Array): string;
  verify(label: string, text: string | Uint8Array, mac: string): boolean;
}

/** `value`: of a consumer, the digest of its entry, or empty if it was removed; of a fact, what it says. */
interface ManifestRecord {
  rev: number;
  value: string;
}
type Records = ReadonlyMap<string, ManifestRecord>;

/**
 * The signed text that proves the registry. `rev` rises with each write; each record has the `rev` of the
 * write that changed it.
 */
export interface Manifest {
  rev: number;
  facts: Records;
  consumers: Records;
  /** The newest revision of a removal that is no longer kept; 0 if all are. */
  floor: number;
}

/** The ledger that a manifest is of. */
export interface ManifestScope {
  key: RegistryKey;
  /** REKEY_PREFIX, without braces. */
  prefix: string;
  /** The id of the ledger. */
  ledgerId: string;
  /** Of a memory file: every id that the ledger had while processes lived. The text proves it under each. */
  ledgerIds?: readonly string[];
}

/** Why a stored text proves nothing. */
export type Unusable = 'absent' | 'wrong-type' | 'too-long' | 'other-key' | 'forged' | 'other-ledger';

export const MAX_MANIFEST_BYTES = 262_144;
/** `1.KID.MAC.`: it changes with the text. */
export const HEAD_BYTES = 59;
const LABEL = 'rekey.registry.1';
const REMOVALS_KEPT = 200;
const HEAD = /^1\.([A-Za-z0-9_-]{12})\.([A-Za-z0-9_-]{43})\.$/;

const Rev = z.int().positive();
const Record = z.tuple([z.string(), Rev, z.string()]);
const Text = z.object({
  prefix: z.string(),
  ledger: z.string(),
  ledgers: z.array(z.string()).optional(),
  rev: Rev,
  floor: z.int().nonnegative(),
  facts: z.array(Record),
  consumers: z.array(Record),
});

export const emptyManifest: Manifest = { rev: 0, facts: new Map(), consumers: new Map(), floor: 0 };

/** Of the bytes of an entry, as the manifest names it. */
export const digestOf = (entry: string | Uint8Array): string =>
  createHash('sha256').update(entry).digest('base64url');

const triples = (records: Records): [string, number, string][] =>
  [...records]
    .map(([name, { rev, value }]): [string, number, string] => [name, rev, value])
    .toSorted(([a], [b]) => (a < b ? -1 : 1));

const recordsOf = (list: z.infer<typeof Record>[]): Records =>
  new Map(list.map(([name, rev, value]) => [name, { rev, value }]));

/** The same manifest without its oldest removals. */
const trimmed = (manifest: Manifest): Manifest => {
  const removals = triples(manifest.consumers)
    .filter(([, , digest]) => digest === '')
    .toSorted(([, a], [, b]) => b - a);
  const dropped = removals.slice(REMOVALS_KEPT);
  if (dropped.length === 0) return manifest;
  const names = new Set(dropped.map(([name]) => name));
  return {
    ...manifest,
    floor: Math.max(manifest.floor, dropped[0]![1]),
    consumers: new Map([...manifest.consumers].filter(([name]) => !names.has(name))),
  };
};

const contentOf = ({ floor, facts, consumers }: Manifest) => ({
  floor,
  facts: triples(facts),
  consumers: triples(consumers),
});

export const haveSameContent = (a: Manifest, b: Manifest): boolean =>
  JSON.stringify(contentOf(a)) === JSON.stringify(contentOf(b));

/** The stored form: `1.KID.MAC.TEXT`. */
export const signManifest = (
  manifest: Manifest,
  { key, prefix, ledgerId, ledgerIds = [] }: ManifestScope,
): string => {
  const text = JSON.stringify({
    prefix,
    ledger: ledgerId,
    ...(ledgerIds.some((id) => id !== ledgerId) && { ledgers: ledgerIds }),
    rev: manifest.rev,
    ...contentOf(trimmed(manifest)),
  });
  return `1.${key.kid}.${key.mac(LABEL, text)}.${text}`;
};

/**
 * The manifest of a stored text. It is parsed only if its MAC fits. `ledgerId` undefined: of whichever
 * ledger.
 */
export const readManifest = (
  bytes: Buffer,
  { key, prefix, ledgerId }: Omit<ManifestScope, 'ledgerId'> & { ledgerId: string | undefined },
): { manifest: Manifest; ledgerIds: string[] } | { unusable: Unusable; kid?: string } => {
  const [, kid, mac] = HEAD.exec(bytes.subarray(0, HEAD_BYTES).toString('latin1')) ?? [];
  if (kid === undefined || mac === undefined) return { unusable: 'forged' };
  if (kid !== key.kid) return { unusable: 'other-key', kid };
  const text = bytes.subarray(HEAD_BYTES);
  if (!key.verify(LABEL, text, mac)) return { unusable: 'forged' };
  const parsed = Text.safeParse(JSON.parse(text.toString()));
  if (!parsed.success) return { unusable: 'forged' };
  const { rev, floor, facts, consumers, ...of } = parsed.data;
  const { ledger, ledgers: ledgerIds = [ledger] } = of;
  const isOfLedger = ledgerId === undefined || ledger === ledgerId || ledgerIds.includes(ledgerId);
  if (of.prefix !== prefix || !isOfLedger) return { unusable: 'other-ledger' };
  return { manifest: { rev, floor, facts: recordsOf(facts), consumers: recordsOf(consumers) }, ledgerIds };
};

type Merged = { records: Map<string, ManifestRecord>; old: string[] };

/** See `mergeManifests`. `floor`: a record of which this process knows nothing counts above it. */
const mergeRecords = (mine: Records, theirs: Records, floor: number): Merged => {
  const records = new Map(mine);
  const old: string[] = [];
  for (const [name, their] of theirs) {
    const own = mine.get(name);
    if (own?.rev === their.rev) {
      // Two processes wrote at the same revision: a removal wins, else the greater value.
      const theirsWins = own.value !== '' && (their.value === '' || their.value > own.value);
      if (theirsWins) records.set(name, their);
    } else if (their.rev > (own?.rev ?? floor)) records.set(name, their);
    else old.push(name);
  }
  return { records, old };
};

/** Facts without those that have expired and that others have dropped. */
const withoutDropped = (mine: Records, theirs: Records): Records =>
  new Map([...mine].filter(([name, { value }]) => theirs.has(name) || !hasExpired(name, value)));

/**
 * What a process believes after it has read another manifest: of each record the newest. A record of which it
 * knows nothing counts only in a newer manifest, and only if it is newer than the removals that this process
 * has forgotten. So an old record that is put back never counts, whoever has signed it again in between, and
 * all processes come to believe the same. A name that is missing from theirs stays, unless they have
 * forgotten removals that are newer than all that is mine, or it is a fact that has expired. `old`: the names
 * of records that do not count.
 */
export const mergeManifests = (mine: Manifest, theirs: Manifest): { merged: Manifest; old: string[] } => {
  const isNewer = theirs.rev > mine.rev;
  const known = withoutDropped(mine.facts, theirs.facts);
  const facts = mergeRecords(known, theirs.facts, isNewer ? 0 : Infinity);
  const kept = [...mine.consumers].filter(
    ([name, { rev }]) => theirs.floor <= mine.rev || rev > theirs.floor || theirs.consumers.has(name),
  );
  const consumers = mergeRecords(new Map(kept), theirs.consumers, isNewer ? mine.floor : Infinity);
  const merged = {
    rev: Math.max(mine.rev, theirs.rev),
    floor: Math.max(mine.floor, theirs.floor),
    facts: facts.records,
    consumers: consumers.records,
  };
  return { merged: trimmed(merged), old: [...facts.old, ...consumers.old] };
};

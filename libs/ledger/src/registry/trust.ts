import { Consumer, RekeyError, parseJson, type Actor } from '@rekey/schema';
import { digestOf } from './manifest.ts';
import type { Stored } from './stored.ts';

/** An entry as it is stored, before anybody believes it. */
export interface TrustCandidate {
  name: string;
  /** SHA-256 of its bytes, in base64url: the answer names it. */
  digest: string;
  /** Undefined if it cannot be read: it cannot be accepted. */
  consumer: Consumer | undefined;
  /** The registry key proves it already. */
  proved: boolean;
}

interface TrustOptions {
  /** Also keeps state, grant and kept keys, which could be a thief's. Without it workers grant anew. */
  keepGrants?: boolean;
  actor?: Actor;
}

/** An operator's decision about what is stored, whoever stored it. */
export interface Trust {
  /** All stored entries, by name. Without a key: throws REGISTRY_KEY_MISSING. */
  candidates(): Promise<TrustCandidate[]>;
  /** How many entries are stored, whatever they are; `candidates` does not return all of very many. */
  count(): Promise<number>;
  /**
   * Signs these entries, if each still is as it was shown, and removes what else was listed. Returns the
   * revision. Throws REGISTRY_ENTRIES_CHANGED, and REGISTRY_KEY_OTHER if another key signed what is stored:
   * then nothing was written.
   */
  accept(answers: { name: string; digest: string }[], options?: TrustOptions): Promise<number>;
}

/** More than there may be consumers: of a ledger that another client has filled, not all are shown. */
const MOST = 500;

const parse = (name: string, bytes: Buffer): Consumer | undefined => {
  const parsed = Consumer.safeParse(parseJson(bytes.toString()));
  return parsed.success && parsed.data.name === name ? parsed.data : undefined;
};

/** Of an entry that exists and is not too long: see registry-entries.lua. */
const isDigest = (sha1: string): boolean => sha1.length === 40;

export const readCandidates = async (
  stored: Stored,
  names: readonly string[],
  digests: ReadonlyMap<string, string>,
): Promise<TrustCandidate[]> => {
  const { sha1 } = await stored.digests(names.slice(0, MOST));
  // Longer ones than Rekey writes are not read: they cannot be accepted.
  const entries = await stored.entries([...sha1].flatMap(([name, hash]) => (isDigest(hash) ? [name] : [])));
  return [...entries]
    .map(([name, bytes]) => {
      const digest = digestOf(bytes);
      return { name, digest, consumer: parse(name, bytes), proved: digests.get(name) === digest };
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
};

/** The texts to sign. */
export const acceptedTexts = (
  candidates: readonly TrustCandidate[],
  answers: readonly { name: string; digest: string }[],
  { keepGrants = false }: TrustOptions = {},
): { name: string; text: string }[] =>
  answers.map(({ name, digest }) => {
    const found = candidates.find((one) => one.name === name);
    if (!found?.consumer || found.digest !== digest) throw new RekeyError('REGISTRY_ENTRIES_CHANGED');
    if (keepGrants) return { name, text: JSON.stringify(found.consumer) };
    const { name: _, orgs, created_at, key, shared_key } = found.consumer;
    const shared = shared_key === undefined ? {} : { shared_key };
    return { name, text: JSON.stringify({ name, orgs, state: 'PENDING', created_at, key, ...shared }) };
  });

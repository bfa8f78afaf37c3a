import type { OrgLimits } from '@rekey/ledger';
import type { ErrorCode } from '@rekey/schema';
import type { Finding } from '../../publishing/finding.ts';
import { createDisputes } from './disputes.ts';

/** One record of a list. */
export interface Listed {
  /** Too long to be published as it was listed. */
  tooLarge?: true;
  assistantId: string;
  /** A fingerprint, `no-key` or `deleted`; empty if the record does not show its key. */
  state: string;
  finding: Finding;
}

/** What the lists of one run have shown, and how far they are trusted. */
export interface ListEvidence {
  readonly limits: OrgLimits;
  /**
   * Assistants that were listed, never published, and not imported because no known one had been listed yet.
   */
  skipped: number;
  /** Assistants that could not be compared, because LIST does not show their keys. */
  readonly unread: number;
  /**
   * Assistants listed with another key or without one, less those of which a read has agreed with the ledger.
   */
  readonly disputed: number;
  /** Assistants that a read has shown without a key, and in how many ms a later read may confirm it. */
  readonly unconfirmed: Map<string, number>;
  /** A page with its states. The state is empty if the key cannot be right: Invent makes no key twice. */
  shown(page: Listed[]): Listed[];
  /** Adds listed assistants that were published before. */
  noteKnown(count: number): void;
  /** Whether no listed assistant is known so far, although several are known. */
  isForeign(): boolean;
  /**
   * Adds listed assistants that were never published. Returns whether they wait for the end of the list:
   * there are more of them than may change, and also more known ones that were not listed yet. The list may
   * partly be of another org.
   */
  isTooNew(count: number): boolean;
  /** Adds an assistant that is listed with another key, or without one. */
  defer(listed: Listed): void;
  /**
   * The deferred assistants that may be read and published now: all of them, unless a larger share of the
   * list is disputed than may change.
   */
  releaseSome(): string[];
  /** All deferred assistants that are left, for the end of the list, when that is decided. */
  release(): string[];
  /** Some of the deferred assistants that are left. */
  sample(): string[];
  /** Why the org is held if too many were deferred. */
  code(): ErrorCode;
  /** Adds reads that were made because of LIST, and how many of them agreed with the ledger. */
  noteChecked(count: number, agreed: number): void;
  noteUntrue(): void;
  /** Whether LIST shows other keys than GET. */
  isUntrue(): boolean;
  /** How many of the next page are read one by one before the others are trusted. */
  sampleSize(): number;
  split(unseen: Listed[]): { shown: Listed[]; unshown: Listed[] };
  /** True the first time that it is asked. */
  isUnshownNew(): boolean;
  /**
   * The assistants of a page that are read one by one because LIST does not show their keys. `left` counts
   * those that may not be read. Each page has its share for known assistants. Those that were never published
   * are read in order of appearance, because they are known in the next sweep.
   */
  takeReads(assistantIds: string[], of: 'known' | 'unseen'): { read: string[]; left: number };
}

/**
 * Reads that agree with the ledger against LIST before LIST is distrusted: one or two may have been rotated.
 */
const AGREED_AGAINST_LIST = 10;
/**
 * The number of reads on the first page with assistants that were never published. Each further page takes
 * one: 102 reads for 10,000 assistants.
 */
const FIRST_SAMPLE = 3;

export const createListEvidence = (
  limits: OrgLimits,
  { reads, isOurs = false }: { reads: number; isOurs?: boolean },
): ListEvidence => {
  let knownListed = 0;
  let newListed = 0;
  let untrue = false;
  let unshownBefore = false;
  let checked = 0;
  let agreed = 0;
  let pagesSampled = 0;
  const quota = createReadQuota(limits, reads);
  const disputes = createDisputes(limits);
  const disputed = (): number => disputes.count() - agreed;

  return {
    limits,
    skipped: 0,
    unconfirmed: new Map(),
    get unread() {
      return quota.refused() + (untrue ? disputes.dropped() : 0);
    },
    get disputed() {
      return disputed();
    },
    shown: withoutRepeatedKeys,
    noteKnown: (count) => {
      knownListed += count;
    },
    isForeign: () =>
      (limits.known > 1 || (limits.known === 1 && newListed > 1)) &&
      knownListed === 0 &&
      !limits.accepted &&
      !isOurs,
    isTooNew: (count) => {
      newListed += count;
      return (
        limits.known > 1 &&
        !limits.accepted &&
        !isOurs &&
        newListed > limits.limit &&
        limits.known - knownListed > limits.limit
      );
    },
    defer: disputes.defer,
    releaseSome: () => disputes.releaseSome(disputed(), knownListed),
    release: disputes.release,
    sample: () => disputes.first(FIRST_SAMPLE),
    code: disputes.code,
    noteChecked: (count, agreedCount) => {
      checked += count;
      agreed += agreedCount;
    },
    noteUntrue: () => {
      untrue = true;
    },
    isUntrue: () => untrue || (agreed >= AGREED_AGAINST_LIST && agreed * 2 > checked),
    sampleSize: () => {
      pagesSampled += 1;
      return pagesSampled === 1 ? FIRST_SAMPLE : 1;
    },
    split: (unseen) => ({
      shown: unseen.filter(({ state }) => state !== ''),
      unshown: unseen.filter(({ state }) => state === ''),
    }),
    isUnshownNew: () => {
      const isNew = !unshownBefore;
      unshownBefore = true;
      return isNew;
    },
    takeReads: quota.take,
  };
};

const withoutRepeatedKeys = (page: Listed[]): Listed[] => {
  const times = new Map<string, number>();
  for (const { state } of page) times.set(state, (times.get(state) ?? 0) + 1);
  return page.map((one) =>
    one.state.includes(':') && times.get(one.state)! > 1 ? { ...one, state: '' } : one,
  );
};

/** How many assistants may still be read one by one, and how many were refused. */
const createReadQuota = (limits: OrgLimits, reads: number) => {
  const readsLeft = { known: reads, unseen: reads };
  let refused = 0;
  return {
    refused: (): number => refused,
    take: (assistantIds: string[], of: 'known' | 'unseen'): { read: string[]; left: number } => {
      const size = assistantIds.length;
      const share =
        of === 'unseen'
          ? size
          : Math.floor(size * Math.min(1, reads / Math.max(limits.known, 1)) + Math.random());
      const count = Math.min(share, size, readsLeft[of]);
      const from = count < size && of === 'known' ? Math.floor(Math.random() * size) : 0;
      const read = [...assistantIds.slice(from), ...assistantIds.slice(0, from)].slice(0, count);
      readsLeft[of] -= read.length;
      refused += size - read.length;
      return { read, left: size - read.length };
    },
  };
};

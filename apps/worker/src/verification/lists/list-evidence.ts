import type { OrgLimits } from '@rekey/ledger';
import type { ErrorCode } from '@rekey/schema';
import type { Finding } from '../../publishing/publisher.ts';

/** One record of a list. */
export interface Listed {
  /** Too long to be published as it was listed. */
  tooLarge?: true;
  assistantId: string;
  /** A fingerprint, `no-key` or `deleted`; empty if the record does not show its key. */
  state: string;
  finding: Finding;
}

/**
 * What the lists of one run have shown, and how far they are believed: a list is evidence, and not the truth.
 */
export interface ListEvidence {
  readonly limits: OrgLimits;
  /**
   * Assistants that were listed and never published, and are not imported while nothing that is listed is
   * known.
   */
  skipped: number;
  /** Assistants that could not be compared, for LIST does not show their keys. */
  readonly unread: number;
  /**
   * How many are listed with another key or without one, less those of which a read has agreed with the
   * ledger.
   */
  readonly disputed: number;
  /** Assistants that a read has shown without a key, and in how many ms a later one may confirm it. */
  readonly unconfirmed: Map<string, number>;
  /**
   * A page whose records have their states, empty where the key cannot be a key: Invent makes no key twice.
   */
  shown(page: Listed[]): Listed[];
  /** That many more of those that are listed were published before. */
  noteKnown(count: number): void;
  /** Nothing that was listed so far is known, although several are. */
  isForeign(): boolean;
  /**
   * That many more were never published. Whether they wait until the list has ended: they are more than may
   * change, and so are the known ones that it has not shown yet. It may be in part another org's.
   */
  isTooNew(count: number): boolean;
  /** It is listed with another key, or without one. */
  defer(listed: Listed): void;
  /**
   * Those of the deferred that may be read and published now: all of them, as long as no larger a share of
   * what was listed is disputed than may change.
   */
  releaseSome(): string[];
  /** The same at the end, when that is settled: all that are left. */
  release(): string[];
  /** Some of those that are left. */
  sample(): string[];
  /** Why the org is held, if those that were deferred are too many. */
  code(): ErrorCode;
  /** That many were read because of what LIST shows, of which that many agreed with the ledger. */
  noteChecked(count: number, agreed: number): void;
  noteUntrue(): void;
  /** LIST shows other keys than GET. */
  isUntrue(): boolean;
  /** How many of the next page are read one by one before the others are believed. */
  sampleSize(): number;
  split(unseen: Listed[]): { shown: Listed[]; unshown: Listed[] };
  /** True the first time that it is asked. */
  isUnshownNew(): boolean;
  /**
   * Those of a page that are read one by one since LIST does not show their keys; `left` is how many may not
   * be. Of what is known each page has its share, of others in each sweep; what was never published is read
   * as it comes, for it is known in the next sweep.
   */
  takeReads(assistantIds: string[], of: 'known' | 'unseen'): { read: string[]; left: number };
}

/**
 * Reads that agree with the ledger against LIST, until LIST is not believed: one or two may have been rotated
 * between the two.
 */
const AGREED_AGAINST_LIST = 10;
/**
 * Of the first page with assistants that were never published that many are read, and one of each further
 * page: 102 reads for 10,000 assistants.
 */
const FIRST_SAMPLE = 3;
/** Ids that are kept until the end of the list, to be read then. */
const IDS_KEPT = 10_000;
const CHANGES_ALLOWED = 3;

export const createListEvidence = (
  limits: OrgLimits,
  { reads, isOurs = false }: { reads: number; isOurs?: boolean },
): ListEvidence => {
  let knownListed = 0;
  let newListed = 0;
  let untrue = false;
  let dropped = 0;
  let unshownBefore = false;
  let checked = 0;
  let agreed = 0;
  let pagesSampled = 0;
  const readsLeft = { known: reads, unseen: reads };
  let unread = 0;
  let listedOtherwise = 0;
  let deferred: string[] = [];
  const byCode: Partial<Record<ErrorCode, number>> = {};
  const share = limits.known === 0 ? 1 : limits.limit / limits.known;
  const disputed = (): number => listedOtherwise - agreed;
  const release = (): string[] => {
    const released = deferred;
    deferred = [];
    return released;
  };

  return {
    limits,
    skipped: 0,
    unconfirmed: new Map(),
    get unread() {
      return unread + (untrue ? dropped : 0);
    },
    get disputed() {
      return disputed();
    },
    shown: (page) => {
      const times = new Map<string, number>();
      for (const { state } of page) times.set(state, (times.get(state) ?? 0) + 1);
      return page.map((one) =>
        one.state.includes(':') && times.get(one.state)! > 1 ? { ...one, state: '' } : one,
      );
    },
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
    defer: ({ assistantId, finding }) => {
      listedOtherwise += 1;
      const code = !('removal' in finding)
        ? 'TOO_MANY_CHANGED'
        : finding.removal === 'deleted'
          ? 'TOO_MANY_GONE'
          : 'TOO_MANY_WITHOUT_KEY';
      byCode[code] = (byCode[code] ?? 0) + 1;
      if (deferred.length < IDS_KEPT || limits.accepted) deferred.push(assistantId);
      else dropped += 1;
    },
    releaseSome: () => {
      const allowed = Math.min(Math.max(CHANGES_ALLOWED, Math.floor(share * knownListed)), limits.limit);
      return limits.accepted || (!limits.held && disputed() <= allowed) ? release() : [];
    },
    release,
    sample: () => deferred.slice(0, FIRST_SAMPLE),
    code: () => Object.entries(byCode).toSorted(([, a], [, b]) => b - a)[0]![0] as ErrorCode,
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
    takeReads: (assistantIds, of) => {
      const size = assistantIds.length;
      const quota =
        of === 'unseen'
          ? size
          : Math.floor(size * Math.min(1, reads / Math.max(limits.known, 1)) + Math.random());
      const count = Math.min(quota, size, readsLeft[of]);
      const from = count < size && of === 'known' ? Math.floor(Math.random() * size) : 0;
      const read = [...assistantIds.slice(from), ...assistantIds.slice(0, from)].slice(0, count);
      readsLeft[of] -= read.length;
      unread += assistantIds.length - read.length;
      return { read, left: assistantIds.length - read.length };
    },
  };
};

import type { Page } from '@rekey/invent';
import { createDistinctIds, type DistinctIds } from '@rekey/ledger';
import { MAX_BULK_ASSISTANTS, type ErrorCode } from '@rekey/schema';
import { SweepFailure } from '../sweep-failure.ts';

/** What a list has shown. Ids are not kept as strings: a million assistants take 16 to 53 MB. */
export interface Listing {
  seen: DistinctIds;
  /** Distinct assistants that were listed. */
  count: number;
  /** Upstream's own count, if it gives one. */
  counted?: number;
  /** Unreadable records of the last pass. */
  unreadable: number;
  /**
   * Whether there is evidence that every assistant was listed: the list agrees with upstream's own count or,
   * without a count, an empty page ended it. False if a page could not be read, if pages repeat, or if the
   * list does not end within its bounds.
   */
  complete: boolean;
}

export type PageRead = { page: Page; beganMs: number } | { failed: ErrorCode };

/** A list that is read page by page. */
export interface ListSource {
  /**
   * Reads a page, with at most this many tries. Throws SweepFailure if requests for further pages would fail
   * too.
   */
  read(number: number, tries: number): Promise<PageRead>;
  /** Processes records that no earlier page has shown. Returns how many of them were never published. */
  take(records: Page['records'], beganMs: number): Promise<number>;
  /** Called after a page that could not be read: a long list must not lose its lease. */
  save(): Promise<void>;
  /** The number of known assistants of the org. */
  known: number;
  /**
   * Whether known assistants were not listed. Called once, when the list has reached the count that upstream
   * gives.
   */
  lacksKnown(): Promise<boolean>;
  /** Always makes one request beyond the count, to see whether the count is too low. */
  thorough: boolean;
}

const MAX_PASSES = 5;
const PAGE_TRIES = 4;
/** A pass ends after this many consecutive pages with nothing new. */
const REPEATED_PAGES = 2;
/** It also ends after this many consecutive pages without a readable record. */
const UNREADABLE_PAGES = 10;
/** Consecutive failed pages after which upstream counts as unreachable: at the start of a pass, and later. */
const FAILED_AT_START = 3;
const FAILED_IN_A_ROW = 10;
/** A pass with more failed pages than this ends. */
const MAX_FAILED_PAGES = 20;
/** Records are compared in batches, because a page may hold more than was requested. */
const BATCH = 100;
/** How many assistants may be created or deleted while a list is read: a number, and a share. */
const CHANGES_AT_LEAST = 10;
const CHANGES_SHARE = 0.01;
const SPARE_RECORDS = 10_000;

interface Pass {
  /** Whether it is the first pass. */
  first: boolean;
  /** Pages that were read. */
  pages: number;
  /** The number of the last page. */
  last: number;
  /** Records, including repeated and unreadable ones. */
  arrived: number;
  unreadable: number;
  /** Assistants that no earlier page has shown. */
  added: number;
  /** Assistants that were never published. */
  unseen: number;
  /** All counts that its pages have given. */
  totals: Set<number>;
  failed: number[];
  /** Why it ended: at an empty page, at upstream's count, because pages repeat, or at a bound. */
  end: 'empty' | 'counted' | 'repeated' | 'bound' | undefined;
}

/**
 * Reads a list until there is evidence that all of it was seen, or no such evidence is possible.
 *
 * The reader does not rely on the size of pages, on an effect of `page`, or on upstream's count. Pages shift
 * during the reading: assistants that are created or deleted move others across the edge of a page. A list
 * with assistants that were never published is therefore read again, until a pass finds nothing new.
 *
 * Bounds: five passes; in each pass at most twice the known or counted records plus 10,000 (4,000,000 if
 * neither is known), twice the pages that these need plus 20, and 20 failed pages.
 */
export const readList = async (source: ListSource): Promise<Listing> => {
  const listing: Listing = { seen: createDistinctIds(), count: 0, unreadable: 0, complete: false };
  let previous: Pass | undefined;
  for (let number = 1; ; number += 1) {
    const pass = await readPass(source, listing, previous);
    listing.unreadable = pass.unreadable;
    if (pass.totals.size > 0) listing.counted = Math.max(...pass.totals);
    const steady = pass.totals.size <= 1;
    const findsNothingNew = pass.first ? pass.unseen === 0 : pass.added === 0;
    listing.complete = steady && findsNothingNew && agrees(pass, listing);
    if (listing.complete || pass.failed.length > 0 || pass.end === 'bound') return listing;
    if (number === MAX_PASSES || isHopeless(pass, previous)) {
      // In a large org something changes in every pass. The next sweep finds what was missed.
      listing.complete = pass.added <= changesOf(pass) && agrees(pass, listing);
      return listing;
    }
    previous = pass;
  }
};

/**
 * Whether another pass would show the same: this pass found nothing new, and either its count is the same as
 * before or the pass before found nothing new either.
 */
const isHopeless = (pass: Pass, previous: Pass | undefined): boolean => {
  if (!previous || pass.added > 0) return false;
  return previous.added === 0 || [...pass.totals].join() === [...previous.totals].join();
};

/** The size of a difference that changes during the reading can explain. */
const changesOf = ({ totals }: Pass): number =>
  Math.max(CHANGES_AT_LEAST, Math.ceil(Math.max(0, ...totals) * CHANGES_SHARE));

const agrees = (pass: Pass, listing: Listing): boolean => {
  if (pass.failed.length > 0 || pass.end === 'bound' || pass.unreadable > changesOf(pass)) return false;
  if (pass.totals.size === 0) return pass.end === 'empty';
  const [least, most] = [Math.min(...pass.totals), Math.max(...pass.totals)];
  if (most - least > changesOf(pass)) return false;
  // An unreadable record may or may not be one of the assistants that were counted.
  if (listing.count + pass.unreadable < least) return false;
  return pass.first ? listing.count <= most : pass.arrived <= most && listing.count <= most + changesOf(pass);
};

/**
 * The maximum number of records of a pass, given upstream's count. A count above the maximum of a bulk
 * rotation is ignored.
 */
const recordBound = (known: number, total: number | undefined): number => {
  const most = Math.max(known, total !== undefined && total <= MAX_BULK_ASSISTANTS ? total : 0);
  return most === 0 ? 2 * MAX_BULK_ASSISTANTS : Math.min(2 * most + SPARE_RECORDS, 2 * MAX_BULK_ASSISTANTS);
};

/**
 * Reads all pages once. A page that cannot be read does not stop the pass; it is read again at the end.
 */
const readPass = async (source: ListSource, listing: Listing, previous: Pass | undefined): Promise<Pass> => {
  const pass: Pass = {
    first: previous === undefined,
    pages: 0,
    last: 0,
    arrived: 0,
    unreadable: 0,
    added: 0,
    unseen: 0,
    totals: new Set(),
    failed: [],
    end: undefined,
  };
  const progress: Progress = {
    total: undefined,
    largest: 1,
    failedInARow: 0,
    repeatedInARow: 0,
    unreadableInARow: 0,
    beyondCount: false,
    empty: false,
  };
  while (!pass.end) {
    const number = (pass.last += 1);
    const read = await source.read(
      number,
      progress.beyondCount || progress.failedInARow > 0 ? 1 : PAGE_TRIES,
    );
    if (!('failed' in read)) {
      await takePage(source, listing, pass, progress, read);
      pass.end = await endOf(source, listing, pass, progress, previous);
      continue;
    }
    // Some servers answer with an error beyond the last page.
    if (progress.beyondCount && listing.count + pass.unreadable === progress.total) {
      pass.end = 'counted';
      continue;
    }
    pass.failed.push(number);
    progress.failedInARow += 1;
    if (progress.failedInARow >= (pass.pages === 0 ? FAILED_AT_START : FAILED_IN_A_ROW))
      throw new SweepFailure(read.failed);
    if (pass.failed.length > MAX_FAILED_PAGES) pass.end = 'bound';
    await source.save();
  }
  await readFailedAgain(source, listing, pass, progress);
  return pass;
};

const readFailedAgain = async (
  source: ListSource,
  listing: Listing,
  pass: Pass,
  progress: Progress,
): Promise<void> => {
  const failed = pass.failed.splice(0);
  for (const [i, number] of failed.entries()) {
    if (pass.failed.length === FAILED_AT_START) {
      pass.failed.push(...failed.slice(i));
      return;
    }
    const read = await source.read(number, 1);
    if ('failed' in read) pass.failed.push(number);
    else await takePage(source, listing, pass, progress, read);
  }
};

/** The state of a pass after its last pages. */
interface Progress {
  /** The last count that upstream gave. */
  total: number | undefined;
  /** The number of records of the largest page. */
  largest: number;
  failedInARow: number;
  repeatedInARow: number;
  unreadableInARow: number;
  /** Upstream's count is reached; the next page shows whether that count is too low. */
  beyondCount: boolean;
  /** The last page was empty. */
  empty: boolean;
}

const takePage = async (
  source: ListSource,
  listing: Listing,
  pass: Pass,
  progress: Progress,
  { page, beganMs }: { page: Page; beganMs: number },
): Promise<void> => {
  const added = page.records.filter(({ id }) => listing.seen.add(id));
  // No id contains a line break, so that a mark is never taken for an id.
  const newMarks = page.unreadable.filter((mark) => listing.seen.add(`\n${mark}`));
  listing.count += added.length;
  pass.added += added.length;
  pass.pages += 1;
  pass.unreadable += page.unreadable.length;
  pass.arrived += page.records.length + page.unreadable.length;
  if (page.total !== undefined) pass.totals.add(page.total);
  progress.total = page.total ?? progress.total;
  progress.largest = Math.max(progress.largest, page.records.length + page.unreadable.length);
  progress.failedInARow = 0;
  progress.empty = page.records.length + page.unreadable.length === 0;
  progress.repeatedInARow = added.length + newMarks.length > 0 ? 0 : progress.repeatedInARow + 1;
  progress.unreadableInARow = page.records.length > 0 ? 0 : progress.unreadableInARow + 1;
  for (let at = 0; at === 0 || at < added.length; at += BATCH)
    pass.unseen += await source.take(added.slice(at, at + BATCH), beganMs);
};

/** Whether a pass has ended with the last page, and why. */
const endOf = async (
  source: ListSource,
  listing: Listing,
  pass: Pass,
  progress: Progress,
  previous: Pass | undefined,
): Promise<Pass['end']> => {
  const { total, repeatedInARow, unreadableInARow, largest, empty } = progress;
  const arrived = listing.count + pass.unreadable;
  const hasAll = total !== undefined && arrived >= total && (pass.first || pass.arrived >= total);
  // Every record is new to the first pass. A later pass has as many pages as the one before, or finds
  // something new.
  const repeats = pass.first
    ? repeatedInARow >= REPEATED_PAGES
    : repeatedInARow > 0 && pass.last > previous!.last;
  if (empty && (repeats || total === undefined || hasAll)) return 'empty';
  if (repeats || unreadableInARow >= UNREADABLE_PAGES) return 'repeated';
  const bound = recordBound(source.known, total);
  if (pass.arrived > bound || pass.last > 2 * Math.ceil(bound / largest) + MAX_FAILED_PAGES) return 'bound';
  if (!hasAll) return undefined;
  if (!pass.first || (progress.beyondCount && repeatedInARow > 0)) return 'counted';
  if (
    progress.beyondCount ||
    arrived > total ||
    source.thorough ||
    pass.unseen > 0 ||
    (await source.lacksKnown())
  ) {
    progress.beyondCount = true;
    return undefined;
  }
  return 'counted';
};

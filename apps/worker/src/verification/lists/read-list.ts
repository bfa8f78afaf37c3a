import type { Page } from '@rekey/invent';
import { createDistinctIds, type DistinctIds } from '@rekey/ledger';
import { MAX_BULK_ASSISTANTS, type ErrorCode } from '@rekey/schema';
import { SweepFailure } from '../sweep-failure.ts';

/** What a list has shown. No id is kept: a million assistants take 16 to 53 MB. */
export interface Listing {
  seen: DistinctIds;
  /** Distinct assistants that were listed. */
  count: number;
  /** How many upstream counts, if it says so. */
  counted?: number;
  /** Records of the last pass that could not be read. */
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
   * Reads a page, with at most this many tries. Throws SweepFailure if it makes no sense to ask for further
   * pages.
   */
  read(number: number, tries: number): Promise<PageRead>;
  /** Handles records that no earlier page has shown. Returns how many of them were never published. */
  take(records: Page['records'], beganMs: number): Promise<number>;
  /** Called after a page that could not be read: a long list must not lose its lease. */
  save(): Promise<void>;
  /** How many assistants of the org are known. */
  known: number;
  /**
   * Whether known assistants were not listed. Asked once, when the list has come to the count that upstream
   * gives.
   */
  lacksKnown(): Promise<boolean>;
  /** Whether one request beyond the count is made in any case, to see whether the count is too low. */
  thorough: boolean;
}

const MAX_PASSES = 5;
const PAGE_TRIES = 4;
/** A pass ends after this many pages in a row that bring nothing new. */
const REPEATED_PAGES = 2;
/** It also ends after this many pages in a row without a readable record. */
const UNREADABLE_PAGES = 10;
/** Failed pages in a row after which upstream counts as unreachable: at the start of a pass, and later. */
const FAILED_AT_START = 3;
const FAILED_IN_A_ROW = 10;
/** A pass with more failed pages than this ends. */
const MAX_FAILED_PAGES = 20;
/** Records are compared in batches: a page may hold more than was asked for. */
const TAKEN_AT_ONCE = 100;
/** Assistants that may be created or deleted while a list is read, as a number and as a share. */
const CHANGES_AT_LEAST = 10;
const CHANGES_SHARE = 0.01;
const SPARE_RECORDS = 10_000;

interface Pass {
  /** Whether no pass came before. */
  first: boolean;
  /** Pages that were read. */
  pages: number;
  /** The number of the last page. */
  last: number;
  /** Records, also repeated and unreadable ones. */
  arrived: number;
  unreadable: number;
  /** Assistants that no earlier page has shown. */
  added: number;
  /** Assistants that were never published. */
  unseen: number;
  /** All counts that its pages gave. */
  totals: Set<number>;
  failed: number[];
  /** Why it ended: at an empty page, at upstream's count, because pages repeat, or at a bound. */
  end: 'empty' | 'counted' | 'repeated' | 'bound' | undefined;
}

/**
 * Reads a list until there is evidence that all of it was seen, or none can be had.
 *
 * Nothing is taken for granted of what was asked for: neither the size of pages, nor that `page` has any
 * effect, nor that upstream's count is true.
 * Pages shift while one reads: assistants that are created or deleted move others across the page's edge. So
 * a list that brought assistants that were never published is read again, until a pass meets nothing new.
 *
 * Bounds: five passes; in each at most twice as many records as are known or counted, and 10,000 more
 * (4,000,000 if neither is known); twice as many pages as these need, and 20 more; 20 failed pages.
 */
export const readList = async (source: ListSource): Promise<Listing> => {
  const listing: Listing = { seen: createDistinctIds(), count: 0, unreadable: 0, complete: false };
  let previous: Pass | undefined;
  for (let number = 1; ; number += 1) {
    const pass = await readPass(source, listing, previous);
    listing.unreadable = pass.unreadable;
    if (pass.totals.size > 0) listing.counted = Math.max(...pass.totals);
    const steady = pass.totals.size <= 1;
    const meetsNothingNew = pass.first ? pass.unseen === 0 : pass.added === 0;
    listing.complete = steady && meetsNothingNew && agrees(pass, listing);
    if (listing.complete || pass.failed.length > 0 || pass.end === 'bound') return listing;
    if (number === MAX_PASSES || isHopeless(pass, previous)) {
      // In a large org something changes in every pass. What was missed is found by the next sweep.
      listing.complete = pass.added <= changesOf(pass) && agrees(pass, listing);
      return listing;
    }
    previous = pass;
  }
};

/**
 * Whether another pass would show the same: it brought nothing new, and the count is the same or the pass
 * before brought nothing either.
 */
const isHopeless = (pass: Pass, previous: Pass | undefined): boolean => {
  if (!previous || pass.added > 0) return false;
  return previous.added === 0 || [...pass.totals].join() === [...previous.totals].join();
};

/** How many changes while it was read explain a difference. */
const changesOf = ({ totals }: Pass): number =>
  Math.max(CHANGES_AT_LEAST, Math.ceil(Math.max(0, ...totals) * CHANGES_SHARE));

const agrees = (pass: Pass, listing: Listing): boolean => {
  if (pass.failed.length > 0 || pass.end === 'bound' || pass.unreadable > changesOf(pass)) return false;
  if (pass.totals.size === 0) return pass.end === 'empty';
  const [least, most] = [Math.min(...pass.totals), Math.max(...pass.totals)];
  if (most - least > changesOf(pass)) return false;
  // An unreadable record may stand for an assistant that was counted, or not.
  if (listing.count + pass.unreadable < least) return false;
  return pass.first ? listing.count <= most : pass.arrived <= most && listing.count <= most + changesOf(pass);
};

/**
 * How many records a pass may hold, given upstream's count. A count beyond what a bulk rotation can hold
 * bounds nothing.
 */
const recordBound = (known: number, total: number | undefined): number => {
  const most = Math.max(known, total !== undefined && total <= MAX_BULK_ASSISTANTS ? total : 0);
  return most === 0 ? 2 * MAX_BULK_ASSISTANTS : Math.min(2 * most + SPARE_RECORDS, 2 * MAX_BULK_ASSISTANTS);
};

/**
 * Reads all pages once. A page that cannot be read does not leave the others unread; it is read again after
 * them.
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
    // Some answer an error beyond the last page.
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
  const failed = pass.failed.splice(0);
  for (const [i, number] of failed.entries()) {
    if (pass.failed.length === FAILED_AT_START) {
      pass.failed.push(...failed.slice(i));
      break;
    }
    const read = await source.read(number, 1);
    if ('failed' in read) pass.failed.push(number);
    else await takePage(source, listing, pass, progress, read);
  }
  return pass;
};

/** What the last pages of a pass have shown. */
interface Progress {
  /** The last count that upstream gave. */
  total: number | undefined;
  /** Records of the largest page. */
  largest: number;
  failedInARow: number;
  repeatedInARow: number;
  unreadableInARow: number;
  /** As many came as upstream counts; the next page shows whether the count is too low. */
  beyondCount: boolean;
  /** The last page held nothing. */
  empty: boolean;
}

const takePage = async (
  source: ListSource,
  listing: Listing,
  pass: Pass,
  progress: Progress,
  { page, beganMs }: { page: Page; beganMs: number },
): Promise<void> => {
  const news = page.records.filter(({ id }) => listing.seen.add(id));
  // No id has a line break in it, so that no mark is taken for one.
  const newMarks = page.unreadable.filter((mark) => listing.seen.add(`\n${mark}`));
  listing.count += news.length;
  pass.added += news.length;
  pass.pages += 1;
  pass.unreadable += page.unreadable.length;
  pass.arrived += page.records.length + page.unreadable.length;
  if (page.total !== undefined) pass.totals.add(page.total);
  progress.total = page.total ?? progress.total;
  progress.largest = Math.max(progress.largest, page.records.length + page.unreadable.length);
  progress.failedInARow = 0;
  progress.empty = page.records.length + page.unreadable.length === 0;
  progress.repeatedInARow = news.length + newMarks.length > 0 ? 0 : progress.repeatedInARow + 1;
  progress.unreadableInARow = page.records.length > 0 ? 0 : progress.unreadableInARow + 1;
  for (let at = 0; at === 0 || at < news.length; at += TAKEN_AT_ONCE)
    pass.unseen += await source.take(news.slice(at, at + TAKEN_AT_ONCE), beganMs);
};

/** Whether a pass has come to its end with the page that was taken last, and why. */
const endOf = async (
  source: ListSource,
  listing: Listing,
  pass: Pass,
  progress: Progress,
  previous: Pass | undefined,
): Promise<Pass['end']> => {
  const { total, repeatedInARow, unreadableInARow, largest, empty } = progress;
  const came = listing.count + pass.unreadable;
  const hasAll = total !== undefined && came >= total && (pass.first || pass.arrived >= total);
  // Each record is new to the first pass. A later one is as long as the one before, or brings something new.
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
    came > total ||
    source.thorough ||
    pass.unseen > 0 ||
    (await source.lacksKnown())
  ) {
    progress.beyondCount = true;
    return undefined;
  }
  return 'counted';
};

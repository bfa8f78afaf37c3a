import { LIST_PAGE_SIZE, type InventClient, type ListOutcome, type Page } from '@rekey/invent';
import type { Lane } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import type { ErrorCode, SweepCounts } from '@rekey/schema';
import { backoffMs } from '../../shared/backoff.ts';
import { redisNowMs, type Anchor, type Clock } from '../../shared/clock.ts';
import { needsOperator } from '../../shared/needs-operator.ts';
import type { Pacer } from '../../shared/pacer.ts';
import { SweepFailure } from '../sweep-failure.ts';
import type { PageRead } from './read-list.ts';

interface ReadPageDeps {
  invent: Pick<InventClient, 'listAssistants'>;
  clock: Clock;
  pacer: Pick<Pacer, 'take'>;
  logger: Logger;
}

/** The sweep that reads the page. */
interface PageReader {
  orgId: string;
  lane: Lane;
  anchor: Anchor;
  counts: SweepCounts;
  save: () => Promise<void>;
}

interface PageOptions {
  tries: number;
  search: string | undefined;
}

const listBackoff = { firstMs: 1000, maxMs: 10_000 };
/** One in fifty requests is the sweep's: at a tenth of the pace, a minute passes between two of them. */
const WAIT_FOR_BUDGET_MS = 90_000;
/** If upstream asks for a longer pause, the list is given up: its reader holds a lease. */
const LONGEST_PAUSE_MS = 60_000;
/** Pages of 100 records, of 10, of one. */
const PARTS = 10;

/**
 * Reads a page. If it is longer than an answer may be, it is read in ten smaller ones. A single record that
 * is too long counts as unreadable.
 */
export const readPage = async (
  deps: ReadPageDeps,
  reader: PageReader,
  number: number,
  options: PageOptions,
  take = LIST_PAGE_SIZE,
): Promise<PageRead> => {
  const read = await readOnePage(deps, reader, number, { ...options, take });
  if (!('failed' in read) || read.failed !== 'RECORD_TOO_LARGE') return read;
  if (take === 1)
    return {
      page: { records: [], unreadable: [`too long, at ${number}`], total: undefined },
      beganMs: redisNowMs(deps.clock, reader.anchor),
    };
  const parts: Extract<PageRead, { page: Page }>[] = [];
  for (let i = 1; i <= PARTS; i += 1) {
    const part = await readPage(deps, reader, (number - 1) * PARTS + i, options, take / PARTS);
    // A hundred requests may take longer than the lease of the sweep.
    await reader.save();
    if ('failed' in part) return part;
    parts.push(part);
    if (part.page.records.length + part.page.unreadable.length < take / PARTS) break;
  }
  const pages = parts.map(({ page }) => page);
  return {
    page: {
      records: pages.flatMap(({ records }) => records),
      unreadable: pages.flatMap(({ unreadable }) => unreadable),
      total: pages.findLast(({ total }) => total !== undefined)?.total,
    },
    beganMs: Math.min(...parts.map(({ beganMs }) => beganMs)),
  };
};

const readOnePage = async (
  { invent, clock, pacer, logger }: ReadPageDeps,
  { orgId, lane, anchor, counts }: PageReader,
  number: number,
  { tries, search, take }: PageOptions & { take: number },
): Promise<PageRead> => {
  for (let attempt = 1; ; attempt += 1) {
    const waitMs = await pacer.take(lane, WAIT_FOR_BUDGET_MS);
    if (waitMs > 0) throw new SweepFailure('UPSTREAM_RATE_LIMITED');
    counts.requests += 1;
    const beganMs = redisNowMs(clock, anchor);
    const outcome: ListOutcome = await invent.listAssistants(orgId, number, {
      take,
      ...(search !== undefined && { search }),
    });
    if (outcome.outcome === 'read') {
      const { page } = outcome;
      if (page.unreadable.length > 0)
        logger.event('list_records_unreadable', {
          org_id: orgId,
          page: number,
          records: page.unreadable.length,
        });
      return { page, beganMs: beganMs - (page.ageMs ?? 0) };
    }
    const { code, reason, retryAfterMs = 0 } = outcome;
    logger.event('list_page_failed', { org_id: orgId, page: number, take, code, reason });
    if (code === 'RECORD_TOO_LARGE') return { failed: code };
    const limited = code === 'UPSTREAM_RATE_LIMITED';
    if (
      (isPermanent(code) && number === 1) ||
      code === 'ORG_NOT_CONFIGURED' ||
      (limited && (attempt === tries || retryAfterMs > LONGEST_PAUSE_MS))
    )
      throw new SweepFailure(code);
    // The pause also follows the last try, because the next page is requested after it.
    const pauseMs = Math.max(Math.min(retryAfterMs, LONGEST_PAUSE_MS), backoffMs(attempt, listBackoff));
    if (isPermanent(code)) return { failed: code };
    await clock.sleep(pauseMs);
    if (attempt === tries) return { failed: code };
  }
};

/** Whether a retry gets the same answer. One that cannot be decoded may have been damaged on its way. */
const isPermanent = (code: ErrorCode): boolean =>
  (needsOperator.has(code) && code !== 'ANSWER_UNREADABLE') ||
  code === 'ASSISTANT_NOT_FOUND' ||
  code === 'UPSTREAM_REJECTED' ||
  code === 'INVALID_ARGUMENT';

import { LIST_PAGE_SIZE, type InventClient, type ListOutcome, type Page } from '@rekey/invent';
import type { Comparison, Lane, Ledger } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import { RekeyError, type ErrorCode, type SweepCounts } from '@rekey/schema';
import { backoffMs } from '../../shared/backoff.ts';
import type { CheckOptions, CheckResult } from '../checks/check-assistant.ts';
import { redisNowMs, type Anchor, type Clock } from '../../shared/clock.ts';
import { quarantine } from '../checks/due-checks.ts';
import { needsOperator } from '../../shared/needs-operator.ts';
import type { Pacer } from '../../shared/pacer.ts';
import { isAnotherOrg, publishedOrgOf } from '../../orgs/published-org.ts';
import { findingOf, type Publisher } from '../../publishing/publisher.ts';
import { createListEvidence, type Listed, type ListEvidence } from '../lists/list-evidence.ts';
import { readList, type Listing, type PageRead } from '../lists/read-list.ts';
import { SweepFailure } from '../sweep-failure.ts';

export { SweepFailure };
export type { Listing };

export interface SweepDeps {
  ledger: Pick<
    Ledger,
    | 'nowMs'
    | 'compare'
    | 'keyFacts'
    | 'currents'
    | 'look'
    | 'notSeenSince'
    | 'orgs'
    | 'requestCheck'
    | 'quarantine'
    | 'unquarantine'
    | 'orgLimits'
    | 'holdOrg'
    | 'orgSwept'
    | 'countNotSeenSince'
    | 'noteTooLarge'
    | 'noteFits'
  >;
  invent: Pick<InventClient, 'listAssistants'>;
  publisher: Publisher;
  check: (target: { orgId: string; assistantId: string }, options?: CheckOptions) => Promise<CheckResult>;
  clock: Clock;
  pacer: Pick<Pacer, 'take'>;
  logger: Logger;
  readLagMs: number;
}

const listBackoff = { firstMs: 1000, maxMs: 10_000 };
/**
 * One in fifty requests is the sweep's: at a pace that was slowed down to a tenth, a minute passes between
 * two.
 */
const WAIT_FOR_BUDGET_MS = 90_000;
/** If upstream wants a longer pause, the list is given up: whoever reads it holds a lease. */
const LONGEST_PAUSE_MS = 60_000;
const CHECKS_AT_ONCE = 8;
const ABSENT_PAGE = 100;
/**
 * Known assistants that are read one by one in a sweep because LIST does not show their keys, or is not
 * complete; and as many that were never published.
 */
const READ_INSTEAD = 100;
/** Absent assistants that are read to see whether LIST leaves out what is there. */
const ABSENT_SAMPLE = 3;
/** How often a sweep that waits renews its lease. */
const SAVE_EVERY_MS = 10_000;
/**
 * Removals that a sweep waits for are confirmed by its own reads. Others read them if it dies, this much
 * later.
 */
const CONFIRMED_BY_OTHERS_MS = 60_000;
/** How many assistants that may have moved to another org are looked at. */
const STRAYS_A_SWEEP = 20;
/** What could not be read is read once more after this time. */
const READ_AGAIN_MS = 5000;

/**
 * Compares what upstream lists with what is published, for one org or for all: those that keys are configured
 * for, and those that anything was published under. `save` is called after each page; it rejects where the
 * sweep is another's by now.
 */
export const sweep =
  ({
    configuredOrgs,
    ...deps
  }: SweepDeps & { /** The org ids that API keys are configured for. */ configuredOrgs: () => string[] }) =>
  async (orgId: string | undefined, counts: SweepCounts, save: () => Promise<void>): Promise<void> => {
    const anchor = { redisMs: await deps.ledger.nowMs(), clockMs: deps.clock.nowMs() };
    const one = async (id: string): Promise<void> => {
      const { failure } = await sweepOrg(deps, {
        orgId: id,
        lane: 'sweep',
        anchor,
        counts,
        save,
        asked: orgId !== undefined,
      });
      if (failure) throw new SweepFailure(failure);
    };
    if (orgId !== undefined) return one(orgId);
    const configured = configuredOrgs();
    const failures: unknown[] = [];
    const attempt = async (id: string) => {
      await one(id).catch((error: unknown) => {
        if (!(error instanceof SweepFailure)) throw error;
        deps.logger.error({ org_id: id, code: error.code }, 'an org could not be swept');
        failures.push(error);
      });
    };
    for (const id of configured) await attempt(id);
    for (const { orgId: id } of await deps.ledger.orgs()) {
      if (configured.includes(id)) continue;
      // An org may go by two names, `c` and its own: one LIST has then shown all that is known of it.
      const unseen = await deps.ledger.notSeenSince(id, anchor.redisMs, { offset: 0, size: 1 });
      if (unseen.length > 0) await attempt(id);
    }
    if (failures.length > 0) throw failures[0];
  };

export interface OrgSweep {
  orgId: string;
  /** Which requests of the budget it takes. */
  lane: Lane;
  anchor: Anchor;
  counts: SweepCounts;
  save: () => Promise<void>;
  /** An operator named this org, and waits: what later reads have to confirm is waited for. */
  asked: boolean;
  /** One more request is made to see whether upstream's count is too low. */
  thorough?: boolean;
  /** Called with those that are there: each once, and one call after the other. */
  onPresent?: (assistantIds: string[]) => Promise<void>;
  /** Called with those whose key in force was not the one published, and now is. */
  onRepaired?: (assistantId: string) => void;
  /** What the lists of this run have shown so far, and how far they are believed. */
  evidence?: ListEvidence;
  /** What is looked at once the list has been judged. */
  later?: {
    /** Listed, and published under another org. */
    strays: Set<string>;
    /** Those that had to be read, and could not be. */
    unreadable: Map<string, ErrorCode>;
  };
}

/** What a list has shown, and why not all of it could be compared. */
export type SweptListing = Listing & { failure?: ErrorCode };

/**
 * Compares all assistants of an org with what is published: those that are listed, and those that are not.
 * Whatever LIST says against the ledger is a reason to read the assistant itself. If that is more than the
 * org's limit, nothing of it is published, and the org is held.
 */
export const sweepOrg = async (deps: SweepDeps, run: OrgSweep): Promise<SweptListing> => {
  const { clock, ledger } = deps;
  const beganMs = redisNowMs(clock, run.anchor);
  const later = (run.later = { strays: new Set<string>(), unreadable: new Map<string, ErrorCode>() });
  await evidenceOf(deps, run);
  const before = { ...run.counts };
  const first = await compareListed(deps, run);
  const omits = await judgeList(deps, run, beganMs, first);
  const listing =
    run.evidence!.skipped > 0 && !run.evidence!.isForeign()
      ? await compareSkipped(deps, run, first, before)
      : first;
  await checkDiffering(deps, run, run.evidence!.release());
  await checkAbsent(deps, run, beganMs, listing, omits ? READ_INSTEAD : Infinity);
  await checkStrays(deps, run, [...later.strays]);
  await confirmUnconfirmed(deps, run);
  await readAgain(deps, run);
  const { held } = await ledger.orgLimits(run.orgId);
  if (held) throw new SweepFailure(held);
  const complete = listing.complete && !omits;
  const failure: ErrorCode | undefined =
    run.evidence!.unread > 0
      ? 'KEYS_NOT_SHOWN'
      : complete
        ? [...later.unreadable.values()][0]
        : 'LIST_INCOMPLETE';
  if (failure === undefined)
    await ledger.orgSwept(run.orgId, { settled: run.asked && run.counts.unresolved === 0 });
  return { ...listing, complete, ...(failure && { failure }) };
};

/**
 * Holds the org if too much has changed, or lifts the hold if it has not. Returns whether LIST leaves out
 * what is there.
 */
const judgeList = async (
  deps: SweepDeps,
  run: OrgSweep,
  beganMs: number,
  { complete }: Listing,
): Promise<boolean> => {
  const { ledger, logger } = deps;
  const evidence = run.evidence!;
  const { limits } = evidence;
  if (limits.accepted) return false;
  if (evidence.isForeign()) {
    if (complete) return hold(deps, run, 'ORG_CHANGED', limits.known);
    // Nothing that is known was listed, and perhaps under the wrong API key: then a GET says no more of those
    // that are absent.
    throw new SweepFailure(limits.held ?? 'LIST_INCOMPLETE');
  }
  if (evidence.disputed > limits.limit && !(await isListUntrue(deps, run)))
    await hold(deps, run, evidence.code(), evidence.disputed);
  const disputed = evidence.isUntrue() ? 0 : evidence.disputed;
  const absent = await ledger.countNotSeenSince(run.orgId, beganMs);
  const isBeyond = absent > 0 && absent + disputed > limits.limit;
  // What an incomplete list does not show may well be there.
  const omits = isBeyond && (!complete || (await listOmits(deps, run, beganMs)));
  if (isBeyond && !omits) await hold(deps, run, 'TOO_MANY_GONE', absent);
  if (limits.held && (evidence.isUntrue() || evidence.unread > 0 || (isBeyond && !complete)))
    throw new SweepFailure(limits.held);
  if (limits.held && (await ledger.orgSwept(run.orgId)))
    logger.warn(
      { org_id: run.orgId, code: limits.held },
      'an org is held no longer: what is read agrees with what is published',
    );
  return omits;
};

/** Ends the sweep of an org of which too much has changed. Consumers keep what they hold. */
const hold = async (
  { ledger, logger }: SweepDeps,
  { orgId, counts, evidence }: OrgSweep,
  code: ErrorCode,
  affected: number,
): Promise<never> => {
  const { known, limit } = evidence!.limits;
  counts.unresolved += affected;
  const isNew = await ledger.holdOrg(orgId, { code, affected, known });
  if (isNew)
    logger.error(
      { org_id: orgId, code, affected, known, limit },
      'too much of an org has changed: it is held, and nothing of that is published',
    );
  throw new SweepFailure(code);
};

/**
 * Whether GET agrees with the ledger on most of those that LIST shows with another key, or without one.
 * Nothing is published meanwhile, nor concluded from what cannot be read.
 */
const isListUntrue = async (
  { check, logger }: SweepDeps,
  { orgId, lane, counts, evidence }: OrgSweep,
): Promise<boolean> => {
  let agreed = 0;
  let differing = 0;
  for (const assistantId of evidence!.sample()) {
    counts.requests += 1;
    const result = await check({ orgId, assistantId }, { lane, compareOnly: true });
    if (result.kind === 'unreadable') throw new SweepFailure(result.code);
    if (result.kind === 'agreed') agreed += 1;
    if (result.kind === 'differs') differing += 1;
  }
  if (agreed <= differing) return false;
  evidence!.noteUntrue();
  logger.error({ org_id: orgId }, 'LIST shows other keys than GET: it is not believed');
  return true;
};

/** Whether some that are not listed are there all the same. Not if that cannot be read. */
const listOmits = async (deps: SweepDeps, run: OrgSweep, beganMs: number): Promise<boolean> => {
  const kinds: CheckResult['kind'][] = [];
  for (const assistantId of await deps.ledger.notSeenSince(run.orgId, beganMs, {
    offset: 0,
    size: ABSENT_SAMPLE,
  })) {
    run.counts.requests += 1;
    const result = await deps.check({ orgId: run.orgId, assistantId }, { lane: run.lane, compareOnly: true });
    if (result.kind === 'unreadable') throw new SweepFailure(result.code);
    kinds.push(result.kind);
  }
  return kinds.some((kind) => kind !== 'differs');
};

/**
 * Lists once more: what was not imported, since nothing that was listed before it was known or the org was
 * held.
 */
const compareSkipped = async (
  deps: SweepDeps,
  run: OrgSweep,
  { seen }: Listing,
  before: SweepCounts,
): Promise<Listing> => {
  // All are compared anew: nobody is counted twice.
  const { compared, agreed, held, unresolved } = before;
  Object.assign(run.counts, { compared, agreed, held, unresolved });
  run.evidence = createListEvidence(await deps.ledger.orgLimits(run.orgId), {
    reads: READ_INSTEAD,
    isOurs: true,
  });
  const { onPresent } = run;
  const listing = await compareListed(deps, {
    ...run,
    ...(onPresent && { onPresent: (ids: string[]) => onPresent(ids.filter((id) => seen.add(id))) }),
  });
  return { ...listing, seen };
};

const evidenceOf = async ({ ledger }: SweepDeps, run: OrgSweep): Promise<ListEvidence> =>
  (run.evidence ??= createListEvidence(await ledger.orgLimits(run.orgId), { reads: READ_INSTEAD }));

/**
 * A removal that one read has shown is published only if a later one agrees. Whoever asked for the sweep by
 * name waits for that.
 */
const confirmUnconfirmed = async (deps: SweepDeps, run: OrgSweep): Promise<void> => {
  const { unconfirmed } = run.evidence!;
  if (!run.asked || unconfirmed.size === 0) return;
  await pause(deps, run, Math.max(...unconfirmed.values()));
  const assistantIds = [...unconfirmed.keys()];
  unconfirmed.clear();
  run.counts.unresolved -= assistantIds.length;
  await checkAll(deps, run, assistantIds);
};

/** The sweep keeps its lease meanwhile. */
const pause = async ({ clock }: SweepDeps, { save }: OrgSweep, ms: number): Promise<void> => {
  for (let leftMs = ms; leftMs > 0; leftMs -= SAVE_EVERY_MS) {
    await save();
    await clock.sleep(Math.min(leftMs, SAVE_EVERY_MS));
  }
  await save();
};

/**
 * What LIST disputes and nobody can read may be wrong: after another try the sweep fails with the reason.
 * What was not asked for want of a request is asked soon.
 */
const readAgain = async (deps: SweepDeps, run: OrgSweep): Promise<void> => {
  const { unreadable } = run.later!;
  const assistantIds = [...unreadable.keys()].slice(0, READ_INSTEAD);
  if (assistantIds.length === 0) return;
  await pause(deps, run, READ_AGAIN_MS);
  for (const assistantId of assistantIds) unreadable.delete(assistantId);
  run.counts.unresolved -= assistantIds.length;
  await checkAll(deps, run, assistantIds);
};

/**
 * Compares what upstream lists of an org, or finds by a term, with what is published. The list is evidence,
 * and not the truth: see readList. All that was listed is compared, also if the list is incomplete.
 */
export const compareListed = async (deps: SweepDeps, run: OrgSweep, search?: string): Promise<Listing> => {
  const { clock, ledger, logger, publisher } = deps;
  const beganMs = redisNowMs(clock, run.anchor);
  const listing = await readList({
    known: (await ledger.orgs()).find(({ orgId }) => orgId === run.orgId)?.assistants ?? 0,
    lacksKnown: async () =>
      search === undefined &&
      (await ledger.notSeenSince(run.orgId, beganMs, { offset: 0, size: 1 })).length > 0,
    thorough: run.thorough ?? false,
    save: run.save,
    read: (number, tries) => readPage(deps, run, number, { tries, search }),
    take: async (records, readMs) => {
      const listed = records.map((record): Listed => {
        const finding = findingOf(record);
        return {
          assistantId: record.id,
          state: record.masked ? '' : publisher.stateOf(finding),
          finding,
          ...(record.tooLarge && { tooLarge: true }),
        };
      });
      const unseen = await takeIn(deps, run, listed, readMs);
      await run.onPresent?.(
        listed.flatMap(({ assistantId, finding }) =>
          'removal' in finding && finding.removal === 'deleted' ? [] : [assistantId],
        ),
      );
      await run.save();
      return unseen;
    },
  });
  const { complete, count, counted, unreadable } = listing;
  if (!complete)
    logger.error(
      { org_id: run.orgId, listed: count, counted, unreadable },
      'the list of assistants is incomplete: it does not agree with its count, or part of it could not be read',
    );
  return listing;
};

/**
 * The answers that trying again does not change. One that cannot be decoded may have been mangled on its way.
 */
const isPermanent = (code: ErrorCode): boolean =>
  (needsOperator.has(code) && code !== 'ANSWER_UNREADABLE') ||
  code === 'ASSISTANT_NOT_FOUND' ||
  code === 'UPSTREAM_REJECTED' ||
  code === 'INVALID_ARGUMENT';

interface PageOptions {
  tries: number;
  search: string | undefined;
}

/**
 * Reads a page; one that is longer than an answer may be in ten smaller ones, and what is too long by itself
 * as a record that cannot be read.
 */
const readPage = async (
  deps: SweepDeps,
  run: OrgSweep,
  number: number,
  options: PageOptions,
  take = LIST_PAGE_SIZE,
): Promise<PageRead> => {
  const read = await readOnePage(deps, run, number, { ...options, take });
  if (!('failed' in read) || read.failed !== 'RECORD_TOO_LARGE') return read;
  if (take === 1)
    return {
      page: { records: [], unreadable: [`too long, at ${number}`], total: undefined },
      beganMs: redisNowMs(deps.clock, run.anchor),
    };
  const parts: Extract<PageRead, { page: Page }>[] = [];
  for (let i = 1; i <= PARTS; i += 1) {
    const part = await readPage(deps, run, (number - 1) * PARTS + i, options, take / PARTS);
    // A hundred requests may take longer than the lease of the sweep.
    await run.save();
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
/** Pages of 100 records, of 10, of one. */
const PARTS = 10;

const readOnePage = async (
  { invent, clock, pacer, logger }: SweepDeps,
  { orgId, lane, anchor, counts }: OrgSweep,
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
        logger.warn(
          { org_id: orgId, page: number, records: page.unreadable.length },
          'listed records could not be read',
        );
      return { page, beganMs: beganMs - (page.ageMs ?? 0) };
    }
    const { code, reason, retryAfterMs = 0 } = outcome;
    logger.warn(
      { org_id: orgId, page: number, take, code, reason },
      'a page of assistants could not be read',
    );
    if (code === 'RECORD_TOO_LARGE') return { failed: code };
    const limited = code === 'UPSTREAM_RATE_LIMITED';
    if (
      (isPermanent(code) && number === 1) ||
      code === 'ORG_NOT_CONFIGURED' ||
      (limited && (attempt === tries || retryAfterMs > LONGEST_PAUSE_MS))
    )
      throw new SweepFailure(code);
    // Also after the last try: the next page is asked for next.
    const pauseMs = Math.max(Math.min(retryAfterMs, LONGEST_PAUSE_MS), backoffMs(attempt, listBackoff));
    if (isPermanent(code)) return { failed: code };
    await clock.sleep(pauseMs);
    if (attempt === tries) return { failed: code };
  }
};

/** Compares a page, and deals with what does not agree. Returns how many were never published. */
const takeIn = async (deps: SweepDeps, run: OrgSweep, page: Listed[], beganMs: number): Promise<number> => {
  const { ledger, readLagMs } = deps;
  const { counts, orgId } = run;
  const evidence = await evidenceOf(deps, run);
  const listed = evidence.shown(page);
  const words = await ledger.compare({ beganMs, lagMs: readLagMs }, listed);
  counts.compared += listed.length;
  await noteSizes(deps, orgId, listed, beganMs);
  const unseen: Listed[] = [];
  const unshown: string[] = [];
  const agreeing: Listed[] = [];
  let neverPublished = 0;
  for (const [i, one] of listed.entries()) {
    const target = { orgId, assistantId: one.assistantId };
    switch (words[i] as Comparison) {
      case 'agrees':
        agreeing.push(one);
        break;
      case 'keyless':
        neverPublished += 1;
        agreeing.push(one);
        break;
      case 'unseen':
        neverPublished += 1;
        unseen.push(one);
        break;
      case 'unshown':
        unshown.push(one.assistantId);
        break;
      case 'differs':
        evidence.defer(one);
        break;
      case 'held':
        counts.held += 1;
        break;
      case 'young':
      case 'stale':
        counts.unresolved += 1;
        await ledger.requestCheck(target, readLagMs, { slow: true });
        break;
      case 'corrupt':
        counts.unresolved += 1;
        await setAside(deps, target);
    }
  }
  evidence.noteKnown(listed.length - neverPublished);
  await checkDiffering(deps, run, evidence.releaseSome());
  if (unshown.length > 1 && evidence.isUnshownNew()) await holdIfUnshown(deps, run, unshown);
  await readInstead(deps, run, unshown, 'known');
  await importUnseen(deps, run, unseen, beganMs);
  await sampleKeyless(deps, run, listed, agreeing);
  await verifyRecords(deps, run, agreeing, beganMs);
  return unseen.length;
};

/**
 * No request that replaces a key is sent for a record that could not be read back; and it is again once it
 * fits.
 */
const noteSizes = async (
  { ledger, logger }: SweepDeps,
  orgId: string,
  listed: Listed[],
  nowMs: number,
): Promise<void> => {
  for (const { assistantId, tooLarge } of listed) {
    if (tooLarge && (await ledger.noteTooLarge({ orgId, assistantId }, nowMs)))
      logger.error({ org_id: orgId, assistant_id: assistantId }, 'a record is too long to be read by itself');
  }
  await ledger.noteFits(listed.filter(({ tooLarge }) => !tooLarge).map(({ assistantId }) => assistantId));
};

/**
 * Reads those that LIST shows with another key, or without one. If GET agrees with the ledger again and
 * again, LIST is not believed any more: it shows what is not so, and reading them all would take the budget.
 */
const checkDiffering = async (deps: SweepDeps, run: OrgSweep, assistantIds: string[]): Promise<void> => {
  const { evidence, counts } = run;
  for (let at = 0; at < assistantIds.length; at += CHECKS_AT_ONCE) {
    if (evidence!.isUntrue()) return readInstead(deps, run, assistantIds.slice(at), 'known');
    const before = counts.agreed;
    const some = assistantIds.slice(at, at + CHECKS_AT_ONCE);
    await checkAll(deps, run, some);
    evidence!.noteChecked(some.length, counts.agreed - before);
  }
};

/**
 * Holds an org of which neither LIST nor GET shows the keys that are published: masked ones, or one for all.
 * The first of them would be published otherwise.
 */
const holdIfUnshown = async (deps: SweepDeps, run: OrgSweep, unshown: string[]): Promise<void> => {
  if (run.evidence!.limits.accepted) return;
  for (const assistantId of new Set([unshown[0]!, unshown[unshown.length >> 1]!, unshown.at(-1)!])) {
    run.counts.requests += 1;
    const { kind } = await unlessCorrupt(deps, { orgId: run.orgId, assistantId }, () =>
      deps.check({ orgId: run.orgId, assistantId }, { lane: run.lane, compareOnly: true }),
    );
    if (kind !== 'differs') return;
  }
  await hold(deps, run, 'KEYS_NOT_SHOWN', unshown.length);
};

/** Reads assistants whose keys LIST does not show, as far as a sweep may. */
const readInstead = async (
  deps: SweepDeps,
  run: OrgSweep,
  assistantIds: string[],
  of: 'known' | 'unseen',
): Promise<void> => {
  const { read, left } = run.evidence!.takeReads(assistantIds, of);
  run.counts.unresolved += left;
  await checkAll(deps, run, read);
};

/**
 * What was never published has nothing that it could overwrite. LIST alone is not believed: some of each page
 * are read one by one, which publishes them, and only if LIST has shown their keys right the others are
 * published as they were listed. Not before anything listed is known, if anything is, and not while it may be
 * in part another org's list: that is decided at its end.
 */
const importUnseen = async (
  deps: SweepDeps,
  run: OrgSweep,
  unseen: Listed[],
  beganMs: number,
): Promise<void> => {
  const { ledger } = deps;
  const { counts, orgId } = run;
  const evidence = run.evidence!;
  if (
    evidence.isTooNew(unseen.length) ||
    evidence.isForeign() ||
    (evidence.limits.held && !evidence.limits.accepted)
  ) {
    evidence.skipped += unseen.length;
    return;
  }
  const { shown, unshown } = evidence.split(unseen);
  // Of a record that is too long nothing is published; the read says so.
  await readInstead(
    deps,
    run,
    [...unshown, ...shown.filter(({ tooLarge }) => tooLarge)].map(({ assistantId }) => assistantId),
    'unseen',
  );
  let rest = shown.filter(({ tooLarge }) => !tooLarge);
  const isShownRight = async (count: number): Promise<boolean> => {
    // Not always those that come first.
    const from = Math.floor(Math.random() * Math.max(rest.length - count + 1, 1));
    const sample = rest.slice(from, from + count);
    rest = [...rest.slice(0, from), ...rest.slice(from + count)];
    await checkAll(
      deps,
      run,
      sample.map(({ assistantId }) => assistantId),
    );
    // What GET showed is published by now, unless a rotation holds it or it could not be read: that says
    // nothing.
    const facts = await ledger.keyFacts(sample.map(({ assistantId }) => assistantId));
    const told = sample.flatMap(({ state }, i) =>
      facts[i]?.state === undefined ? [] : [facts[i].state === state],
    );
    return sample.length === 0 || (told.length > 0 && told.every(Boolean));
  };
  if (rest.length > 0 && !evidence.isUntrue()) {
    const size = evidence.sampleSize();
    // Between LIST and GET one may have been rotated; not two of several.
    if (size > 0 && !(await isShownRight(size)) && !(await isShownRight(size))) evidence.noteUntrue();
  }
  if (evidence.isUntrue())
    return readInstead(
      deps,
      run,
      rest.map(({ assistantId }) => assistantId),
      'unseen',
    );
  for (const one of rest) {
    const imported = await unlessCorrupt(deps, { orgId, assistantId: one.assistantId }, () =>
      importListed(deps, run, one, beganMs),
    );
    counts[imported === true ? 'imported' : imported === false ? 'held' : 'unresolved'] += 1;
  }
};

type Target = { orgId: string; assistantId: string };
type SetAsideDeps = Pick<SweepDeps, 'logger'> & {
  ledger: Pick<Ledger, 'nowMs' | 'quarantine' | 'requestCheck'>;
};

/** What cannot be read in the ledger is reported, and looked at until it can. */
const setAside = async (deps: SetAsideDeps, target: Target): Promise<void> => {
  await quarantine(deps, target, 'its entry has a wrong type');
  await deps.ledger.requestCheck(target, 0);
};

/** Takes a step with an assistant. Where its entry cannot be read, that holds up no other. */
export const unlessCorrupt = async <T>(
  deps: SetAsideDeps,
  target: Target,
  step: () => Promise<T>,
): Promise<T | { kind: 'corrupt' }> => {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof RekeyError && error.code === 'LEDGER_CORRUPT')) throw error;
    await setAside(deps, target);
    return { kind: 'corrupt' };
  }
};

/**
 * The right key is of no use in a record that nobody can open: such a record is reported, and published anew.
 */
const verifyRecords = async (
  deps: SweepDeps,
  run: OrgSweep,
  agreeing: Listed[],
  beganMs: number,
): Promise<void> => {
  const { ledger, publisher, check, logger, readLagMs } = deps;
  const { orgId, lane, counts, later } = run;
  const currents = await ledger.currents(agreeing.map(({ assistantId }) => assistantId));
  for (const [i, { assistantId, state, finding }] of agreeing.entries()) {
    const current = currents[i] ?? null;
    // What has no key, and was never published, has no record.
    if (
      ('removal' in finding && current === null) ||
      (await publisher.canBeOpened(current, assistantId, state, beganMs))
    ) {
      counts.agreed += 1;
      const publishedUnder = publishedOrgOf(current);
      if (
        publishedUnder !== undefined &&
        isAnotherOrg(publishedUnder, orgId) &&
        later &&
        later.strays.size < STRAYS_A_SWEEP
      )
        later.strays.add(assistantId);
      continue;
    }
    // A rotation may have published another key since the page was compared: its record is not the one that
    // was to be opened.
    const [word] = await ledger.compare({ beganMs, lagMs: readLagMs }, [{ assistantId, state }]);
    if (word !== 'agrees') {
      counts.held += 1;
      continue;
    }
    const target = { orgId, assistantId };
    await quarantine(deps, target, 'its current record cannot be opened');
    counts.requests += 1;
    const { kind } = await unlessCorrupt(deps, target, () => check(target, { publishAnew: true, lane }));
    if (kind === 'adopted' || kind === 'removed') {
      counts[kind] += 1;
      await ledger.unquarantine(assistantId);
      logger.warn(
        { org_id: orgId, assistant_id: assistantId },
        'a record that could not be opened was published anew',
      );
    } else {
      counts.unresolved += 1;
    }
  }
};

/**
 * What this org lists and was published under another: the check sees whether it has moved. Each costs two
 * requests, so that a sweep makes a few. Not before the list has been judged: an API key that is another
 * org's by now lists all of that.
 */
const checkStrays = async (deps: SweepDeps, run: OrgSweep, assistantIds: string[]): Promise<void> => {
  const { orgId, lane, counts } = run;
  for (const assistantId of assistantIds) {
    counts.requests += 2;
    const target = { orgId, assistantId };
    await unlessCorrupt(deps, target, () => deps.check(target, { lane }));
  }
};

/** A whole page without a key, of which none ever had one: LIST may leave out the keys, which GET shows. */
const sampleKeyless = async (
  deps: SweepDeps,
  run: OrgSweep,
  listed: Listed[],
  agreeing: Listed[],
): Promise<void> => {
  const { evidence, counts } = run;
  if (
    agreeing.length === 0 ||
    agreeing.length < listed.length ||
    listed.some(({ state }) => state !== 'no-key')
  )
    return;
  const assistantIds = listed.map(({ assistantId }) => assistantId);
  if (evidence!.isUntrue()) return readInstead(deps, run, assistantIds, 'unseen');
  const size = Math.max(evidence!.sampleSize(), 1);
  const imported = counts.imported;
  await checkAll(deps, run, assistantIds.slice(0, size));
  if (counts.imported === imported) return;
  evidence!.noteUntrue();
  await readInstead(deps, run, assistantIds.slice(size), 'unseen');
};

/** Publishes an assistant as it was listed; costs no request. */
const importListed = async (
  { ledger, publisher, clock, readLagMs }: SweepDeps,
  { orgId }: OrgSweep,
  { assistantId, finding }: Listed,
  beganMs: number,
): Promise<boolean> => {
  const looked = await ledger.look({ orgId, assistantId });
  if (looked.kind === 'held' || looked.hold.versionBefore !== undefined) return false;
  const anchor = { redisMs: looked.hold.atMs, clockMs: clock.nowMs() };
  const result = await publisher.publish(looked.hold, anchor, {
    finding,
    cause: 'import',
    rotation: 'goes-on',
    read: { beganMs, lagMs: readLagMs },
  });
  return result.kind === 'committed' || result.kind === 'already';
};

/** Absence from the list is not deletion, until two GETs say so. */
const checkAbsent = async (
  deps: SweepDeps,
  run: OrgSweep,
  beganMs: number,
  { seen }: Listing,
  atMost: number,
): Promise<void> => {
  // Those that a check has found are no longer absent; those that it has not come first again, and are passed
  // over.
  const checked = new Set<string>();
  for (let offset = 0; checked.size < atMost;) {
    const absent = await deps.ledger.notSeenSince(run.orgId, beganMs, {
      offset,
      size: Math.min(ABSENT_PAGE, atMost),
    });
    if (absent.length === 0) return;
    const unchecked = absent.filter((assistantId) => !checked.has(assistantId));
    offset += absent.length - unchecked.length;
    for (const assistantId of unchecked) checked.add(assistantId);
    run.counts.compared += unchecked.length;
    const present = await checkAll(deps, run, unchecked);
    // Of one that was listed and cannot be noted as seen it was told already.
    await run.onPresent?.(present.filter((assistantId) => seen.add(assistantId)));
    await run.save();
  }
};

/** Reads assistants one by one and publishes what is in force. Returns those that may be there. */
const checkAll = async (
  deps: SweepDeps,
  { orgId, lane, counts, onRepaired, evidence, asked, later }: OrgSweep,
  assistantIds: string[],
): Promise<string[]> => {
  const { ledger, check, logger, readLagMs } = deps;
  const present: string[] = [];
  const checkOne = async (assistantId: string) => {
    const target = { orgId, assistantId };
    counts.requests += 1;
    const result = await unlessCorrupt(deps, target, () => check(target, { lane }));
    const { kind } = result;
    if ('moreRequests' in result) counts.requests += result.moreRequests ?? 0;
    if (kind !== 'removed' && kind !== 'unconfirmed' && kind !== 'corrupt') present.push(assistantId);
    if (kind === 'adopted' || kind === 'imported' || kind === 'removed') onRepaired?.(assistantId);
    if (
      kind === 'agreed' ||
      kind === 'adopted' ||
      kind === 'imported' ||
      kind === 'removed' ||
      kind === 'held'
    ) {
      counts[kind] += 1;
      return;
    }
    counts.unresolved += 1;
    if (kind === 'corrupt') return;
    if (kind === 'unreadable' && result.code !== 'UPSTREAM_RATE_LIMITED')
      later?.unreadable.set(assistantId, result.code);
    if (kind === 'unconfirmed') evidence?.unconfirmed.set(assistantId, result.retryInMs);
    logger.warn(
      { org_id: orgId, assistant_id: assistantId, result: kind },
      'a difference could not be resolved yet; it is looked at again',
    );
    const ownReadMs = kind === 'unconfirmed' && asked ? CONFIRMED_BY_OTHERS_MS : 0;
    await ledger.requestCheck(target, ('retryInMs' in result ? result.retryInMs : readLagMs) + ownReadMs, {
      slow: true,
    });
  };
  for (let at = 0; at < assistantIds.length; at += CHECKS_AT_ONCE)
    await Promise.all(assistantIds.slice(at, at + CHECKS_AT_ONCE).map(checkOne));
  return present;
};

import type { InventClient, ListOutcome, Page } from '@rekey/invent';
import { createDistinctIds, type Comparison, type DistinctIds, type Lane, type Ledger } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import { RekeyError, type ErrorCode, type SweepCounts } from '@rekey/schema';
import { backoffMs } from './backoff.ts';
import type { CheckOptions, CheckResult } from './check-assistant.ts';
import { redisNowMs, type Anchor, type Clock } from './clock.ts';
import { quarantine } from './due-checks.ts';
import { needsOperator } from './needs-operator.ts';
import type { Pacer } from './pacer.ts';
import { findingOf, type Finding, type Publisher } from './publisher.ts';

export interface SweepDeps {
  ledger: Pick<Ledger, 'nowMs' | 'compare' | 'currents' | 'look' | 'notSeenSince' | 'orgs' | 'requestCheck' | 'quarantine' | 'unquarantine'>;
  invent: Pick<InventClient, 'listAssistants'>;
  publisher: Publisher;
  check: (target: { orgId: string; assistantId: string }, options?: CheckOptions) => Promise<CheckResult>;
  clock: Clock;
  pacer: Pick<Pacer, 'take'>;
  logger: Logger;
  readLagMs: number;
}

/** Ends a sweep with a code. */
export class SweepFailure extends Error {
  readonly code: ErrorCode;
  constructor(code: ErrorCode) {
    super(code);
    this.name = 'SweepFailure';
    this.code = code;
  }
}

interface Listed {
  assistantId: string;
  state: string;
  finding: Finding;
}

const MAX_PASSES = 5;
const LIST_TRIES = 4;
const listBackoff = { firstMs: 1000, maxMs: 10_000 };
/** One in fifty requests is the sweep's: at a pace that was slowed down to a tenth, a minute passes between two. */
const WAIT_FOR_BUDGET_MS = 90_000;
const CHECKS_AT_ONCE = 8;
const ABSENT_PAGE = 100;
/** So many may be gone at once without anybody being asked; beyond it, not more than half of an org. */
const GONE_UNASKED = 10;

/**
 * Compares what upstream lists with what is published, for one org or for all: those that keys are configured for, and those that
 * anything was published under. `save` is called after each page; it rejects where the sweep is another's by now.
 */
export const sweep =
  ({ configuredOrgs, ...deps }: SweepDeps & { /** The org ids that API keys are configured for. */ configuredOrgs: () => string[] }) =>
  async (orgId: string | undefined, counts: SweepCounts, save: () => Promise<void>): Promise<void> => {
    const anchor = { redisMs: await deps.ledger.nowMs(), clockMs: deps.clock.nowMs() };
    const one = async (id: string): Promise<void> => {
      await sweepOrg(deps, { orgId: id, lane: 'sweep', anchor, counts, save, asked: orgId !== undefined });
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
  /** An operator named this org. */
  asked: boolean;
  /** Called with those that are there: each once, and one call after the other. */
  onPresent?: (assistantIds: string[]) => Promise<void>;
  /** Called with those whose key in force was not the one published, and now is. */
  onRepaired?: (assistantId: string) => void;
}

/** What a list has shown: no id is kept, so that an org's million takes 16 to 53 MB. */
export interface Listing {
  seen: DistinctIds;
  count: number;
}

/** Compares all assistants of an org with what is published: those that are listed, and those that are not. */
export const sweepOrg = async (deps: SweepDeps, run: OrgSweep): Promise<Listing> => {
  const { clock, ledger, logger } = deps;
  const beganMs = redisNowMs(clock, run.anchor);
  const listing = await compareListed(deps, run);
  const known = (await ledger.orgs()).find(({ orgId }) => orgId === run.orgId)?.assistants ?? 0;
  const atMost = Math.max(GONE_UNASKED, Math.floor(known / 2));
  const beyond = run.asked ? [] : await ledger.notSeenSince(run.orgId, beganMs, { offset: atMost, size: 1 });
  if (beyond.length > 0) {
    logger.error({ org_id: run.orgId, absent_more_than: atMost, known }, 'more than half of the known assistants are not listed; nothing is published of that. See whether the API key is of another org');
    throw new SweepFailure('TOO_MANY_GONE');
  }
  await checkAbsent(deps, run, beganMs, listing);
  return listing;
};

/**
 * Compares what upstream lists of an org, or finds by a term, with what is published. Pages shift while one reads: assistants that are made or
 * deleted move others across the page's edge. A pass that met nothing new and as many as upstream counted on every page has seen all of
 * them; else another pass is made.
 */
export const compareListed = async (deps: SweepDeps, run: OrgSweep, search?: string): Promise<Listing> => {
  const listing: Listing = { seen: createDistinctIds(), count: 0 };
  for (let pass = 1; ; pass += 1) {
    const { added, unseen, unreadable, totals } = await readPass(deps, run, listing, search);
    const steady = totals.size === 0 || (totals.size === 1 && totals.has(listing.count + unreadable));
    if (steady && (pass === 1 ? unseen === 0 : added === 0)) return listing;
    if (pass === MAX_PASSES) {
      deps.logger.warn({ org_id: run.orgId }, 'the list of assistants changes while it is read; what was missed is found by the next sweep');
      return listing;
    }
  }
};

/** Reads all pages once. `added` counts assistants that no earlier pass has seen, `unseen` those that were never published; `totals` are all that pages gave. */
const readPass = async (deps: SweepDeps, run: OrgSweep, listing: Listing, search: string | undefined): Promise<{ added: number; unseen: number; unreadable: number; totals: Set<number> }> => {
  const totals = new Set<number>();
  let added = 0;
  let unseen = 0;
  let unreadable = 0;
  for (let number = 1; ; number += 1) {
    const { page, beganMs } = await readPage(deps, run, number, search);
    unreadable += page.unreadable;
    if (page.unreadable > 0) deps.logger.warn({ org_id: run.orgId, records: page.unreadable }, 'listed records could not be read');
    const news = page.records
      .filter(({ id }) => listing.seen.add(id))
      .map((record) => {
        const finding = findingOf(record);
        return { assistantId: record.id, state: deps.publisher.stateOf(finding), finding };
      });
    listing.count += news.length;
    added += news.length;
    unseen += await takeIn(deps, run, news, beganMs);
    await run.onPresent?.(news.flatMap(({ assistantId, finding }) => ('removal' in finding && finding.removal === 'deleted' ? [] : [assistantId])));
    await run.save();
    if (page.total !== undefined) totals.add(page.total);
    const listed = page.records.length + page.unreadable;
    if (listed === 0 || (page.total === undefined ? listed < page.size : number * page.size >= page.total)) return { added, unseen, unreadable, totals };
  }
};

const readPage = async (
  { invent, clock, pacer, logger }: SweepDeps, { orgId, lane, anchor, counts }: OrgSweep, number: number, search: string | undefined,
): Promise<{ page: Page; beganMs: number }> => {
  for (let tries = 1; ; tries += 1) {
    const waitMs = await pacer.take(lane, WAIT_FOR_BUDGET_MS);
    if (waitMs > 0) throw new SweepFailure('UPSTREAM_RATE_LIMITED');
    counts.requests += 1;
    const beganMs = redisNowMs(clock, anchor);
    const outcome: ListOutcome = await invent.listAssistants(orgId, number, search === undefined ? {} : { search });
    if (outcome.outcome === 'read') return { page: outcome.page, beganMs };
    const { code, reason, retryAfterMs = 0 } = outcome;
    logger.warn({ org_id: orgId, page: number, code, reason }, 'a page of assistants could not be read');
    const permanent = needsOperator.has(code) || code === 'ASSISTANT_NOT_FOUND' || code === 'UPSTREAM_REJECTED';
    if (permanent || tries === LIST_TRIES) throw new SweepFailure(code);
    await clock.sleep(Math.max(retryAfterMs, backoffMs(tries, listBackoff)));
  }
};

/** Compares a page, and deals with what does not agree. Returns how many were never published. */
const takeIn = async (deps: SweepDeps, run: OrgSweep, listed: Listed[], beganMs: number): Promise<number> => {
  const { ledger, readLagMs } = deps;
  const { counts, orgId } = run;
  const words = await ledger.compare({ beganMs, lagMs: readLagMs }, listed);
  counts.compared += listed.length;
  let unseen = 0;
  const differing: string[] = [];
  const agreeing: Listed[] = [];
  for (const [i, one] of listed.entries()) {
    const target = { orgId, assistantId: one.assistantId };
    switch (words[i] as Comparison) {
      case 'agrees':
        agreeing.push(one);
        break;
      case 'unseen': {
        unseen += 1;
        const imported = await unlessCorrupt(deps, target, () => importListed(deps, run, one, beganMs));
        counts[imported === true ? 'imported' : imported === false ? 'held' : 'unresolved'] += 1;
        break;
      }
      case 'differs':
        differing.push(one.assistantId);
        break;
      case 'held':
        counts.held += 1;
        break;
      case 'young':
      case 'stale':
        counts.unresolved += 1;
        await ledger.requestCheck(target, readLagMs);
        break;
      case 'corrupt':
        counts.unresolved += 1;
        await setAside(deps, target);
    }
  }
  await checkAll(deps, run, differing);
  await verifyRecords(deps, run, agreeing, beganMs);
  return unseen;
};

type Target = { orgId: string; assistantId: string };
type SetAsideDeps = Pick<SweepDeps, 'logger'> & { ledger: Pick<Ledger, 'nowMs' | 'quarantine' | 'requestCheck'> };

/** What cannot be read in the ledger is reported, and looked at until it can. */
const setAside = async (deps: SetAsideDeps, target: Target): Promise<void> => {
  await quarantine(deps, target, 'its entry has a wrong type');
  await deps.ledger.requestCheck(target, 0);
};

/** Takes a step with an assistant. Where its entry cannot be read, that holds up no other. */
export const unlessCorrupt = async <T>(deps: SetAsideDeps, target: Target, step: () => Promise<T>): Promise<T | { kind: 'corrupt' }> => {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof RekeyError && error.code === 'LEDGER_CORRUPT')) throw error;
    await setAside(deps, target);
    return { kind: 'corrupt' };
  }
};

/** The right key is of no use in a record that nobody can open: such a record is reported, and published anew. */
const verifyRecords = async (deps: SweepDeps, { orgId, lane, counts }: OrgSweep, agreeing: Listed[], beganMs: number): Promise<void> => {
  const { ledger, publisher, check, logger, readLagMs } = deps;
  const currents = await ledger.currents(agreeing.map(({ assistantId }) => assistantId));
  for (const [i, { assistantId, state, finding }] of agreeing.entries()) {
    const current = currents[i] ?? null;
    // What has no key, and was never published, has no record.
    if (('removal' in finding && current === null) || (await publisher.canBeOpened(current, assistantId, state, beganMs))) {
      counts.agreed += 1;
      continue;
    }
    // A rotation may have published another key since the page was compared: its record is not the one that was to be opened.
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
      logger.warn({ org_id: orgId, assistant_id: assistantId }, 'a record that could not be opened was published anew');
    } else {
      counts.unresolved += 1;
    }
  }
};

/** What was never published has nothing that it could overwrite: it is published as it was listed, and costs no request of its own. */
const importListed = async ({ ledger, publisher, clock, readLagMs }: SweepDeps, { orgId }: OrgSweep, { assistantId, finding }: Listed, beganMs: number): Promise<boolean> => {
  const looked = await ledger.look({ orgId, assistantId });
  if (looked.kind === 'held' || looked.hold.versionBefore !== undefined) return false;
  const anchor = { redisMs: looked.hold.atMs, clockMs: clock.nowMs() };
  const result = await publisher.publish(looked.hold, anchor, { finding, cause: 'import', rotation: 'goes-on', read: { beganMs, lagMs: readLagMs } });
  return result.kind === 'committed' || result.kind === 'already';
};

/** Absence from the list is not deletion, until a GET says so. */
const checkAbsent = async (deps: SweepDeps, run: OrgSweep, beganMs: number, { seen }: Listing): Promise<void> => {
  // Those that a check has found are no longer absent; those that it has not are passed over.
  for (let offset = 0; ; ) {
    const absent = await deps.ledger.notSeenSince(run.orgId, beganMs, { offset, size: ABSENT_PAGE });
    if (absent.length === 0) return;
    run.counts.compared += absent.length;
    const { present, unresolved } = await checkAll(deps, run, absent);
    offset += unresolved;
    // Of one that was listed and cannot be noted as seen it was told already.
    await run.onPresent?.(present.filter((assistantId) => seen.add(assistantId)));
    await run.save();
  }
};

/** Reads assistants one by one and publishes what is in force. Returns those that may be there, and how many could not be resolved. */
const checkAll = async (deps: SweepDeps, { orgId, lane, counts, onRepaired }: OrgSweep, assistantIds: string[]): Promise<{ present: string[]; unresolved: number }> => {
  const { ledger, check, logger, readLagMs } = deps;
  const present: string[] = [];
  let unresolved = 0;
  const checkOne = async (assistantId: string) => {
    const target = { orgId, assistantId };
    counts.requests += 1;
    const { kind } = await unlessCorrupt(deps, target, () => check(target, { lane }));
    if (kind !== 'removed' && kind !== 'corrupt') present.push(assistantId);
    if (kind === 'adopted' || kind === 'imported' || kind === 'removed') onRepaired?.(assistantId);
    if (kind === 'agreed' || kind === 'adopted' || kind === 'imported' || kind === 'removed' || kind === 'held') {
      counts[kind] += 1;
      if (kind === 'held') unresolved += 1;
      return;
    }
    counts.unresolved += 1;
    unresolved += 1;
    if (kind === 'corrupt') return;
    logger.warn({ org_id: orgId, assistant_id: assistantId, result: kind }, 'a difference could not be resolved yet; it is looked at again');
    await ledger.requestCheck(target, readLagMs);
  };
  for (let at = 0; at < assistantIds.length; at += CHECKS_AT_ONCE) await Promise.all(assistantIds.slice(at, at + CHECKS_AT_ONCE).map(checkOne));
  return { present, unresolved };
};

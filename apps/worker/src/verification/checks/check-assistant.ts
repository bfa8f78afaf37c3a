import { withShare, type ByteRoom, type ByteShare, type InventClient, type ReadOutcome } from '@rekey/invent';
import type { Hold, KeyVersion, Lane, Ledger } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import type { ErrorCode } from '@rekey/schema';
import { findingOf, type Finding } from '../../publishing/finding.ts';
import type { Publisher } from '../../publishing/publisher.ts';
import { redisNowMs, type Anchor, type Clock } from '../../shared/clock.ts';
import { idsOf } from '../../shared/ids-of.ts';
import type { Meter } from '../../metrics/meter.ts';
import type { Pacer } from '../../shared/pacer.ts';
import { ageOf, isNotFound } from '../../shared/read-outcome.ts';
import { hasKey, hasMoved } from './other-reads.ts';

interface CheckDeps {
  ledger: Pick<Ledger, 'assistants'>;
  invent: Pick<InventClient, 'getAssistant'>;
  /** Memory for long records, from their decoding until they are published. Unbounded if not given. */
  answers?: ByteRoom;
  publisher: Publisher;
  clock: Clock;
  pacer: Pick<Pacer, 'take' | 'unused'>;
  logger: Logger;
  meter: Meter;
  /** How far reads may lag behind the key in force. */
  readLagMs: number;
  /** The one name of an org. */
  nameOf?: (orgId: string) => string;
}

interface Target {
  orgId: string;
  assistantId: string;
}

export type CheckResult =
  /** The published key is in force; or it was not, and now it is. */
  (
    | { kind: 'agreed' | 'adopted' | 'imported' | 'removed' }
    /**
     * `held`: a rotation owns the assistant and finds out itself. Otherwise the read cannot be trusted yet.
     */
    | { kind: 'held' | 'stale' | 'unconfirmed'; retryInMs: number }
    /** `cached`: the answer comes from a cache and shows an earlier state. */
    | { kind: 'doubted'; retryInMs: number; cached?: true }
    /** Its org is held: nothing is published on the word of a read alone. */
    | { kind: 'withheld'; code: ErrorCode }
    /** With `compareOnly`: the key that was read is not the published one. */
    | { kind: 'differs' }
    | { kind: 'unreadable'; code: ErrorCode; retryAfterMs?: number }
  ) & {
    /** How many requests were made beyond the first one. */
    moreRequests?: number;
    /** The org has no such assistant: it was read in the org that it was last published under. */
    elsewhere?: true;
  };

const HELD_AGAIN_MS = 1000;
/** A published removal is read once more after this time: reads may have agreed and been wrong. */
const REMOVED_AGAIN_MS = 300_000;
const WAIT_FOR_BUDGET_MS = 15_000;
const UNWITNESSED_AGAIN_MS = 5000;

export interface CheckOptions {
  /** Publishes even if the published key is in force, because its record cannot be opened. */
  publishAnew?: boolean;
  /** Publishes nothing. */
  compareOnly?: boolean;
  /** The lane of the request budget. */
  lane?: Lane;
  /** When another assistant of the org was read with its key (Redis time). */
  witnessedMs?: number;
}

/**
 * Reads an assistant and publishes the key in force if it is not the published one. A check owns nothing
 * meanwhile: if a rotation claims the assistant between the read and the commit, the ledger refuses the
 * commit, because the rotation knows better.
 */
export const checkAssistant =
  (deps: CheckDeps) =>
  (target: Target, options: CheckOptions = {}): Promise<CheckResult> =>
    withShare(deps.answers, (share) => checkWith(share, deps, target, options));

const checkWith = async (
  share: ByteShare | undefined,
  deps: CheckDeps,
  target: Target,
  options: CheckOptions,
  isElsewhere = false,
): Promise<CheckResult> => {
  const { ledger, invent, clock, pacer, meter, readLagMs } = deps;
  // The budget comes first: the read must be newer than the state that it is compared with.
  const waitMs = await pacer.take(options.lane ?? 'first', WAIT_FOR_BUDGET_MS);
  if (waitMs > 0) return { kind: 'unreadable', code: 'UPSTREAM_RATE_LIMITED', retryAfterMs: waitMs };
  const looked = await ledger.assistants.beginCheck(target);
  if (looked.kind === 'held') {
    await pacer.unused();
    return looked;
  }
  const { hold } = looked;
  const anchor = { redisMs: hold.atMs, clockMs: clock.nowMs() };
  const beganMs = redisNowMs(clock, anchor);
  const outcome = await invent.getAssistant(target, { share });
  meter.read(outcome.outcome);
  if (isNotFound(outcome)) {
    const orgId = isElsewhere ? target.orgId : await lastOrgOf(deps, target, hold);
    if (orgId !== target.orgId) {
      // This 404 says nothing about the assistant: whether the two orgs are one is not known (`c`).
      return { ...(await checkWith(share, deps, { ...target, orgId }, options, true)), elsewhere: true };
    }
  }
  const finding = whatIsThere(outcome);
  if (!finding) return unreadable(deps, target, hold, outcome);
  if (hold.tooLarge) await ledger.assistants.noteFits([target.assistantId]);
  const read = { beganMs: beganMs - ageOf(outcome), lagMs: readLagMs };
  const seen = { hold, anchor, finding, read, isCached: ageOf(outcome) > 0 };
  return compareAndPublish(share, deps, target, options, seen);
};

/** What a check has seen: the state of the ledger, and then a read. */
interface Seen {
  hold: Hold;
  anchor: Anchor;
  finding: Finding;
  read: KeyVersion['read'] & object;
  isCached: boolean;
}

const compareAndPublish = async (
  share: ByteShare | undefined,
  deps: CheckDeps,
  target: Target,
  options: CheckOptions,
  seen: Seen,
): Promise<CheckResult> => {
  const { ledger, publisher, nameOf = sameName } = deps;
  const { publishAnew = false, compareOnly = false, lane = 'first', witnessedMs } = options;
  const { hold, anchor, finding, read } = seen;
  const state = publisher.stateOf(finding);
  const known = hold.versionBefore !== undefined;
  const isPublished = hold.publishedOrgId !== undefined && hold.stateBefore !== 'deleted';
  const namedOrg = isPublished ? nameOf(hold.publishedOrgId!) : target.orgId;
  const lastOrg = namedOrg === target.orgId ? namedOrg : await provenOrgOf(deps, target, hold);
  // The ledger names an org that the current record does not prove: publishing it again corrects that.
  const isMisfiled = lastOrg !== namedOrg;
  // It is still published under `c`, and its org is known by now: the read publishes it under that one.
  const isUnderAlias = isPublished && hold.publishedOrgId !== nameOf(hold.publishedOrgId!);
  const movement =
    compareOnly || lastOrg === target.orgId
      ? 'stays'
      : await hasMoved(deps, { ...target, orgId: lastOrg }, target.orgId, { lane, share });
  const moved = movement === 'moved';
  if (state === hold.stateBefore || (!known && 'removal' in finding)) {
    await ledger.assistants.compare(read, [{ assistantId: target.assistantId, state }]);
    // Consumers that hold the key for uncertain get a version that ends the doubt.
    if (!known || compareOnly || !(hold.uncertain || publishAnew || moved || isMisfiled || isUnderAlias))
      return { kind: 'agreed' };
  }
  if (compareOnly) return { kind: 'differs' };
  // The key is not sealed for the consumers of an org that it may have left.
  if (typeof movement === 'object') return unreadable(deps, target, hold, movement.unclear);
  const cause = state === hold.stateBefore ? 'reconciliation' : known ? 'drift' : 'import';
  // Consumers know the assistant under the org that it was published under. That it answers under another
  // name too does not prove that it belongs there.
  const under = { ...hold, orgId: moved ? target.orgId : lastOrg };
  const result = await publisher.publish(under, anchor, {
    finding,
    cause,
    rotation: 'continues',
    read,
    ...('removal' in finding && { checkAgainInMs: REMOVED_AGAIN_MS }),
    ...(witnessedMs !== undefined && { witnessedMs }),
  });
  switch (result.kind) {
    case 'refused':
    case 'old':
      return { kind: 'held', retryInMs: HELD_AGAIN_MS };
    case 'stale':
      if (!hold.uncertain) await publisher.markUncertain(under);
      return { kind: 'stale', retryInMs: result.retryInMs };
    case 'doubted':
      return { ...result, ...(seen.isCached && { cached: true }) };
    case 'unconfirmed':
    case 'withheld':
      return result;
    case 'unwitnessed':
      return readWitness(
        share,
        deps,
        target,
        options,
        { orgId: under.orgId, assistantId: result.witness },
        anchor,
      );
  }
  if (cause === 'reconciliation') return { kind: publishAnew || moved || isMisfiled ? 'adopted' : 'agreed' };
  if ('removal' in finding) return { kind: 'removed' };
  return { kind: known ? 'adopted' : 'imported' };
};

/**
 * The org that the assistant was last published under, if the ledger names another one than the target's.
 * That is believed only if the current record proves it: a key would otherwise be sealed for the consumers of
 * any org that a writer in Redis names. Without a proof it is the org under which Invent has just answered.
 */
const provenOrgOf = async (
  { ledger, publisher, nameOf = sameName }: CheckDeps,
  { orgId, assistantId }: Target,
  { versionBefore }: Hold,
): Promise<string> => {
  if (versionBefore === undefined) return orgId;
  const { value: current = null } = await ledger.assistants.currents([assistantId]).next();
  const proven = await publisher.provenOrgOf(current, assistantId, versionBefore);
  return proven === undefined ? orgId : nameOf(proven);
};

/**
 * The org that the assistant was last published under: as the ledger names it, or, if that is the target's,
 * as the current record proves. A writer in Redis can name an org that never had the assistant.
 */
const lastOrgOf = async (deps: CheckDeps, target: Target, hold: Hold): Promise<string> => {
  const { ledger, nameOf = sameName } = deps;
  const [facts] = await ledger.assistants.keyFacts([target.assistantId]);
  if (facts?.orgId === undefined || facts.state === 'deleted') return target.orgId;
  const named = nameOf(facts.orgId);
  return named === target.orgId ? provenOrgOf(deps, target, hold) : named;
};

/** Reads another assistant of the org; if it still has its key, the check is made once more. */
const readWitness = async (
  share: ByteShare | undefined,
  deps: CheckDeps,
  target: Target,
  options: CheckOptions,
  witness: Target,
  anchor: Anchor,
): Promise<CheckResult> => {
  // A second time in one check: the new read is a cached one, or clocks have moved.
  if (options.witnessedMs !== undefined) return { kind: 'unconfirmed', retryInMs: UNWITNESSED_AGAIN_MS };
  if (!(await hasKey(deps, witness, { lane: options.lane ?? 'first', share })))
    return { kind: 'unconfirmed', retryInMs: UNWITNESSED_AGAIN_MS, moreRequests: 1 };
  const witnessedMs = redisNowMs(deps.clock, anchor);
  return { ...(await checkWith(share, deps, target, { ...options, witnessedMs })), moreRequests: 2 };
};

const unreadable = async (
  { ledger, logger }: CheckDeps,
  target: Target,
  hold: Hold,
  outcome: ReadOutcome,
): Promise<CheckResult> => {
  const { code, reason, retryAfterMs } = outcome as ReadOutcome & { outcome: 'not-read' };
  logger.event('assistant_unreadable', { ...idsOf(target), code, reason });
  if (code === 'RECORD_TOO_LARGE') await ledger.assistants.noteTooLarge(target, hold.atMs);
  return { kind: 'unreadable', code, ...(retryAfterMs !== undefined && { retryAfterMs }) };
};

/** A record, or the fact that there is none; undefined if the answer says neither. */
const whatIsThere = (outcome: ReadOutcome): Finding | undefined => {
  if (outcome.outcome === 'read') return findingOf(outcome.record);
  return isNotFound(outcome) ? { removal: 'deleted' } : undefined;
};

const sameName = (orgId: string): string => orgId;

import { withShare, type ByteRoom, type ByteShare, type InventClient, type ReadOutcome } from '@rekey/invent';
import type { Lane, Ledger } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import { ORG_ALIAS, type ErrorCode } from '@rekey/schema';
import { redisNowMs, type Clock } from '../../shared/clock.ts';
import type { Meter } from '../../shared/meter.ts';
import type { Pacer } from '../../shared/pacer.ts';
import { findingOf, idsOf, type Finding, type Publisher } from '../../publishing/publisher.ts';

export interface CheckDeps {
  ledger: Pick<Ledger, 'look' | 'compare' | 'keyFacts' | 'requestCheck' | 'noteTooLarge' | 'noteFits'>;
  invent: Pick<InventClient, 'getAssistant'>;
  /** Room for long records, from their decoding until they are published. Not bounded if not given. */
  answers?: ByteRoom;
  publisher: Publisher;
  clock: Clock;
  pacer: Pick<Pacer, 'take'>;
  logger: Logger;
  meter: Meter;
  /** How far reads may lag behind what is in force. */
  readLagMs: number;
  /** The one name of an org. */
  nameOf?: (orgId: string) => string;
}

export type CheckResult =
  /** What is published is in force; or it was not, and now it is. */
  (
    | { kind: 'agreed' | 'adopted' | 'imported' | 'removed' }
    /** A rotation holds it and finds out itself; or what was read cannot be trusted yet. */
    | { kind: 'held' | 'stale' | 'unconfirmed'; retryInMs: number }
    /** `cached`: it comes from a cache, and shows what was so some time ago. */
    | { kind: 'doubted'; retryInMs: number; cached?: true }
    /** Its org is held: nothing is published that a read alone says. */
    | { kind: 'withheld'; code: ErrorCode }
    /** Asked only to compare: what is read is not what is published. */
    | { kind: 'differs' }
    | { kind: 'unreadable'; code: ErrorCode; retryAfterMs?: number }
  ) & {
    /**
     * How many requests were made beyond the first: another assistant of the org was read, and the assistant
     * itself again.
     */
    moreRequests?: number;
    /**
     * The org that was asked has no such assistant: it was read in the one that it was last published under.
     */
    elsewhere?: true;
  };

const HELD_AGAIN_MS = 1000;
/**
 * An assistant that is published as gone or without a key is read once more: reads may have agreed and been
 * wrong.
 */
const REMOVED_AGAIN_MS = 300_000;
const WAIT_FOR_BUDGET_MS = 15_000;
const UNWITNESSED_AGAIN_MS = 5000;

export interface CheckOptions {
  publishAnew?: boolean;
  /** Publishes nothing. */
  compareOnly?: boolean;
  /** Which requests of the budget it takes. */
  lane?: Lane;
  /** When another assistant of the org was read with its key (Redis time). */
  witnessedMs?: number;
}

/**
 * Reads an assistant and publishes what is in force, where that is not what is published. It holds nothing
 * meanwhile: should a rotation claim the assistant between the reading and the commit, the commit is refused,
 * for the rotation knows better. `publishAnew`: also where it is what is published, for that cannot be
 * opened.
 */
export const checkAssistant =
  (deps: CheckDeps) =>
  (target: { orgId: string; assistantId: string }, options: CheckOptions = {}): Promise<CheckResult> =>
    withShare(deps.answers, (share) => checkWith(share, deps)(target, options));

const checkWith =
  (share: ByteShare | undefined, deps: CheckDeps) =>
  async (target: { orgId: string; assistantId: string }, options: CheckOptions): Promise<CheckResult> => {
    const {
      ledger,
      invent,
      publisher,
      clock,
      pacer,
      logger,
      meter,
      readLagMs,
      nameOf = (orgId) => orgId,
    } = deps;
    const { publishAnew = false, compareOnly = false, lane = 'first', witnessedMs } = options;
    // Waited for before anything is looked at: a read must be younger than what it is compared with.
    const waitMs = await pacer.take(lane, WAIT_FOR_BUDGET_MS);
    if (waitMs > 0) return { kind: 'unreadable', code: 'UPSTREAM_RATE_LIMITED', retryAfterMs: waitMs };
    const looked = await ledger.look(target);
    if (looked.kind === 'held') return looked;
    const { hold } = looked;
    const anchor = { redisMs: hold.atMs, clockMs: clock.nowMs() };
    const beganMs = redisNowMs(clock, anchor);
    const outcome = await invent.getAssistant(target, { share });
    meter.read(outcome.outcome);
    const read = { beganMs: beganMs - ageOf(outcome), lagMs: readLagMs };
    const finding = whatIsThere(outcome);
    if (isNotFound(outcome)) {
      const [facts] = await ledger.keyFacts([target.assistantId]);
      if (facts?.orgId !== undefined && nameOf(facts.orgId) !== target.orgId && facts.state !== 'deleted') {
        // That it is not in this org says nothing of it: nobody knows whether the two are one (`c`).
        return {
          ...(await checkWith(share, deps)({ ...target, orgId: nameOf(facts.orgId) }, options)),
          elsewhere: true,
        };
      }
    }
    if (!finding) {
      const { code, reason, retryAfterMs } = outcome as ReadOutcome & { outcome: 'not-read' };
      logger.warn({ ...idsOf(target), code, reason }, 'an assistant could not be checked');
      if (code === 'RECORD_TOO_LARGE') await ledger.noteTooLarge(target, hold.atMs);
      return { kind: 'unreadable', code, ...(retryAfterMs !== undefined && { retryAfterMs }) };
    }

    if (hold.tooLarge) await ledger.noteFits([target.assistantId]);
    const state = publisher.stateOf(finding);
    const known = hold.versionBefore !== undefined;
    const lastOrg =
      hold.publishedOrgId === undefined || hold.stateBefore === 'deleted'
        ? target.orgId
        : nameOf(hold.publishedOrgId);
    const moved =
      !compareOnly &&
      lastOrg !== target.orgId &&
      (await hasMoved(deps, { ...target, orgId: lastOrg }, target.orgId, { lane, share }));
    if (state === hold.stateBefore || (!known && 'removal' in finding)) {
      await ledger.compare(read, [{ assistantId: target.assistantId, state }]);
      // Who was told that it is in doubt is told that it is not.
      if (!known || compareOnly || !(hold.uncertain || publishAnew || moved)) return { kind: 'agreed' };
    }
    if (compareOnly) return { kind: 'differs' };
    const cause = state === hold.stateBefore ? 'reconciliation' : known ? 'drift' : 'import';
    const again = 'removal' in finding ? { checkAgainInMs: REMOVED_AGAIN_MS } : {};
    // Who reads its keys is told under the org that they know it by: that another name answers too says
    // nothing of where it belongs.
    const under = { ...hold, orgId: moved ? target.orgId : lastOrg };
    const result = await publisher.publish(under, anchor, {
      finding,
      cause,
      rotation: 'goes-on',
      read,
      ...again,
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
        return { ...result, ...(ageOf(outcome) > 0 && { cached: true }) };
      case 'unconfirmed':
      case 'withheld':
        return result;
      case 'unwitnessed': {
        // Again after the assistant was read anew: that read is a cached one, or clocks have moved.
        if (witnessedMs !== undefined) return { kind: 'unconfirmed', retryInMs: UNWITNESSED_AGAIN_MS };
        const witness = { ...target, orgId: under.orgId, assistantId: result.witness };
        if (!(await hasKey(deps, witness, { lane, share })))
          return { kind: 'unconfirmed', retryInMs: UNWITNESSED_AGAIN_MS, moreRequests: 1 };
        return {
          ...(await checkWith(share, deps)(target, { ...options, witnessedMs: redisNowMs(clock, anchor) })),
          moreRequests: 2,
        };
      }
      default:
        return {
          kind:
            cause === 'reconciliation'
              ? publishAnew || moved
                ? 'adopted'
                : 'agreed'
              : 'removal' in finding
                ? 'removed'
                : known
                  ? 'adopted'
                  : 'imported',
        };
    }
  };

/**
 * Whether an assistant that is published with a key is read with one. If not, no other of its org is
 * published as gone or without a key: it may be that Invent shows no keys, or another org. It is read again
 * by itself, and counts if it has none either.
 */
const hasKey = async (
  deps: CheckDeps,
  witness: { orgId: string; assistantId: string },
  read: ReadWith,
): Promise<boolean> => {
  const { logger, ledger } = deps;
  const outcome = await readAnother(deps, witness, read);
  if (!outcome) return false;
  const finding = whatIsThere(outcome);
  // A cache shows what was so some time ago, perhaps before Invent showed no keys.
  if (finding && !('removal' in finding) && ageOf(outcome) === 0) return true;
  logger.warn(
    { org_id: witness.orgId, witness_id: witness.assistantId },
    'an assistant seems to have no key any more, and another of its org was not read with its key either: nothing is published',
  );
  if (finding && 'removal' in finding) await ledger.requestCheck(witness, 0, { slow: true });
  return false;
};

/** How long ago what was read was so. */
export const ageOf = (outcome: ReadOutcome): number =>
  outcome.outcome === 'read' ? (outcome.ageMs ?? 0) : 0;

/**
 * Whether an assistant that one org has is gone from the one that it was last published under. An id is one
 * org's alone. Where either is `c`, they may be the same org, and it has not moved.
 */
const hasMoved = async (
  deps: CheckDeps,
  from: { orgId: string; assistantId: string },
  toOrgId: string,
  read: ReadWith,
): Promise<boolean> => {
  if (from.orgId === ORG_ALIAS || toOrgId === ORG_ALIAS) return false;
  const outcome = await readAnother(deps, from, read);
  if (!outcome || !isNotFound(outcome)) return false;
  deps.logger.warn(
    { event: 'assistant_moved', ...idsOf(from), to_org_id: toOrgId },
    'an assistant is in another org than the one that it was published under; it is published there',
  );
  return true;
};

interface ReadWith {
  lane: Lane;
  share: ByteShare | undefined;
}

/** One request more; undefined if the budget has none within the time. */
const readAnother = async (
  { invent, pacer, meter }: CheckDeps,
  target: { orgId: string; assistantId: string },
  { lane, share }: ReadWith,
): Promise<ReadOutcome | undefined> => {
  if ((await pacer.take(lane, WAIT_FOR_BUDGET_MS)) > 0) return undefined;
  const outcome = await invent.getAssistant(target, { share });
  meter.read(outcome.outcome);
  return outcome;
};

/** A record, or that there is none; undefined where nobody can say. */
const whatIsThere = (outcome: ReadOutcome): Finding | undefined => {
  if (outcome.outcome === 'read') return findingOf(outcome.record);
  return isNotFound(outcome) ? { removal: 'deleted' } : undefined;
};

const isNotFound = (outcome: ReadOutcome): boolean =>
  outcome.outcome === 'not-read' && outcome.code === 'ASSISTANT_NOT_FOUND';

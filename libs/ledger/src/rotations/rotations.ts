import { createHash, randomBytes } from 'node:crypto';
import {
  KEY_REMOVED,
  KEY_ROTATED,
  KEY_UNCERTAIN,
  ORG_ALIAS,
  RekeyError,
  isEnded,
  isErrorCode,
  rotationStates,
  type Cause,
  type ErrorCode,
  type HeldOrgStatus,
  type LedgerHoldings,
  type Removal,
  type Rotation,
  type RotationJob,
  type RotationRequest,
  type RotationState,
} from '@rekey/schema';
import type { Redis } from 'ioredis';
import { flatHash } from '../hash-fields.ts';
import { errorCodeOf, heldOrgsOf } from '../orgs/held-orgs.ts';
import { ledgerKeys, type Keys } from '../keys.ts';
import { newestBelow } from '../newest-below.ts';
import { readOrgName } from '../orgs/org-name.ts';
import { paceOf, type BudgetOptions } from '../budget/budget.ts';
import { FOLLOW_UPS_QUEUE, ROTATIONS_QUEUE } from '../queues/queues.ts';
import { redisNowMs } from '../time/redis-now.ts';
import { parseRotation } from './rotation-hash.ts';
import { asCorrupt, defineScripts, isWrongType } from '../scripts/scripts.ts';
import { together } from '../assistants/coalesce.ts';

export interface Accepted {
  rotation: Rotation;
  /** False where the same request, or one still QUEUED for the assistant, was there already. */
  created: boolean;
}

/**
 * What a worker may write about one assistant. Every write names the epoch, and is refused when another has
 * taken it since.
 */
export interface Hold {
  orgId: string;
  assistantId: string;
  /** Of a check there is none. */
  rotationId?: string;
  /** The bulk rotation that it is a part of. */
  bulkId?: string;
  /** Rises for each assistant, and serves as the version of the key that is read or made under it. */
  epoch: number;
  /** Redis time at which it was taken, in ms since 1970. */
  atMs: number;
  /**
   * Of the last version published before: a fingerprint, `no-key` or `deleted`. Both undefined where none
   * was.
   */
  stateBefore?: string;
  versionBefore?: number;
  /** Consumers were told that it is in doubt, and no version has been published since. */
  uncertain: boolean;
  /** When it was read last, its record was too long to be read. */
  tooLarge?: true;
  /** The org id that the last version was published under. Of a check alone. */
  publishedOrgId?: string;
}

/** A hold for one rotation, with its intent to POST. Nobody else gets one meanwhile. */
export interface Claim extends Hold {
  rotationId: string;
  /**
   * How many times a POST was about to leave for the rotation, this one included, and when the first was
   * (Redis time).
   */
  attempts: number;
  startedMs: number;
  /**
   * `stateBefore` is known to have been in force after the rotation was asked for: any other key was made
   * since.
   */
  fresh: boolean;
  /** How many outcomes of the org were unknown one after the other. */
  unknownsInARow: number;
  /** An earlier outcome of this rotation was unknown. */
  doubted: boolean;
  /** Why another POST of this rotation would fare no better until an operator acts. */
  blocked?: ErrorCode;
}

export interface ClaimOptions {
  /** Bounds the work under the claim. */
  leaseMs: number;
  /** How long after now the POST may still take effect, and a read still not show it. */
  landingWindowMs: number;
  /** How many intents of an org may be open at once. */
  maxOpenIntents: number;
  /** Why no POST may leave at present. */
  holdBack?: ErrorCode | undefined;
  /** Its request was taken from the budget by a claim before, and has been waited for. */
  paid?: boolean;
}

export type ClaimResult =
  | { kind: 'claimed'; claim: Claim }
  | { kind: 'resumed'; claim: Claim; landsInMs: number; satisfied: boolean; noted: boolean }
  | { kind: 'busy' | 'full' | 'halted' | 'frozen'; retryInMs: number }
  /** The request budget gives none now. `reserved`: one is kept; claim again after that time, with `paid`. */
  | { kind: 'paced'; retryInMs: number; reserved: boolean }
  | { kind: 'ended' }
  | { kind: 'missing' };

export type LookResult = { kind: 'look'; hold: Hold } | { kind: 'held'; retryInMs: number };

/**
 * What an event carries: an envelope as JSON text, and at which revision of the consumers it was sealed for
 * them.
 */
export interface Sealed {
  envelope: string;
  readers: number;
}

export interface KeyVersion {
  /** The key's fingerprint, or why there is none. */
  key: { fingerprint: string } | { removal: Removal };
  sealed: Sealed;
  cause: Cause;
  /** Redis time, in ms since 1970. */
  updatedMs: number;
  /**
   * What becomes of the rotation: it ends; its key is found, but the landing window is still open; it goes
   * on; or it fails with a code.
   */
  rotation: 'ends' | 'satisfied' | 'goes-on' | { fails: ErrorCode };
  /**
   * Set where it was read, and is not the answer to a POST: when the read began (Redis time), and how far
   * reads may lag behind.
   */
  read?: { beganMs: number; lagMs: number };
  /**
   * Of an answer to a POST: whether its record says that it was changed since the POST left, or before. Of
   * what a rotation reads: `before` if it was last changed before the rotation began.
   */
  noted?: 'since' | 'before';
  /**
   * When another assistant of the org was read with its key (Redis time). That this one has none is published
   * only if it was read after that.
   */
  witnessedMs?: number;
  /** Has the assistant checked again after so long, and not before. */
  checkAgainInMs?: number;
}

export type CommitResult =
  /** `entry`: of the event stream. */
  | { kind: 'committed'; seq: number; entry: string }
  | { kind: 'already'; seq: number }
  /** `old`: the answer to a POST carries a key of before, which proves nothing about the POST. */
  | { kind: 'refused' | 'old'; publishedVersion: number }
  /**
   * What was read is a superseded key. Once enough reads agree it is `confirmed`: commit again, with the
   * cause `rollback`.
   */
  | { kind: 'stale'; publishedVersion: number; retryInMs: number }
  | { kind: 'confirmed' }
  /**
   * It is in force, but older than the rotation that is to end with it: commit again, as one that continues.
   */
  | { kind: 'before' }
  /** `unconfirmed`: that there is no key is believed only when a later read says so too. */
  | { kind: 'doubted' | 'unconfirmed'; retryInMs: number }
  /**
   * Reads agree that there is no key. It is published if the next read says so too, after another assistant
   * of the org, this one, was read with its key.
   */
  | { kind: 'unwitnessed'; witness: string }
  /**
   * Too much of the org has changed: nothing of the kind is published until reads agree with the ledger
   * again, or an operator decides.
   */
  | { kind: 'withheld'; code: ErrorCode }
  /** Consumers were added or removed since it was sealed: nothing was written, seal it anew. */
  | { kind: 'other-readers' };

/** What is done next of a rotation whose outcome is unknown. */
export interface NextRead {
  readInMs: number;
  holdMs: number;
  status?: number;
  readError?: ErrorCode;
  operatorNeeded?: boolean;
  /**
   * Why another POST would fare no better until an operator acts: that is noted, and halts the bulk rotation
   * that it is a part of.
   */
  blocked?: ErrorCode;
  senderGone?: boolean;
}

/** How what was read compares with what is published: see compare.lua. */
export type Comparison =
  'agrees' | 'keyless' | 'unseen' | 'differs' | 'held' | 'young' | 'stale' | 'unshown' | 'corrupt';

/** How much of an org may change within ten minutes before it is held, and how much has. */
export interface OrgLimits {
  /**
   * Assistants that were known when the last sweep ended; of an org that was never swept, that are known now.
   */
  known: number;
  limit: number;
  changed: number;
  /** Why it is held. */
  held?: ErrorCode;
  /** An operator has accepted what reads say. */
  accepted: boolean;
}

/** What the ledger knows of the key of an assistant. Times are Redis time, in ms since 1970. */
export interface KeyFacts {
  /** A fingerprint, `no-key` or `deleted`; undefined where nothing was ever published. */
  state?: string;
  /** When it was last known to be in force. */
  verifiedMs?: number;
  /** The earliest moment at which it can have been made; undefined where nobody knows. */
  rotatedMs?: number;
  /** Since when it is known. */
  knownMs?: number;
  /** The org id that it was last published under. `c` may stand for any of them. */
  orgId?: string;
  /** The entry has a wrong type: nothing is known. */
  corrupt?: true;
}

/** A check that was drawn, to be ended by `endCheck`. */
export interface DueCheck {
  orgId: string;
  assistantId: string;
  /** Tells it from others of the same assistant. */
  name: string;
  putOffUntilMs: number;
  /** It may take its time, and takes its request from the sweep's share. */
  slow: boolean;
}

export interface ListFilter {
  orgId?: string;
  assistantId?: string;
  state?: RotationState;
}

/**
 * The truth in Redis. Every method is one atomic command, or a read. Where Redis is away they reject with
 * ioredis's error.
 */
export interface Ledger {
  readonly keys: Keys;
  accept(id: string, request: RotationRequest): Promise<Accepted>;
  /** Takes the assistant for a rotation and opens its intent, or resumes one whose outcome is unknown. */
  claim(job: RotationJob, options: ClaimOptions): Promise<ClaimResult>;
  /**
   * Begins a check of an assistant: what is read afterwards may be committed under the hold, unless it is
   * claimed meanwhile.
   */
  look(target: { orgId: string; assistantId: string }): Promise<LookResult>;
  /** Publishes a key version. Safe to repeat: the same commit is found to be there already. */
  commit(hold: Hold, keyVersion: KeyVersion): Promise<CommitResult>;
  /** The landing window has passed, and the key that satisfied the rotation was read again. */
  settle(claim: Claim, nowMs: number, inForceMs: number): Promise<'settled' | 'withheld' | 'refused'>;
  /** Certainly not done: the intent is closed and the rotation QUEUED again. */
  release(claim: Claim, why?: { code: ErrorCode; status?: number }): Promise<boolean>;
  /**
   * Of a bulk, at its first request: certainly not done; the assistant waits again, and the rotation is gone.
   * See give-back.lua.
   */
  giveBack(claim: Claim, code: ErrorCode, options: { halts: boolean; retryForMs: number }): Promise<boolean>;
  /**
   * Certainly not done, and not tried again. `check` has the assistant read and compared, where a key of it
   * was published.
   */
  fail(claim: Claim, why: { code: ErrorCode; status?: number }, check: boolean): Promise<boolean>;
  /** Outcome unknown: the intent stays open. `holdMs` 0 hands the claim back until the next read. */
  noteUnknown(claim: Claim, next: NextRead, sealed: Sealed): Promise<'noted' | 'refused' | 'other-readers'>;
  /** Tells consumers, once, that reads show an older key than the published one. */
  markUncertain(hold: Hold, sealed: Sealed): Promise<'marked' | 'known' | 'refused' | 'other-readers'>;
  /**
   * Compares what was read with what is published, and notes what was in force. `state` is a fingerprint,
   * `no-key`, `deleted`, or empty if the record does not show its key.
   */
  compare(
    read: { beganMs: number; lagMs: number },
    records: { assistantId: string; state: string }[],
  ): Promise<Comparison[]>;
  /** Has an assistant read and compared with what is published, at the latest in so long. */
  requestCheck(
    target: { orgId: string; assistantId: string },
    inMs: number,
    options?: { slow: boolean },
  ): Promise<void>;
  /**
   * Draws checks that are due. Where they are not ended within `takeMs` another draws them. `slow`: of those
   * that may take their time.
   */
  drawChecks(count: number, takeMs: number, options?: { slow: boolean }): Promise<DueCheck[]>;
  /** Ends a check, or puts it off; with `slow`, to those that may take their time. */
  endCheck(check: DueCheck, again?: { inMs: number; slow: boolean }): Promise<void>;
  orgLimits(orgId: string): Promise<OrgLimits>;
  /** Holds an org; true if it was not held before. */
  holdOrg(orgId: string, hold: { code: ErrorCode; affected: number; known: number }): Promise<boolean>;
  /**
   * A sweep has found what is known of the org: it is held no longer. True if it was. `settled`: what an
   * operator has accepted is done.
   */
  orgSwept(orgId: string, options?: { settled: boolean }): Promise<boolean>;
  /**
   * An operator accepts what reads say of a held org, until a sweep has done it, for an hour at most. False
   * if it is not held; repeating it is safe.
   */
  acceptHeld(orgId: string): Promise<boolean>;
  heldOrgs(): Promise<HeldOrgStatus[]>;
  /** What is known of the keys of assistants. */
  keyFacts(assistantIds: string[]): Promise<KeyFacts[]>;
  /**
   * The assistants last published under an org that no sweep or check has seen since a moment: a page of
   * them.
   */
  notSeenSince(orgId: string, sinceMs: number, page: { offset: number; size: number }): Promise<string[]>;
  /** How many there are of these. */
  countNotSeenSince(orgId: string, sinceMs: number): Promise<number>;
  /** The org ids that anything was published under, and how many assistants under each. */
  orgs(): Promise<{ orgId: string; assistants: number }[]>;
  /**
   * Ends a rotation whose entry or whose assistant's cannot be read, or lets it wait for somebody where a
   * request may have left.
   */
  condemn(id: string, lookAgainInMs: number): Promise<'failed' | 'waits' | 'ended' | 'unreadable'>;
  /** Notes that the entry of an assistant cannot be read; true where that is new. */
  quarantine(assistantId: string, why: string, nowMs: number): Promise<boolean>;
  /** Takes it back; true where it was noted. */
  unquarantine(assistantId: string): Promise<boolean>;
  /**
   * The record of an assistant is too long to be read: no POST leaves for it until it fits. False if that was
   * known.
   */
  noteTooLarge(target: { orgId: string; assistantId: string }, nowMs: number): Promise<boolean>;
  /** The records of these were read. */
  noteFits(assistantIds: readonly string[]): Promise<void>;
  cancel(id: string): Promise<Rotation>;
  get(id: string): Promise<Rotation>;
  /**
   * Newest first. `after` is the id of the last one seen; `next` is set where there may be more, also with an
   * empty page.
   */
  list(
    filter: ListFilter,
    page: { size: number; after?: string },
  ): Promise<{ rotations: Rotation[]; next?: string }>;
  /** The event of the assistant's current key version, as published, and the one that puts it in doubt. */
  current(assistantId: string): Promise<{ event: string; uncertain?: string } | undefined>;
  /**
   * The same events of several assistants, without what puts them in doubt; null where there is none, or
   * another type.
   */
  currents(assistantIds: string[]): Promise<(string | null)[]>;
  /**
   * Assistants last published under an org, with their current events: a page of them, from a cursor on ('0'
   * is the first). Some may come twice.
   */
  publishedPage(orgId: string, cursor: string): Promise<EventsPage>;
  /** The same of all events that put an assistant in doubt. */
  uncertainPage(cursor: string): Promise<EventsPage>;
  /** Binds a new ledger to a fingerprint key; returns the id of the one that it is bound to. */
  bind(fingerprintKeyId: string): Promise<string>;
  /**
   * Begins a new ledger, or recognises the one that is there; notes it as lost if it is not the one that this
   * process knew, or if another left remains. Safe to repeat. Claims are refused from then on for as long as
   * the ledger is not the one that was recognised as whole last.
   */
  recognise(options?: RecogniseOptions): Promise<Recognised>;
  /** The id of the ledger that this process recognised as whole last. */
  knownId(): string | undefined;
  /**
   * An operator accepts the ledger of this id in the place of the one that vanished. Throws LEDGER_NOT_LOST
   * and LEDGER_CHANGED.
   */
  adopt(id: string): Promise<void>;
  /** The id of the fingerprint key that the ledger is bound to; undefined of a new one. */
  boundTo(): Promise<string | undefined>;
  /**
   * Notes which Redis this is, by its run id. `other`: the ledger was on another one before, which may have
   * known more; events then belong to a new run. `due`: what a worker has to do for this Redis because of
   * that, and none has noted as done.
   */
  recogniseRedis(runId: string): Promise<{ other: boolean; due: RestartDuty[] }>;
  noteDone(duty: RestartDuty, runId: string): Promise<void>;
  /** Redis time, in ms since 1970. */
  nowMs(): Promise<number>;
  /**
   * Open rotations that have not changed for so long and that no job carries: those of one page, and where
   * the next begins.
   */
  findLost(options: { quietMs: number; after?: string }): Promise<{ lost: RotationJob[]; next?: string }>;
  /** Forgets ended rotations beyond age or count. Returns how many. */
  trim(limits: { olderThanId: string; keepEach: number }): Promise<number>;
}

/**
 * After a restart of Redis everything is compared with upstream (`compared`: that is asked for), and its
 * append-only file is rewritten.
 */
export type RestartDuty = 'compared' | 'rewritten';

export interface RecogniseOptions {
  /** Of a process that makes fingerprints: binds a new ledger to it. */
  fingerprintKeyId?: string | undefined;
  /** A ledger that vanished may begin anew without an operator. */
  mayBegin?: boolean | undefined;
  /** What the ledger held when this process last looked. */
  held?: LedgerHoldings | undefined;
}

export interface Recognised {
  id: string;
  /** The fingerprint key that it is bound to, if any worker has begun it. */
  boundTo?: string;
  /** Since when it is known that the ledger before it vanished (Redis time, ms). */
  lostMs?: number;
  /** This call has begun it. */
  began: boolean;
}

export interface EventsPage {
  events: { assistantId: string; event: string | null }[];
  next?: string;
}

export interface LedgerOptions {
  redis: Redis;
  /** Without the braces. */
  prefix: string;
  /**
   * About how many events the stream keeps, asked at each that is added: only those who commit need to say.
   */
  keepEvents?: () => number;
  /** What claims take their requests from: only those who claim need to say. */
  budget?: BudgetOptions;
  requestIdTtlSeconds?: number;
  /** For how long reads have to agree that an assistant has no key before that is published. */
  confirmAfterMs?: number;
  /**
   * What share of an org's assistants may be found without their key, or with another one, within ten minutes
   * before the org is held.
   */
  maxChangedPercent?: number;
}

const DEFAULT_CONFIRM_AFTER_MS = 30_000;
const DEFAULT_MAX_CHANGED_PERCENT = 25;
/**
 * For how long a held org that an operator has accepted has no limit: a sweep, and the reads that confirm it.
 */
const ACCEPTED_MS = 3_600_000;
const REQUEST_ID_TTL_SECONDS = 24 * 3600;
export const DEFAULT_KEEP_EVENTS = 10_000;
/** One page looks at no more rotations than this, however few of them the filter lets through. */
const LIST_SCAN_LIMIT = 1000;
const TRIM_BATCH = 500;
const LOST_PAGE = 500;
const PUBLISHED_PAGE = 100;

/** What a commit gives to its command, and what of the answer is its own. */
interface Commit {
  keys: string[];
  args: (string | number)[];
}
type CommitReply = [kind: string, ...unknown[]];
/** More would save little, and have all others wait longer for Redis. */
const COMMITS_TOGETHER = 8;

export const createLedger = ({
  redis,
  prefix,
  keepEvents = () => DEFAULT_KEEP_EVENTS,
  budget,
  requestIdTtlSeconds = REQUEST_ID_TTL_SECONDS,
  confirmAfterMs = DEFAULT_CONFIRM_AFTER_MS,
  maxChangedPercent = DEFAULT_MAX_CHANGED_PERCENT,
}: LedgerOptions): Ledger => {
  const keys = ledgerKeys(prefix);
  const run = defineScripts(redis, keys.prefix);
  const { budgetKey, stepUs } = paceOf(keys, budget);
  let knownId: string | undefined;

  const recognise = async ({
    fingerprintKeyId,
    mayBegin = false,
    held: holdings,
  }: RecogniseOptions = {}): Promise<Recognised> => {
    const newId = randomBytes(12).toString('base64url');
    const reply = await run['recognise-ledger'](
      [keys.ledger],
      [
        fingerprintKeyId ?? '',
        newId,
        knownId ?? '',
        mayBegin ? '1' : '',
        holdings ? JSON.stringify(holdings) : '',
      ],
    );
    const [, boundTo, id, lost, began] = reply.map(String) as [string, string, string, string, string];
    // One that is lost is not known: where the one before it is restored, that is no loss.
    if (lost === '') knownId = id;
    return {
      id,
      began: began === '1',
      ...(boundTo !== '' && { boundTo }),
      ...(lost !== '' && { lostMs: Number(lost) }),
    };
  };

  /** Rotations that were asked for under `c` have its name once that is known. */
  const byOneName = async <T>(rotations: T[]): Promise<T[]> => {
    const isUnderAlias = (rotation: T) => (rotation as Rotation | undefined)?.orgId === ORG_ALIAS;
    if (!rotations.some(isUnderAlias)) return rotations;
    const orgId = await readOrgName(redis, keys);
    return rotations.map((rotation) => (isUnderAlias(rotation) ? { ...rotation, orgId } : rotation));
  };

  /**
   * Of each id its rotation; undefined where there is none any more, and an error where its entry cannot be
   * read.
   */
  const readAll = async (ids: string[]): Promise<(Rotation | RekeyError | undefined)[]> => {
    const pipeline = redis.pipeline();
    for (const id of ids) pipeline.hgetall(keys.rotation(id));
    const replies = (await pipeline.exec()) ?? [];
    return byOneName(
      replies.map(([error, hash], i) => {
        try {
          if (error) asCorrupt(error);
          return Object.keys(hash as object).length === 0
            ? undefined
            : parseRotation(ids[i]!, hash as Record<string, string>);
        } catch (err) {
          if (err instanceof RekeyError) return err;
          throw err;
        }
      }),
    );
  };

  const commitTogether = together<Commit, CommitReply>(COMMITS_TOGETHER, async (commits) => {
    const [, ...replies] = await run.commit(
      commits.flatMap((commit) => commit.keys),
      commits.flatMap(({ args }) => args),
    );
    return replies as CommitReply[];
  });

  return {
    keys,

    accept: async (id, { orgId, assistantId, requestId, reason }) => {
      const digestOf = (org: string) =>
        createHash('sha256')
          .update(JSON.stringify([org, assistantId, reason]))
          .digest('base64url');
      const reply = await run.accept(
        [
          keys.rotation(id),
          keys.assistant(assistantId),
          ...(requestId === undefined ? [] : [keys.request(requestId)]),
        ],
        [
          id,
          orgId,
          assistantId,
          reason,
          requestId ?? '',
          digestOf(orgId),
          requestIdTtlSeconds,
          digestOf(ORG_ALIAS),
        ],
      );
      if (reply[0] === 'REUSED') throw new RekeyError('REQUEST_ID_REUSED');
      if (reply[0] === 'SPENT') throw new RekeyError('REQUEST_ID_SPENT');
      if (reply[0] === 'KNOWN') {
        const [known] = await byOneName([parseRotation(String(reply[1]), flatHash(reply[2]))]);
        return { created: false, rotation: known! };
      }
      const createdMs = Number(reply[1]);
      const rotation: Rotation = {
        id,
        orgId: String(reply[2]),
        assistantId,
        state: 'QUEUED',
        reason,
        createdMs,
        updatedMs: createdMs,
        attempts: 0,
      };
      return { created: true, rotation: requestId === undefined ? rotation : { ...rotation, requestId } };
    },

    claim: async (job, { leaseMs, landingWindowMs, maxOpenIntents, holdBack, paid }) => {
      const [kind, ...rest] = await run.claim(
        [
          keys.rotation(job.rotationId),
          keys.assistant(job.assistantId),
          keys.ledger,
          keys.intents(job.orgId),
          budgetKey,
        ],
        [
          job.rotationId,
          job.orgId,
          job.assistantId,
          Math.round(leaseMs),
          Math.round(landingWindowMs),
          maxOpenIntents,
          holdBack ?? '',
          stepUs,
          paid ? '1' : '',
          knownId ?? '',
        ],
      );
      switch (kind) {
        case 'BUSY':
        case 'FULL':
        case 'HALTED':
        case 'FROZEN':
          return {
            kind: kind.toLowerCase() as 'busy' | 'full' | 'halted' | 'frozen',
            retryInMs: Number(rest[0]),
          };
        case 'PACED':
          return { kind: 'paced', retryInMs: Number(rest[0]), reserved: rest[1] === '1' };
        case 'ENDED':
          return { kind: 'ended' };
        case 'MISSING':
          return { kind: 'missing' };
      }
      const [
        epoch,
        atMs,
        state,
        version,
        attempts,
        startedMs,
        fresh,
        unknownsInARow,
        doubted,
        bulkId,
        landsInMs,
        satisfied,
        noted,
        uncertain,
        blocked,
        tooLarge,
      ] = rest;
      const claim: Claim = {
        ...job,
        epoch: Number(epoch),
        atMs: Number(atMs),
        attempts: Number(attempts),
        startedMs: Number(startedMs),
        unknownsInARow: Number(unknownsInARow),
        doubted: doubted === '1',
        ...before(state, version),
        uncertain: uncertain === '1',
        fresh: fresh === '1',
        ...(bulkId !== '' && { bulkId: String(bulkId) }),
        ...(typeof blocked === 'string' && isErrorCode(blocked) && { blocked }),
        ...(tooLarge === '1' && { tooLarge: true as const }),
      };
      return kind === 'CLAIMED'
        ? { kind: 'claimed', claim }
        : {
            kind: 'resumed',
            claim,
            landsInMs: Number(landsInMs),
            satisfied: satisfied === '1',
            noted: noted === '1',
          };
    },

    look: async ({ orgId, assistantId }) => {
      const [kind, ...rest] = await run['begin-check']([keys.assistant(assistantId)], []);
      if (kind === 'HELD') return { kind: 'held', retryInMs: Number(rest[0]) };
      const [epoch, atMs, state, version, uncertain, org, tooLarge] = rest;
      const hold = {
        orgId,
        assistantId,
        epoch: Number(epoch),
        atMs: Number(atMs),
        ...before(state, version),
        uncertain: uncertain === '1',
        ...(tooLarge === '1' && { tooLarge: true as const }),
      };
      return {
        kind: 'look',
        hold: org ? { ...hold, publishedOrgId: decodeURIComponent(String(org)) } : hold,
      };
    },

    commit: async (hold, keyVersion) => {
      const { orgId, assistantId, rotationId, epoch } = hold;
      const { key, cause, updatedMs, rotation, read, checkAgainInMs } = keyVersion;
      const [head, tail] = versionEvent(hold, keyVersion);
      const [kind, value, entry] = await commitTogether({
        keys: [
          rotationId === undefined ? keys.assistant(assistantId) : keys.rotation(rotationId),
          keys.assistant(assistantId),
          keys.current(assistantId),
          keys.intents(orgId),
        ],
        args: [
          rotationId ?? '',
          epoch,
          'removal' in key ? key.removal : key.fingerprint,
          cause,
          head,
          tail,
          keepEvents(),
          updatedMs,
          typeof rotation === 'string' ? rotation : rotation.fails,
          orgId,
          encodeURIComponent(orgId),
          assistantId,
          read ? Math.floor(read.beganMs) : '',
          read?.lagMs ?? 0,
          checkAgainInMs === undefined ? '' : Math.round(checkAgainInMs),
          !read && (hold as Partial<Claim>).unknownsInARow ? '1' : '',
          keyVersion.sealed.readers,
          Math.round(confirmAfterMs),
          maxChangedPercent,
          keyVersion.noted ?? '',
          keyVersion.witnessedMs === undefined ? '' : Math.floor(keyVersion.witnessedMs),
        ],
      });
      switch (kind) {
        case 'REFUSED':
        case 'OLD':
          return { kind: kind === 'OLD' ? 'old' : 'refused', publishedVersion: Number(value) };
        case 'STALE':
          return { kind: 'stale', publishedVersion: Number(value), retryInMs: Number(entry) };
        case 'CONFIRMED':
        case 'BEFORE':
          return { kind: kind === 'BEFORE' ? 'before' : 'confirmed' };
        case 'DOUBTED':
        case 'UNCONFIRMED':
          return { kind: kind === 'DOUBTED' ? 'doubted' : 'unconfirmed', retryInMs: Number(value) };
        case 'UNWITNESSED':
          return { kind: 'unwitnessed', witness: String(value) };
        case 'WITHHELD':
          return { kind: 'withheld', code: errorCodeOf(value) };
        case 'READERS':
          return { kind: 'other-readers' };
        case 'BROKEN':
          return asCorrupt(new Error(String(value)));
        default:
          return kind === 'COMMITTED'
            ? { kind: 'committed', seq: Number(value), entry: String(entry) }
            : { kind: 'already', seq: Number(value) };
      }
    },

    settle: async (claim, nowMs, inForceMs) => {
      const [kind] = await run.settle(...held(keys, claim), nowMs, Math.floor(inForceMs));
      return kind.toLowerCase() as 'settled' | 'withheld' | 'refused';
    },

    release: async (claim, why) => {
      const [kind] = await run.release(...held(keys, claim), why?.code ?? '', why?.status ?? '');
      return kind === 'RELEASED';
    },

    giveBack: async (claim, code, { halts, retryForMs }) => {
      const [kind] = await run['return-to-bulk'](
        ...held(keys, claim),
        code,
        halts ? '1' : '',
        Math.round(retryForMs),
      );
      return kind === 'GIVEN';
    },

    fail: async (claim, why, check) => {
      const [kind] = await run.fail(...held(keys, claim), why.code, why.status ?? '', check ? '1' : '');
      return kind === 'FAILED';
    },

    noteUnknown: async (
      claim,
      { readInMs, holdMs, status, readError, operatorNeeded, blocked, senderGone },
      sealed,
    ) => {
      const { rotationId, orgId, assistantId, epoch } = claim;
      const [kind] = await run['note-unknown'](
        [keys.rotation(rotationId), keys.assistant(assistantId), keys.ledger],
        [
          rotationId,
          epoch,
          status ?? '',
          Math.round(readInMs),
          Math.round(holdMs),
          readError ?? '',
          operatorNeeded ? '1' : '',
          ...uncertainEvent(claim, sealed),
          keepEvents(),
          orgId,
          assistantId,
          senderGone ? '1' : '',
          sealed.readers,
          blocked ?? '',
        ],
      );
      return kind === 'NOTED' ? 'noted' : kind === 'READERS' ? 'other-readers' : 'refused';
    },

    markUncertain: async (hold, sealed) => {
      const [kind] = await run['mark-uncertain'](
        [keys.assistant(hold.assistantId)],
        [hold.epoch, ...uncertainEvent(hold, sealed), keepEvents(), hold.assistantId, sealed.readers],
      );
      return kind === 'READERS' ? 'other-readers' : (kind.toLowerCase() as 'marked' | 'known' | 'refused');
    },

    compare: async ({ beganMs, lagMs }, records) => {
      if (records.length === 0) return [];
      const [, ...words] = await run.compare(
        records.map(({ assistantId }) => keys.assistant(assistantId)),
        [
          Math.floor(beganMs),
          lagMs,
          records.length,
          ...records.flatMap(({ assistantId, state }) => [assistantId, state]),
        ],
      );
      return words as Comparison[];
    },

    requestCheck: async ({ orgId, assistantId }, inMs, { slow } = { slow: false }) => {
      await run['request-check']([checksOf(keys, slow)], [orgId, assistantId, Math.round(inMs)]);
    },

    drawChecks: async (count, takeMs, { slow } = { slow: false }) => {
      const [, putOffUntil, ...members] = await run['draw-checks'](
        [checksOf(keys, slow)],
        [count, Math.round(takeMs)],
      );
      // No id has a slash in it.
      return members.map((member) => {
        const name = String(member);
        const [orgId, assistantId] = name.split('/') as [string, string];
        return { orgId, assistantId, name, putOffUntilMs: Number(putOffUntil), slow };
      });
    },

    endCheck: async ({ name, putOffUntilMs, slow }, again) => {
      await run['end-check'](
        [checksOf(keys, slow), checksOf(keys, again?.slow ?? slow)],
        [name, putOffUntilMs, again === undefined ? '' : Math.round(again.inMs)],
      );
    },

    orgLimits: async (orgId) => {
      const [, known, limit, changed, held, accepted] = await run['org-limits'](
        [keys.held],
        [orgId, maxChangedPercent],
      );
      return {
        known: Number(known),
        limit: Number(limit),
        changed: Number(changed),
        ...(held !== '' && { held: errorCodeOf(held) }),
        accepted: accepted === '1',
      };
    },

    holdOrg: async (orgId, { code, affected, known }) => {
      const [kind] = await run['org-hold']([keys.held], [orgId, code, affected, known]);
      return kind === 'HELD';
    },

    orgSwept: async (orgId, { settled } = { settled: false }) => {
      const [, wasHeld] = await run['org-swept']([keys.held], [orgId, settled ? '1' : '']);
      return wasHeld === '1';
    },

    acceptHeld: async (orgId) => {
      const [kind] = await run['org-accept']([keys.held], [orgId, ACCEPTED_MS]);
      return kind === 'ACCEPTED';
    },

    heldOrgs: async () => heldOrgsOf(Object.entries(await redis.hgetall(keys.held))),

    keyFacts: async (assistantIds) => {
      const pipeline = redis.pipeline();
      for (const assistantId of assistantIds)
        pipeline.hmget(
          keys.assistant(assistantId),
          'version',
          'fingerprint',
          'verified',
          'rotated',
          'known',
          'org',
        );
      return ((await pipeline.exec()) ?? []).map(([error, reply]) => {
        if (error) return asUnknown(error);
        const [version, state, verified, rotated, known, org] = reply as (string | null)[];
        return {
          ...(version && state && { state }),
          ...(verified && { verifiedMs: Number(verified) }),
          ...(rotated && { rotatedMs: Number(rotated) }),
          ...(known && { knownMs: Number(known) }),
          ...(org && { orgId: decodeURIComponent(org) }),
        };
      });
    },

    notSeenSince: (orgId, sinceMs, { offset, size }) =>
      redis.zrangebyscore(keys.assistants(orgId), '-inf', `(${Math.floor(sinceMs)}`, 'LIMIT', offset, size),

    countNotSeenSince: (orgId, sinceMs) =>
      redis.zcount(keys.assistants(orgId), '-inf', `(${Math.floor(sinceMs)}`),

    orgs: async () => {
      const ids = await redis.smembers(keys.orgs);
      const counts = await Promise.all(ids.map((orgId) => redis.zcard(keys.assistants(orgId))));
      return ids
        .map((orgId, i) => ({ orgId, assistants: counts[i]! }))
        .toSorted((a, b) => (a.orgId < b.orgId ? -1 : 1));
    },

    condemn: async (id, lookAgainInMs) => {
      const [kind] = await run['fail-corrupt']([keys.rotation(id)], [id, Math.round(lookAgainInMs)]);
      return kind.toLowerCase() as 'failed' | 'waits' | 'ended' | 'unreadable';
    },

    quarantine: async (assistantId, why, nowMs) =>
      (await redis.hsetnx(
        keys.quarantine,
        assistantId,
        JSON.stringify({ since: Math.round(nowMs), why }),
      )) === 1,

    unquarantine: async (assistantId) => (await redis.hdel(keys.quarantine, assistantId)) === 1,

    noteTooLarge: async ({ orgId, assistantId }, nowMs) =>
      (await redis.hsetnx(
        keys.tooLarge,
        assistantId,
        JSON.stringify({ since: Math.round(nowMs), org: orgId }),
      )) === 1,

    noteFits: async (assistantIds) => {
      if (assistantIds.length > 0) await redis.hdel(keys.tooLarge, ...assistantIds);
    },

    cancel: async (id) => {
      const [kind, value] = await run.cancel([keys.rotation(id)], [id]);
      if (kind === 'MISSING') throw new RekeyError('ROTATION_NOT_FOUND');
      if (kind === 'REFUSED')
        throw new RekeyError('ROTATION_NOT_CANCELLABLE', {
          which: `it is ${String(value)}`,
          metadata: { state: String(value) },
        });
      const [cancelled] = await byOneName([parseRotation(id, flatHash(value))]);
      return cancelled!;
    },

    get: async (id) => {
      const [rotation] = await readAll([id]);
      if (!rotation) throw new RekeyError('ROTATION_NOT_FOUND');
      if (rotation instanceof RekeyError) throw rotation;
      return rotation;
    },

    list: async (filter, { size, after }) => {
      const indexes = (filter.state ? [filter.state] : rotationStates).map((state) =>
        keys.rotations(isEnded(state) ? state : 'open'),
      );
      const found: Rotation[] = [];
      let last = after;
      for (let seen = 0; seen < LIST_SCAN_LIMIT;) {
        const ids = await newestBelow(redis, [...new Set(indexes)], last, size);
        for (const rotation of await readAll(ids)) {
          // One bad entry must not hide the others.
          if (!rotation || rotation instanceof RekeyError) continue;
          last = rotation.id;
          if (matches(rotation, filter) && found.push(rotation) === size)
            return { rotations: found, next: last };
        }
        if (ids.length < size) return { rotations: found };
        last = ids.at(-1)!;
        seen += ids.length;
      }
      return last === undefined ? { rotations: found } : { rotations: found, next: last };
    },

    current: async (assistantId) => {
      const [event, uncertain] = await Promise.all([
        redis.get(keys.current(assistantId)),
        redis.hget(keys.uncertain, assistantId),
      ]);
      return event === null ? undefined : { event, ...(uncertain !== null && { uncertain }) };
    },

    currents: async (assistantIds) =>
      assistantIds.length === 0 ? [] : redis.mget(assistantIds.map(keys.current)),

    publishedPage: async (orgId, cursor) => {
      const [next, members] = await redis.zscan(keys.assistants(orgId), cursor, 'COUNT', PUBLISHED_PAGE);
      const ids = members.filter((_, i) => i % 2 === 0);
      const events = ids.length === 0 ? [] : await redis.mget(ids.map(keys.current));
      return {
        events: ids.map((assistantId, i) => ({ assistantId, event: events[i] ?? null })),
        ...(next !== '0' && { next }),
      };
    },

    uncertainPage: async (cursor) => {
      const [next, fields] = await redis.hscan(keys.uncertain, cursor, 'COUNT', PUBLISHED_PAGE);
      const ids = fields.filter((_, i) => i % 2 === 0);
      return {
        events: ids.map((assistantId, i) => ({ assistantId, event: fields[2 * i + 1] ?? null })),
        ...(next !== '0' && { next }),
      };
    },

    bind: async (fingerprintKeyId) => (await recognise({ fingerprintKeyId })).boundTo!,
    recognise,
    knownId: () => knownId,
    adopt: async (id) => {
      const [kind] = await run.adopt([keys.ledger], [id]);
      if (kind === 'NOT_LOST') throw new RekeyError('LEDGER_NOT_LOST');
      if (kind === 'CHANGED') throw new RekeyError('LEDGER_CHANGED');
    },

    boundTo: async () => (await redis.hget(keys.ledger, 'fingerprint_key')) ?? undefined,

    recogniseRedis: async (runId) => {
      const [kind, duties] = await run['recognise-redis']([keys.ledger], [runId]);
      return {
        other: kind === 'OTHER',
        due: String(duties)
          .split(' ')
          .filter((duty): duty is RestartDuty => duty === 'compared' || duty === 'rewritten'),
      };
    },

    noteDone: async (duty, runId) => {
      await redis.hset(keys.ledger, `${duty}_for`, runId);
    },

    nowMs: () => redisNowMs(redis),

    findLost: async ({ quietMs, after = '' }) => {
      const queues = [ROTATIONS_QUEUE, FOLLOW_UPS_QUEUE].map((name) => `${keys.bull}:${name}`);
      const [, next, ...found] = (await run['find-orphans'](
        [keys.rotations('open')],
        [after, LOST_PAGE, Math.round(quietMs), ...queues],
      )) as string[];
      const lost: RotationJob[] = [];
      for (let i = 0; i < found.length; i += 3)
        lost.push({ rotationId: found[i]!, orgId: found[i + 1]!, assistantId: found[i + 2]! });
      return next ? { lost, next } : { lost };
    },

    trim: async ({ olderThanId, keepEach }) => {
      let total = 0;
      for (const state of rotationStates.filter(isEnded)) {
        for (let forgotten = TRIM_BATCH; forgotten === TRIM_BATCH; total += forgotten) {
          const [, count] = await run.trim([keys.rotations(state)], [olderThanId, keepEach, TRIM_BATCH]);
          forgotten = Number(count);
        }
      }
      return total;
    },
  };
};

const held = (keys: Keys, { rotationId, orgId, assistantId, epoch }: Claim): [string[], [string, number]] => [
  [keys.rotation(rotationId), keys.assistant(assistantId), keys.intents(orgId)],
  [rotationId, epoch],
];

const checksOf = (keys: Keys, slow: boolean): string => (slow ? keys.slowChecks : keys.checks);

/** What cannot be read is known of nobody; whoever claims it finds out. */
const asUnknown = (error: Error): KeyFacts => {
  if (isWrongType(error)) return { corrupt: true };
  throw error;
};

export const before = (state: unknown, version: unknown) =>
  version === '' ? {} : { stateBefore: String(state), versionBefore: Number(version) };

const envelope = (
  { orgId, assistantId }: Pick<Hold, 'orgId' | 'assistantId'>,
  type: string,
  id: string,
  time: string,
) => ({
  specversion: '1.0',
  id,
  source: `/orgs/${encodeURIComponent(orgId)}/assistants/${encodeURIComponent(assistantId)}`,
  type,
  subject: assistantId,
  time,
  datacontenttype: 'application/json',
});

/**
 * An event's JSON in two halves. The command that publishes it puts its numbers `seq` and `run` between them.
 */
const inHalves = (head: object, data: object, { envelope: sealed }: Sealed): [string, string] => [
  `${JSON.stringify(head).slice(0, -1)},"data":{"seq":`,
  `,${JSON.stringify(data).slice(1, -1)},"sealed":${sealed}}}`,
];

/** The event of a key version, in halves. */
export const versionEvent = (
  hold: Pick<Hold, 'orgId' | 'assistantId' | 'epoch' | 'rotationId' | 'bulkId'>,
  { key, sealed, cause, updatedMs }: KeyVersion,
): [string, string] => {
  const { epoch, rotationId = null, bulkId = null } = hold;
  const time = new Date(updatedMs).toISOString();
  const common = {
    version: epoch,
    cause,
    rotation_id: rotationId,
    bulk_rotation_id: bulkId,
    updated_at: time,
  };
  if ('removal' in key)
    return inHalves(
      envelope(hold, KEY_REMOVED, String(epoch), time),
      { ...common, removal: key.removal, fingerprint: null },
      sealed,
    );
  return inHalves(
    envelope(hold, KEY_ROTATED, String(epoch), time),
    { ...common, fingerprint: key.fingerprint },
    sealed,
  );
};

const uncertainEvent = (hold: Hold, sealed: Sealed): [string, string] => {
  const { epoch, rotationId = null, bulkId = null, versionBefore } = hold;
  const time = new Date(hold.atMs).toISOString();
  return inHalves(
    envelope(hold, KEY_UNCERTAIN, `uncertain-${epoch}`, time),
    { version: versionBefore ?? null, rotation_id: rotationId, bulk_rotation_id: bulkId },
    sealed,
  );
};

const matches = (rotation: Rotation, { orgId, assistantId, state }: ListFilter): boolean =>
  (orgId === undefined || rotation.orgId === orgId) &&
  (assistantId === undefined || rotation.assistantId === assistantId) &&
  (state === undefined || rotation.state === state);

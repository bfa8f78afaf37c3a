import { createHash } from 'node:crypto';
import { KEY_ROTATED, RekeyError, isEnded, rotationStates, type Cause, type ErrorCode, type Rotation, type RotationJob, type RotationRequest, type RotationState } from '@rekey/schema';
import type { Redis } from 'ioredis';
import { ledgerKeys, type Keys } from './keys.ts';
import { FOLLOW_UPS_QUEUE, ROTATIONS_QUEUE } from './queues.ts';
import { parseRotation } from './rotation-hash.ts';
import { defineScripts } from './scripts.ts';

export interface Accepted {
  rotation: Rotation;
  /** False where the same request, or one still QUEUED for the assistant, was there already. */
  created: boolean;
}

/** A worker's hold on one assistant. Every write names its epoch, and is refused when another has claimed since. */
export interface Claim {
  rotationId: string;
  orgId: string;
  assistantId: string;
  /** Rises for each assistant, and serves as the version of the key that is read or made under it. */
  epoch: number;
  /** Redis time of the claim, in ms since 1970. */
  atMs: number;
  /** Of the last key published before this claim; undefined where none was. */
  fingerprintBefore?: string;
  /** How many times a POST was about to leave for the rotation, this one included, and when the first was (Redis time). */
  attempts: number;
  startedMs: number;
  /** For how long before the intent that fingerprint had last been known to be in force; negative where it was read since. */
  knownForMs?: number;
}

export type ClaimResult =
  | { kind: 'claimed'; claim: Claim }
  | { kind: 'resumed'; claim: Claim; landsInMs: number; satisfied: boolean }
  | { kind: 'busy'; retryInMs: number }
  | { kind: 'ended' }
  | { kind: 'missing' };

export interface KeyVersion {
  fingerprint: string;
  cause: Cause;
  sealed: string;
  /** Redis time, in ms since 1970. */
  updatedMs: number;
  /** What becomes of the rotation: it ends; its key is found, but the landing window is still open; or it goes on. */
  rotation: 'ends' | 'satisfied' | 'goes-on';
}

export type CommitResult =
  | { kind: 'committed' | 'already'; seq: number }
  | { kind: 'refused'; publishedVersion: number }
  | { kind: 'stale'; publishedVersion: number };

export interface ListFilter {
  orgId?: string;
  assistantId?: string;
  state?: RotationState;
}

/** The truth in Redis. Every method is one atomic command, or a read. Where Redis is away they reject with ioredis's error. */
export interface Ledger {
  readonly keys: Keys;
  accept(id: string, request: RotationRequest): Promise<Accepted>;
  /** Takes the assistant for a rotation and opens its intent. `leaseMs` bounds the work under it. */
  claim(job: { rotationId: string; orgId: string; assistantId: string }, options: { leaseMs: number; landingWindowMs: number }): Promise<ClaimResult>;
  /** Publishes a key version. Safe to repeat: the same commit is found to be there already. */
  commit(claim: Claim, keyVersion: KeyVersion): Promise<CommitResult>;
  /** The landing window has passed, and the key that satisfied the rotation was read again. */
  settle(claim: Claim, nowMs: number): Promise<boolean>;
  /** Certainly not done: the intent is closed and the rotation QUEUED again. */
  release(claim: Claim, why?: { code: ErrorCode; status?: number }): Promise<boolean>;
  /** Certainly not done, and not tried again. */
  fail(claim: Claim, why: { code: ErrorCode; status?: number }): Promise<boolean>;
  /** Outcome unknown: the intent stays open. `holdMs` 0 hands the claim back until the next read. */
  noteUnknown(claim: Claim, next: { readInMs: number; holdMs: number; status?: number }): Promise<boolean>;
  cancel(id: string): Promise<Rotation>;
  get(id: string): Promise<Rotation>;
  /** Newest first. `after` is the id of the last one seen; `next` is set where there may be more, also with an empty page. */
  list(filter: ListFilter, page: { size: number; after?: string }): Promise<{ rotations: Rotation[]; next?: string }>;
  /** The event of the assistant's current key version, as published. */
  current(assistantId: string): Promise<string | undefined>;
  /** Binds a new ledger to a fingerprint key; returns the id of the one that it is bound to. */
  bind(fingerprintKeyId: string): Promise<string>;
  /** Open rotations that have not changed for so long and that no job carries: those of one page, and where the next begins. */
  findLost(options: { quietMs: number; after?: string }): Promise<{ lost: RotationJob[]; next?: string }>;
  /** Forgets ended rotations beyond age or count. Returns how many. */
  trim(limits: { olderThanId: string; keepEach: number }): Promise<number>;
}

export interface LedgerOptions {
  redis: Redis;
  /** Without the braces. */
  prefix: string;
  /** About how many events the stream keeps: only those who commit need to say. */
  keepEvents?: number;
  requestIdTtlSeconds?: number;
}

const REQUEST_ID_TTL_SECONDS = 24 * 3600;
export const DEFAULT_KEEP_EVENTS = 10_000;
/** One page looks at no more rotations than this, however few of them the filter lets through. */
const LIST_SCAN_LIMIT = 1000;
const TRIM_BATCH = 500;
const LOST_PAGE = 500;

export const createLedger = ({ redis, prefix, keepEvents = DEFAULT_KEEP_EVENTS, requestIdTtlSeconds = REQUEST_ID_TTL_SECONDS }: LedgerOptions): Ledger => {
  const keys = ledgerKeys(prefix);
  const run = defineScripts(redis, keys.prefix);

  const read = async (ids: string[]): Promise<Rotation[]> => {
    const pipeline = redis.pipeline();
    for (const id of ids) pipeline.hgetall(keys.rotation(id));
    const replies = (await pipeline.exec()) ?? [];
    return replies.flatMap(([error, hash], i) => {
      if (error) throw error;
      // Forgotten between the index and the hash.
      return Object.keys(hash as object).length === 0 ? [] : [parseRotation(ids[i]!, hash as Record<string, string>)];
    });
  };

  return {
    keys,

    accept: async (id, { orgId, assistantId, requestId, reason }) => {
      const digest = createHash('sha256').update(JSON.stringify([orgId, assistantId, reason])).digest('base64url');
      const reply = await run.accept(
        [keys.rotation(id), keys.assistant(assistantId), ...(requestId === undefined ? [] : [keys.request(requestId)])],
        [id, orgId, assistantId, reason, requestId ?? '', digest, requestIdTtlSeconds],
      );
      if (reply[0] === 'REUSED') throw new RekeyError('REQUEST_ID_REUSED');
      if (reply[0] === 'SPENT') throw new RekeyError('REQUEST_ID_SPENT');
      if (reply[0] === 'KNOWN') return { created: false, rotation: parseRotation(String(reply[1]), flatHash(reply[2])) };
      const createdMs = Number(reply[1]);
      const rotation: Rotation = { id, orgId, assistantId, state: 'QUEUED', reason, createdMs, updatedMs: createdMs, attempts: 0 };
      return { created: true, rotation: requestId === undefined ? rotation : { ...rotation, requestId } };
    },

    claim: async (job, { leaseMs, landingWindowMs }) => {
      const [kind, ...rest] = await run.claim(
        [keys.rotation(job.rotationId), keys.assistant(job.assistantId)],
        [job.rotationId, job.orgId, job.assistantId, Math.round(leaseMs), Math.round(landingWindowMs)],
      );
      if (kind === 'BUSY') return { kind: 'busy', retryInMs: Number(rest[0]) };
      if (kind === 'ENDED') return { kind: 'ended' };
      if (kind === 'MISSING') return { kind: 'missing' };
      const [epoch, atMs, fingerprint, attempts, startedMs, knownForMs, landsInMs, satisfied] = rest;
      const numbers = { epoch: Number(epoch), atMs: Number(atMs), attempts: Number(attempts), startedMs: Number(startedMs) };
      const claim: Claim = { ...job, ...numbers, ...(fingerprint ? { fingerprintBefore: String(fingerprint) } : {}), ...(knownForMs === '' ? {} : { knownForMs: Number(knownForMs) }) };
      return kind === 'CLAIMED' ? { kind: 'claimed', claim } : { kind: 'resumed', claim, landsInMs: Number(landsInMs), satisfied: satisfied === '1' };
    },

    commit: async (claim, keyVersion) => {
      const [head, tail] = eventText(claim, keyVersion);
      const [kind, value] = await run.commit(
        [keys.rotation(claim.rotationId), keys.assistant(claim.assistantId), keys.current(claim.assistantId), keys.events, keys.seq],
        [claim.rotationId, claim.epoch, claim.epoch, keyVersion.fingerprint, keyVersion.cause, head, tail, keepEvents, keyVersion.updatedMs, keyVersion.rotation],
      );
      if (kind === 'REFUSED' || kind === 'STALE') return { kind: kind === 'STALE' ? 'stale' : 'refused', publishedVersion: Number(value) };
      return { kind: kind === 'COMMITTED' ? 'committed' : 'already', seq: Number(value) };
    },

    settle: async (claim, nowMs) => {
      const [kind] = await run.settle(...held(keys, claim), nowMs);
      return kind === 'SETTLED';
    },

    release: async (claim, why) => {
      const [kind] = await run.release(...held(keys, claim), why?.code ?? '', why?.status ?? '');
      return kind === 'RELEASED';
    },

    fail: async (claim, why) => {
      const [kind] = await run.fail(...held(keys, claim), why.code, why.status ?? '');
      return kind === 'FAILED';
    },

    noteUnknown: async (claim, { readInMs, holdMs, status }) => {
      const [kind] = await run.unknown(...held(keys, claim), status ?? '', Math.round(readInMs), Math.round(holdMs));
      return kind === 'NOTED';
    },

    cancel: async (id) => {
      const [kind, value] = await run.cancel([keys.rotation(id)], [id]);
      if (kind === 'MISSING') throw new RekeyError('ROTATION_NOT_FOUND');
      if (kind === 'REFUSED') throw new RekeyError('ROTATION_NOT_CANCELLABLE');
      return parseRotation(id, flatHash(value));
    },

    get: async (id) => {
      const [rotation] = await read([id]);
      if (!rotation) throw new RekeyError('ROTATION_NOT_FOUND');
      return rotation;
    },

    list: async (filter, { size, after }) => {
      const indexes = (filter.state ? [filter.state] : rotationStates).map((state) => keys.rotations(isEnded(state) ? state : 'open'));
      const found: Rotation[] = [];
      let last = after;
      for (let seen = 0; seen < LIST_SCAN_LIMIT; ) {
        const ids = await newestBelow(redis, [...new Set(indexes)], last, size);
        for (const rotation of await read(ids)) {
          last = rotation.id;
          if (matches(rotation, filter) && found.push(rotation) === size) return { rotations: found, next: last };
        }
        if (ids.length < size) return { rotations: found };
        last = ids.at(-1)!;
        seen += ids.length;
      }
      return last === undefined ? { rotations: found } : { rotations: found, next: last };
    },

    current: async (assistantId) => (await redis.get(keys.current(assistantId))) ?? undefined,

    bind: async (fingerprintKeyId) => {
      const [, bound] = await run.begin([keys.ledger], [fingerprintKeyId]);
      return String(bound);
    },

    findLost: async ({ quietMs, after = '' }) => {
      const queues = [ROTATIONS_QUEUE, FOLLOW_UPS_QUEUE].map((name) => `${keys.bull}:${name}`);
      const [, next, ...found] = (await run.lost([keys.rotations('open')], [after, LOST_PAGE, Math.round(quietMs), ...queues])) as string[];
      const lost: RotationJob[] = [];
      for (let i = 0; i < found.length; i += 3) lost.push({ rotationId: found[i]!, orgId: found[i + 1]!, assistantId: found[i + 2]! });
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

const held = (keys: Keys, { rotationId, assistantId, epoch }: Claim): [string[], [string, number]] => [
  [keys.rotation(rotationId), keys.assistant(assistantId)],
  [rotationId, epoch],
];

/** The event's JSON in two halves: between them the ledger puts the sequence number that it draws in the same command. */
const eventText = ({ orgId, assistantId, rotationId, epoch }: Claim, { fingerprint, cause, sealed, updatedMs }: KeyVersion): [string, string] => {
  const time = new Date(updatedMs).toISOString();
  const envelope = {
    specversion: '1.0',
    id: String(epoch),
    source: `/orgs/${encodeURIComponent(orgId)}/assistants/${encodeURIComponent(assistantId)}`,
    type: KEY_ROTATED,
    subject: assistantId,
    time,
    datacontenttype: 'application/json',
  };
  const data = { version: epoch, cause, rotation_id: rotationId, bulk_rotation_id: null, fingerprint, updated_at: time };
  // A JWE is base64url and dots: nothing in it to escape, and it is by far the longest part.
  return [`${JSON.stringify(envelope).slice(0, -1)},"data":{"seq":`, `,${JSON.stringify(data).slice(1, -1)},"sealed":"${sealed}"}}`];
};

const flatHash = (reply: unknown): Record<string, string> => {
  const flat = reply as string[];
  const hash: Record<string, string> = {};
  for (let i = 0; i + 1 < flat.length; i += 2) hash[flat[i]!] = flat[i + 1]!;
  return hash;
};

const newestBelow = async (redis: Redis, indexes: string[], below: string | undefined, count: number): Promise<string[]> => {
  const top = below === undefined ? '+' : `(${below}`;
  const lists = await Promise.all(indexes.map((index) => redis.zrange(index, top, '-', 'BYLEX', 'REV', 'LIMIT', 0, count)));
  return lists.flat().toSorted((a, b) => (a < b ? 1 : -1)).slice(0, count);
};

const matches = (rotation: Rotation, { orgId, assistantId, state }: ListFilter): boolean =>
  (orgId === undefined || rotation.orgId === orgId) &&
  (assistantId === undefined || rotation.assistantId === assistantId) &&
  (state === undefined || rotation.state === state);

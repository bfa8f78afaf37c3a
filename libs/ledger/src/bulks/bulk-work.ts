import type { BulkList, BulkRotation, BulkVerification, ErrorCode, RotationJob } from '@rekey/schema';
import type { Redis } from 'ioredis';
import { parseBulk } from './bulk-hash.ts';
import { paceOf, type BudgetOptions } from '../budget/budget.ts';
import { packIds, unpackIds, IDS_A_CHUNK } from './bulks.ts';
import { ledgerKeys } from '../keys.ts';
import { before, type Claim, type ClaimOptions } from '../rotations/rotations.ts';
import { defineScripts } from '../scripts/scripts.ts';

/** Some assistants of a bulk, which nobody else draws as long as it is renewed. */
export interface BulkRange {
  bulkId: string;
  orgId: string;
  from: number;
  to: number;
  /** Those of them that wait. */
  waiting: { index: number; assistantId: string }[];
}

export type BulkDraw =
  /** The lower its place, the sooner it is the bulk's turn: urgent ones first, then older ones. */
  | { kind: 'range'; range: BulkRange; place: number }
  | { kind: 'prepare' | 'verify'; bulkId: string; urgent?: true }
  | { kind: 'nothing' };

export interface DrawOptions {
  token: string;
  leaseMs: number;
  /** How many assistants at most. */
  size: number;
  /** How many intents of an org its bulks may have open. */
  maxOpenIntents: number;
  /** Whether to draw assistants. */
  ranges: boolean;
  /** Whether to draw a bulk to prepare or verify, or one only where it is urgent. */
  tasks: boolean | 'urgent';
  /** Assistants only of bulks before this place. */
  before?: number;
  /** Bulks to pass over. */
  except: string[];
}

/** What became of an assistant that was to be claimed. */
export type ItemClaim = { kind: 'claimed'; claim: Claim } | { kind: 'shared' | 'busy' | 'past' };

export type BulkClaimResult =
  /** Of each, in order, as far as room and budget went; `retryInMs` where the budget gave out. */
  | { kind: 'claimed'; items: ItemClaim[]; retryInMs?: number }
  | { kind: 'stopped' }
  | { kind: 'full' | 'frozen'; retryInMs: number };

/**
 * What of a bulk is being drawn, worked on and saved by workers. Every method is one atomic command, or
 * reads.
 */
export interface BulkWork {
  draw(options: DrawOptions): Promise<BulkDraw>;
  /** False where it is another's by now. */
  renew(bulkId: string, token: string, leaseMs: number, range?: BulkRange): Promise<boolean>;
  /** Those that still wait are drawn again, by whomever. */
  endRange(range: BulkRange, token: string): Promise<void>;
  claim(
    range: Pick<BulkRange, 'bulkId' | 'orgId'>,
    items: { index: number; job: RotationJob }[],
    options: Omit<ClaimOptions, 'paid'>,
  ): Promise<BulkClaimResult>;

  /** The bulk that is prepared or verified. Undefined where it is gone. */
  read(bulkId: string): Promise<BulkRotation | undefined>;
  /** How many assistants, and how many of them came to an end that leaves a key published. */
  ids(bulkId: string, chunk: number): Promise<string[]>;
  /** The letters of one chunk's assistants. */
  letters(bulkId: string, chunk: number): Promise<string>;
  /** Whether each is to be left out. */
  excluded(bulkId: string, assistantIds: string[]): Promise<boolean[]>;
  /** All of these are refused, with false, where the bulk is another's by now, or was paused or cancelled. */
  restart(bulkId: string, token: string): Promise<boolean>;
  saveIds(bulkId: string, token: string, chunk: number, assistantIds: string[]): Promise<boolean>;
  saveLetters(bulkId: string, token: string, from: number, letters: string): Promise<boolean>;
  /** It runs; with an incomplete list it is HALTED (LIST_INCOMPLETE) before any assistant is begun. */
  prepared(bulkId: string, token: string, total: number, takes: Takes, list?: BulkList): Promise<boolean>;
  validated(bulkId: string, token: string, takes: Takes, list?: BulkList): Promise<boolean>;
  saveVerification(bulkId: string, token: string, found: BulkVerification, over: boolean): Promise<boolean>;
  fail(bulkId: string, token: string, code: ErrorCode, list?: BulkList): Promise<boolean>;
  /** Those whose canary waits for consumers. */
  awaiting(): Promise<string[]>;
  /**
   * Their consumers have applied its keys: it goes on. False where somebody has paused, resumed or cancelled
   * it meanwhile.
   */
  acknowledged(bulkId: string): Promise<boolean>;
  /** Forgets ended ones beyond age or count. Returns how many. */
  trim(limits: { endedBeforeMs: number; keep: number }): Promise<number>;
}

const textOf = (list: BulkList | undefined): string => (list ? JSON.stringify(list) : '');

/** Upstream requests that a bulk takes, and for how long. */
export interface Takes {
  requests: number;
  durationMs: number;
}

export interface BulkWorkOptions {
  redis: Redis;
  prefix: string;
  budget?: BudgetOptions;
  /** The id of the ledger that this process knows: only who claims needs to say. */
  ledgerId?: () => string | undefined;
}

export const createBulkWork = ({
  redis,
  prefix,
  budget,
  ledgerId = () => undefined,
}: BulkWorkOptions): BulkWork => {
  const keys = ledgerKeys(prefix);
  const run = defineScripts(redis, keys.prefix);
  const { budgetKey, stepUs } = paceOf(keys, budget);

  const ids = async (bulkId: string, chunk: number): Promise<string[]> =>
    unpackIds(await redis.hget(keys.bulkIds(bulkId), String(chunk)));
  const save = async (bulkId: string, token: string, ...what: (string | number)[]): Promise<boolean> => {
    const [kind] = await run['bulk-save'](
      [keys.bulk(bulkId), keys.bulkIds(bulkId)],
      [bulkId, token, ...what],
    );
    return kind === 'SAVED';
  };
  const nameOf = ({ from, to }: BulkRange): string => `${from}:${to}`;
  /** Draws of one bulk follow one another: its string of a thousand ids is read and taken apart once. */
  let last: { bulkId: string; chunk: number; ids: string[] } | undefined;
  const idsOnce = async (bulkId: string, chunk: number): Promise<string[]> => {
    if (last?.bulkId !== bulkId || last.chunk !== chunk)
      last = { bulkId, chunk, ids: await ids(bulkId, chunk) };
    return last.ids;
  };

  return {
    draw: async ({ token, leaseMs, size, maxOpenIntents, ranges, tasks, before: beforePlace, except }) => {
      const [kind, ...rest] = await run['bulk-draw'](
        [keys.bulksActive, keys.ledger],
        [
          token,
          Math.round(leaseMs),
          size,
          maxOpenIntents,
          ranges ? '1' : '',
          tasks === 'urgent' ? tasks : tasks ? '1' : '',
          beforePlace ?? '',
          stepUs,
          ...except,
        ],
      );
      switch (kind) {
        case 'RANGE': {
          const [bulkId, orgId, fromText, toText, letters, place] = rest.map(String) as [
            string,
            string,
            string,
            string,
            string,
            string,
          ];
          const [from, to] = [Number(fromText), Number(toText)];
          const chunk = Math.floor(from / IDS_A_CHUNK);
          const all = await idsOnce(bulkId, chunk);
          const waiting = [...letters].flatMap((letter, i) =>
            letter === '.' ? [{ index: from + i, assistantId: all[from + i - chunk * IDS_A_CHUNK]! }] : [],
          );
          return { kind: 'range', range: { bulkId, orgId, from, to, waiting }, place: Number(place) };
        }
        case 'PREPARE':
        case 'VERIFY':
          return {
            kind: kind.toLowerCase() as 'prepare' | 'verify',
            bulkId: String(rest[0]),
            ...(rest[1] === '1' && { urgent: true }),
          };
        default:
          return { kind: 'nothing' };
      }
    },

    renew: async (bulkId, token, leaseMs, range) => {
      const [kind] = await run['bulk-renew'](
        [keys.bulk(bulkId)],
        [token, Math.round(leaseMs), range ? nameOf(range) : ''],
      );
      return kind === 'RENEWED';
    },

    endRange: async (range, token) => {
      await run['bulk-end-range']([keys.bulk(range.bulkId)], [range.from, range.to, token]);
    },

    claim: async ({ bulkId, orgId }, items, { leaseMs, landingWindowMs, maxOpenIntents, holdBack }) => {
      const [kind, ...rest] = await run['bulk-claim'](
        [
          keys.bulk(bulkId),
          keys.bulkStates(bulkId),
          keys.ledger,
          keys.intents(orgId),
          budgetKey,
          ...items.map(({ job }) => keys.assistant(job.assistantId)),
        ],
        [
          bulkId,
          orgId,
          Math.round(leaseMs),
          Math.round(landingWindowMs),
          maxOpenIntents,
          holdBack ?? '',
          stepUs,
          ledgerId() ?? '',
          ...items.flatMap(({ index, job }) => [index, job.rotationId, job.assistantId]),
        ],
      );
      if (kind === 'STOPPED') return { kind: 'stopped' };
      if (kind === 'FULL' || kind === 'FROZEN')
        return { kind: kind.toLowerCase() as 'full' | 'frozen', retryInMs: Number(rest[0]) };
      const [nowText, unknownsInARow, waitMs, ...words] = rest as [string, string, string, ...string[][]];
      const atMs = Number(nowText);
      const claims = words.map(([word, epoch, state, version, fresh], i): ItemClaim => {
        if (word !== 'claimed') return { kind: word as 'shared' | 'busy' | 'past' };
        const claim: Claim = {
          ...items[i]!.job,
          bulkId,
          epoch: Number(epoch),
          atMs,
          attempts: 1,
          startedMs: atMs,
          unknownsInARow: Number(unknownsInARow),
          doubted: false,
          ...before(state, version),
          uncertain: false,
          fresh: fresh === '1',
        };
        return { kind: 'claimed', claim };
      });
      return { kind: 'claimed', items: claims, ...(Number(waitMs) > 0 && { retryInMs: Number(waitMs) }) };
    },

    read: async (bulkId) => {
      const hash = await redis.hgetall(keys.bulk(bulkId));
      return Object.keys(hash).length === 0 ? undefined : parseBulk(bulkId, hash, []);
    },
    ids,
    letters: (bulkId, chunk) =>
      redis.getrange(keys.bulkStates(bulkId), chunk * IDS_A_CHUNK, (chunk + 1) * IDS_A_CHUNK - 1),
    excluded: async (bulkId, assistantIds) =>
      assistantIds.length === 0
        ? []
        : (await redis.smismember(keys.bulkExcluded(bulkId), ...assistantIds)).map((is) => is === 1),

    restart: (bulkId, token) => save(bulkId, token, 'restart'),
    saveIds: async (bulkId, token, chunk, assistantIds) =>
      save(bulkId, token, 'ids', chunk, packIds(assistantIds), assistantIds.length),
    saveLetters: (bulkId, token, from, text) => save(bulkId, token, 'letters', from, text),
    prepared: (bulkId, token, total, { requests, durationMs }, list) =>
      save(
        bulkId,
        token,
        list?.complete === false ? 'incomplete' : 'prepared',
        total,
        requests,
        Math.round(durationMs),
        textOf(list),
      ),
    validated: (bulkId, token, { requests, durationMs }, list) =>
      save(bulkId, token, 'validated', requests, Math.round(durationMs), textOf(list)),
    saveVerification: (bulkId, token, found, over) =>
      save(bulkId, token, over ? 'completed' : 'verified', JSON.stringify(found)),
    fail: (bulkId, token, code, list) => save(bulkId, token, 'failed', code, textOf(list)),

    awaiting: () => redis.smembers(keys.bulksAwaiting),
    acknowledged: async (bulkId) => {
      const [kind] = await run['bulk-transition']([keys.bulk(bulkId)], [bulkId, 'acknowledged']);
      return kind === 'DONE';
    },

    trim: async ({ endedBeforeMs, keep }) => {
      const [, forgotten] = await run['bulk-trim'](
        [keys.bulksEnded, keys.bulksEmpty],
        [Math.round(endedBeforeMs), keep],
      );
      return Number(forgotten);
    },
  };
};

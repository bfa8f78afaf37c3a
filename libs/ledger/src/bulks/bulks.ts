import { createHash } from 'node:crypto';
import {
  MAX_BULK_ASSISTANTS,
  MAX_BULK_EXCLUDED,
  ORG_ALIAS,
  RekeyError,
  isBulkEnded,
  readItemLetter,
  type BulkItem,
  type BulkItemState,
  type BulkRotation,
  type BulkSpec,
  type BulkState,
} from '@rekey/schema';
import type { Redis } from 'ioredis';
import { bulkFields, parseBulk } from './bulk-hash.ts';
import { createDistinctIds } from './distinct-ids.ts';
import { flatHash } from '../hash-fields.ts';
import { ledgerKeys } from '../keys.ts';
import { newestBelow } from '../newest-below.ts';
import { defineScripts } from '../scripts/scripts.ts';

/**
 * Many rotations at once, as callers ask for them and see them. Every method is one atomic command, or reads.
 */
export interface Bulks {
  /**
   * Takes the ids of a bulk rotation that is to be made. What is not made within an hour leaves nothing
   * behind.
   */
  draft(id: string): BulkDraft;
  /**
   * Makes it; from now on it happens. The same request id with the same arguments gives the one that was made
   * first (`created` false), and the draft is forgotten. Throws REQUEST_ID_REUSED, and REQUEST_ID_SPENT where
   * the first one is no longer kept; DRAFT_LOST where ids that were drafted are gone.
   */
  create(id: string, spec: BulkSpec, draft: BulkDraft): Promise<{ bulk: BulkRotation; created: boolean }>;
  /** Throws BULK_NOT_FOUND. */
  get(id: string): Promise<BulkRotation>;
  /** Newest first. `after` is the id of the last one seen; `next` is set where there may be more. */
  list(
    filter: { orgId?: string; state?: BulkState },
    page: { size: number; after?: string },
  ): Promise<{ bulks: BulkRotation[]; next?: string }>;
  /** In the order in which they were given, from an index on; `next` is where the next page begins. */
  items(
    id: string,
    filter: { state?: BulkItemState },
    page: { size: number; from: number },
  ): Promise<{ items: BulkItem[]; next?: number }>;
  /** These throw BULK_NOT_FOUND and BULK_STATE. All are safe to repeat. */
  pause(id: string): Promise<BulkRotation>;
  resume(id: string): Promise<BulkRotation>;
  cancel(id: string): Promise<BulkRotation>;
  retry(id: string): Promise<BulkRotation>;
}

/** The assistants of a bulk rotation, packed a thousand to a string as they come. */
export interface BulkDraft {
  readonly id: string;
  /**
   * Ids must be valid. Those that came before are counted and left out. Throws INVALID_ARGUMENT where they
   * are too many.
   */
  add(assistantIds: string[]): Promise<void>;
  /** Of those that upstream lists, not these. */
  exclude(assistantIds: string[]): Promise<void>;
  /** Writes what is left. Afterwards nothing may be added. */
  finish(): Promise<{ total: number; duplicates: number; excluded: number; digest: string }>;
  /** Forgets it. */
  drop(): Promise<void>;
}

/** Ids are packed 1000 to a string, one a line. */
export const IDS_A_CHUNK = 1000;
/**
 * Throws INVALID_ARGUMENT for an id that would take no line, or several: every id after it would be taken for
 * another.
 */
export const packIds = (assistantIds: readonly string[]): string => {
  if (assistantIds.some((id) => id === '' || id.includes('\n'))) {
    throw new RekeyError('INVALID_ARGUMENT', {
      fieldViolations: [
        { field: 'assistant_ids', description: 'must not be empty, and must not contain line breaks' },
      ],
    });
  }
  return assistantIds.join('\n');
};
export const unpackIds = (chunk: string | null): string[] => (chunk ? chunk.split('\n') : []);

const REQUEST_ID_TTL_SECONDS = 24 * 3600;
const DRAFT_TTL_SECONDS = 3600;
/** One page of items, or of bulks, looks at no more than so many. */
const ITEMS_SCAN_LIMIT = 50_000;
const LIST_SCAN_LIMIT = 500;

export const createBulks = ({ redis, prefix }: { redis: Redis; prefix: string }): Bulks => {
  const keys = ledgerKeys(prefix);
  const run = defineScripts(redis, keys.prefix);

  const read = async (id: string): Promise<BulkRotation | undefined> => {
    const [hash, failures] = await Promise.all([
      redis.hgetall(keys.bulk(id)),
      redis.lrange(keys.bulkFailures(id), 0, -1),
    ]);
    return Object.keys(hash).length === 0 ? undefined : parseBulk(id, hash, failures);
  };
  const get = async (id: string): Promise<BulkRotation> => {
    const bulk = await read(id);
    if (!bulk) throw new RekeyError('BULK_NOT_FOUND');
    return bulk;
  };
  const steer = (wish: 'pause' | 'resume' | 'cancel' | 'retry') => async (id: string) => {
    const [kind, state] = await run['bulk-transition']([keys.bulk(id)], [id, wish]);
    if (kind === 'MISSING') throw new RekeyError('BULK_NOT_FOUND');
    if (kind === 'REFUSED')
      throw new RekeyError('BULK_STATE', {
        which: `it is ${String(state)}`,
        metadata: { state: String(state) },
      });
    return get(id);
  };

  return {
    draft: (id) => createDraft(redis, keys.bulkIds(id), keys.bulkExcluded(id), id),

    create: async (id, spec, draft) => {
      const { total, duplicates, excluded, digest: idsDigest } = await draft.finish();
      const { requestId, ...rest } = spec;
      const digestOf = (orgId: string) =>
        createHash('sha256')
          .update(JSON.stringify([{ ...rest, orgId }, idsDigest]))
          .digest('base64url');
      const reply = await run['bulk-create'](
        [
          keys.bulk(id),
          keys.bulkIds(id),
          keys.bulkExcluded(id),
          ...(requestId === undefined ? [] : [keys.bulkRequest(requestId)]),
        ],
        [
          id,
          requestId ?? '',
          `${digestOf(spec.orgId)}/${digestOf(ORG_ALIAS)}`,
          REQUEST_ID_TTL_SECONDS,
          spec.selection.kind === 'ids' ? total : '',
          spec.validateOnly ? '1' : '',
          spec.urgent ? '1' : '',
          excluded,
          ...bulkFields(spec),
          'duplicates',
          duplicates,
          'excluded',
          excluded,
        ],
      );
      if (reply[0] !== 'CREATED') await draft.drop();
      if (reply[0] === 'REUSED') throw new RekeyError('REQUEST_ID_REUSED');
      if (reply[0] === 'SPENT') throw new RekeyError('REQUEST_ID_SPENT');
      if (reply[0] === 'INCOMPLETE') throw new RekeyError('DRAFT_LOST');
      if (reply[0] === 'KNOWN') return { created: false, bulk: await get(String(reply[1])) };
      return { created: true, bulk: parseBulk(id, flatHash(reply[1]), []) };
    },

    get,

    list: async ({ orgId, state }, { size, after }) => {
      const found: BulkRotation[] = [];
      let last = after;
      for (let seen = 0; seen < LIST_SCAN_LIMIT; seen += size) {
        const ids = await newestBelow(redis, [keys.bulks], last, size);
        for (const id of ids) {
          last = id;
          // One bad entry must not hide the others.
          const bulk = await read(id).catch(() => undefined);
          if (
            !bulk ||
            (orgId !== undefined && bulk.orgId !== orgId) ||
            (state !== undefined && bulk.state !== state)
          )
            continue;
          if (found.push(bulk) === size) return { bulks: found, next: id };
        }
        if (ids.length < size) return { bulks: found };
      }
      return last === undefined ? { bulks: found } : { bulks: found, next: last };
    },

    items: async (id, { state: wanted }, { size, from }) => {
      const { state: bulkState, counts } = await get(id);
      const found: BulkItem[] = [];
      let index = from;
      while (index < counts.total && index < from + ITEMS_SCAN_LIMIT) {
        const chunk = Math.floor(index / IDS_A_CHUNK);
        const to = Math.min((chunk + 1) * IDS_A_CHUNK, counts.total);
        const [text, letters] = await Promise.all([
          redis.hget(keys.bulkIds(id), String(chunk)),
          redis.getrange(keys.bulkStates(id), index, to - 1),
        ]);
        const ids = unpackIds(text);
        for (const first = index; index < to; index += 1) {
          const item = readItemLetter(letters[index - first] ?? '.');
          // Who waited when it was cancelled is never begun.
          if (item.state === 'WAITING' && (isBulkEnded(bulkState) || bulkState === 'CANCELLING'))
            item.state = 'CANCELLED';
          if (wanted !== undefined && item.state !== wanted) continue;
          if (found.length === size) return { items: found, next: index };
          found.push({ index, assistantId: ids[index % IDS_A_CHUNK] ?? '', ...item });
        }
      }
      return index < counts.total ? { items: found, next: index } : { items: found };
    },

    pause: steer('pause'),
    resume: steer('resume'),
    cancel: steer('cancel'),
    retry: steer('retry'),
  };
};

const createDraft = (redis: Redis, idsKey: string, excludedKey: string, id: string): BulkDraft => {
  const distinct = createDistinctIds();
  /** Of the ids alone, and not of the calls that they came in: the same request may come in other parts. */
  const [addedDigest, excludedDigest] = [createHash('sha256'), createHash('sha256')];
  let waiting: string[] = [];
  let writing: Promise<void> = Promise.resolve();
  let chunks = 0;
  let total = 0;
  let given = 0;
  let excluded = 0;

  const tooMany = (field: string, most: number) =>
    new RekeyError('INVALID_ARGUMENT', {
      fieldViolations: [{ field, description: `must be at most ${most} in all` }],
    });

  /**
   * Begins to write a chunk once the one before is written. Also sets anew when it is forgotten: a long list
   * may take its time.
   */
  const write = async (chunk: string[]): Promise<void> => {
    const text = Buffer.from(packIds(chunk));
    addedDigest.update(text).update('\n');
    await writing;
    writing = execute(redis.pipeline().hset(idsKey, String(chunks), text).expire(idsKey, DRAFT_TTL_SECONDS));
    // Who awaits it learns of it: the next write, or the end.
    writing.catch(() => {});
    chunks += 1;
  };

  return {
    id,
    add: async (assistantIds) => {
      given += assistantIds.length;
      for (const assistantId of assistantIds) if (distinct.add(assistantId)) waiting.push(assistantId);
      if (total + waiting.length > MAX_BULK_ASSISTANTS) throw tooMany('assistant_ids', MAX_BULK_ASSISTANTS);
      for (; waiting.length >= IDS_A_CHUNK; waiting = waiting.slice(IDS_A_CHUNK)) {
        total += IDS_A_CHUNK;
        await write(waiting.slice(0, IDS_A_CHUNK));
      }
    },
    exclude: async (assistantIds) => {
      if (assistantIds.length === 0) return;
      excluded += assistantIds.length;
      if (excluded > MAX_BULK_EXCLUDED) throw tooMany('exclude_assistant_ids', MAX_BULK_EXCLUDED);
      excludedDigest.update(`${assistantIds.join('\n')}\n`);
      await execute(
        redis
          .pipeline()
          .sadd(excludedKey, ...assistantIds)
          .expire(excludedKey, DRAFT_TTL_SECONDS),
      );
    },
    finish: async () => {
      total += waiting.length;
      if (waiting.length > 0) await write(waiting);
      waiting = [];
      await writing;
      return {
        total,
        duplicates: given - total,
        excluded,
        digest: [given, addedDigest.digest('base64url'), excludedDigest.digest('base64url')].join(' '),
      };
    },
    drop: async () => {
      await writing.catch(() => {});
      await redis.unlink(idsKey, excludedKey);
    },
  };
};

const execute = async (pipeline: ReturnType<Redis['pipeline']>): Promise<void> => {
  for (const [error] of (await pipeline.exec()) ?? []) if (error) throw error;
};

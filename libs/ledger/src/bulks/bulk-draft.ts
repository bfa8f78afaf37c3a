import { createHash } from 'node:crypto';
import { MAX_BULK_ASSISTANTS, MAX_BULK_EXCLUDED, RekeyError } from '@rekey/schema';
import type { Connection } from '../connection.ts';
import { IDS_A_CHUNK, packIds } from './bulk-ids.ts';
import { createDistinctIds } from './distinct-ids.ts';

/** The assistants of a bulk rotation, packed a thousand to a string as they arrive. */
export interface BulkDraft {
  readonly id: string;
  /** Adds valid ids; repeated ids are counted and left out. Throws INVALID_ARGUMENT above the limit. */
  add(assistantIds: string[]): Promise<void>;
  /** Leaves these out of what upstream lists. */
  exclude(assistantIds: string[]): Promise<void>;
  /** Writes the rest. Nothing may be added afterwards. */
  finish(): Promise<{ total: number; duplicates: number; excluded: number; digest: string }>;
  /** Deletes the draft. */
  drop(): Promise<void>;
}

const DRAFT_TTL_SECONDS = 3600;

export const createDraft = ({ redis, keys }: Connection, id: string): BulkDraft => {
  const [idsKey, excludedKey] = [keys.bulkIds(id), keys.bulkExcluded(id)];
  const distinct = createDistinctIds();
  /** Of the ids only, not of the calls that they came in: the same request may come in other parts. */
  const [addedDigest, excludedDigest] = [createHash('sha256'), createHash('sha256')];
  let pending: string[] = [];
  let writing: Promise<void> = Promise.resolve();
  let chunks = 0;
  let total = 0;
  let given = 0;
  let excluded = 0;

  const tooMany = (field: string, limit: number) =>
    new RekeyError('INVALID_ARGUMENT', {
      fieldViolations: [{ field, description: `must be at most ${limit} in all` }],
    });

  /**
   * Begins to write a chunk once the one before is written, and renews the expiry: a long list takes time.
   */
  const write = async (chunk: string[]): Promise<void> => {
    const text = Buffer.from(packIds(chunk));
    addedDigest.update(text).update('\n');
    await writing;
    writing = execute(redis.pipeline().hset(idsKey, String(chunks), text).expire(idsKey, DRAFT_TTL_SECONDS));
    // The next write, or the end, awaits it and rejects.
    writing.catch(() => {});
    chunks += 1;
  };

  return {
    id,
    add: async (assistantIds) => {
      given += assistantIds.length;
      for (const assistantId of assistantIds) if (distinct.add(assistantId)) pending.push(assistantId);
      if (total + pending.length > MAX_BULK_ASSISTANTS) throw tooMany('assistant_ids', MAX_BULK_ASSISTANTS);
      for (; pending.length >= IDS_A_CHUNK; pending = pending.slice(IDS_A_CHUNK)) {
        total += IDS_A_CHUNK;
        await write(pending.slice(0, IDS_A_CHUNK));
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
      total += pending.length;
      if (pending.length > 0) await write(pending);
      pending = [];
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

const execute = async (pipeline: ReturnType<Connection['redis']['pipeline']>): Promise<void> => {
  for (const [error] of (await pipeline.exec()) ?? []) if (error) throw error;
};

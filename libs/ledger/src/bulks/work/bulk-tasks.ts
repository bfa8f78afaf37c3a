import type { BulkList, BulkRotation, BulkVerification, ErrorCode } from '@rekey/schema';
import type { Connection } from '../../connection.ts';
import { parseBulk } from '../bulk-hash.ts';
import { IDS_A_CHUNK, packIds, unpackIds } from '../bulk-ids.ts';
import { bulksCommands } from '../commands.generated.ts';
import { unlessWrongType } from '../../scripts/run.ts';

/** Preparing and verifying a bulk rotation. */
export interface BulkTasks {
  /** The bulk that is prepared or verified; undefined if it is gone. */
  read(bulkId: string): Promise<BulkRotation | undefined>;
  /** The ids of one chunk's assistants; none if another client has given them another type. */
  ids(bulkId: string, chunk: number): Promise<string[]>;
  /** The letters of one chunk's assistants. */
  letters(bulkId: string, chunk: number): Promise<string>;
  /** Whether the bulk leaves each of them out. */
  excluded(bulkId: string, assistantIds: string[]): Promise<boolean[]>;
  /** These return false, and write nothing, if another worker has the bulk, or it was paused or cancelled. */
  restart(bulkId: string, token: string): Promise<boolean>;
  saveIds(bulkId: string, token: string, chunk: number, assistantIds: string[]): Promise<boolean>;
  saveLetters(bulkId: string, token: string, from: number, letters: string): Promise<boolean>;
  /** Starts it; with an incomplete list it is HALTED (LIST_INCOMPLETE) before its first assistant. */
  endPrepare(bulkId: string, token: string, total: number, cost: BulkCost, list?: BulkList): Promise<boolean>;
  endDryRun(bulkId: string, token: string, cost: BulkCost, list?: BulkList): Promise<boolean>;
  saveVerification(
    bulkId: string,
    token: string,
    found: BulkVerification,
    complete: boolean,
  ): Promise<boolean>;
  fail(bulkId: string, token: string, code: ErrorCode, list?: BulkList): Promise<boolean>;
}

/** The number of upstream requests that a bulk takes, and the time. */
export interface BulkCost {
  requests: number;
  durationMs: number;
}

export const createBulkTasks = ({ redis, keys, run }: Connection): BulkTasks => {
  const commands = bulksCommands(run);
  const jsonOf = (list: BulkList | undefined): string | undefined => list && JSON.stringify(list);
  const isSaved = async (reply: Promise<{ kind: 'saved' | 'lost' }>): Promise<boolean> =>
    (await reply).kind === 'saved';
  const taskOf = (id: string, token: string) => ({ bulk: keys.bulk(id), token });
  const costOf = ({ requests, durationMs }: BulkCost) => ({ requests, takesMs: Math.round(durationMs) });

  return {
    read: async (bulkId) => {
      const hash = await redis.hgetall(keys.bulk(bulkId));
      return Object.keys(hash).length === 0 ? undefined : parseBulk(bulkId, hash, []);
    },
    ids: async (bulkId, chunk) =>
      unpackIds(await unlessWrongType(redis.hget(keys.bulkIds(bulkId), String(chunk)), null)),
    letters: (bulkId, chunk) =>
      redis.getrange(keys.bulkStates(bulkId), chunk * IDS_A_CHUNK, (chunk + 1) * IDS_A_CHUNK - 1),
    excluded: async (bulkId, assistantIds) =>
      assistantIds.length === 0
        ? []
        : (await redis.smismember(keys.bulkExcluded(bulkId), ...assistantIds)).map((is) => is === 1),

    restart: (id, token) => isSaved(commands.bulkRestart({ ...taskOf(id, token), ids: keys.bulkIds(id) })),
    saveIds: async (id, token, chunk, assistantIds) =>
      isSaved(
        commands.bulkSaveIds({
          ...taskOf(id, token),
          ids: keys.bulkIds(id),
          chunk,
          text: packIds(assistantIds),
          count: assistantIds.length,
        }),
      ),
    saveLetters: (id, token, from, letters) =>
      isSaved(commands.bulkSaveLetters({ ...taskOf(id, token), from, letters })),
    endPrepare: (id, token, total, cost, list) =>
      isSaved(
        commands.bulkEndPrepare({
          ...taskOf(id, token),
          ids: keys.bulkIds(id),
          id,
          total,
          ...costOf(cost),
          list: jsonOf(list),
          incomplete: list?.complete === false,
        }),
      ),
    endDryRun: (id, token, cost, list) =>
      isSaved(commands.bulkEndDryRun({ ...taskOf(id, token), id, ...costOf(cost), list: jsonOf(list) })),
    saveVerification: (id, token, found, complete) =>
      isSaved(
        commands.bulkSaveVerification({ ...taskOf(id, token), id, found: JSON.stringify(found), complete }),
      ),
    fail: (id, token, code, list) =>
      isSaved(commands.bulkFail({ ...taskOf(id, token), id, code, list: jsonOf(list) })),
  };
};

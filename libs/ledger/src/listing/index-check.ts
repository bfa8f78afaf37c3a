import type { Connection } from '../connection.ts';
import type { IndexName } from '../keys.ts';
import { isWrongType } from '../scripts/run.ts';
import { listingCommands } from './commands.generated.ts';

export const INDEXES: readonly IndexName[] = ['id', 'age', 'change', 'uncertain'];

/** A command with more of them takes Redis longer than a millisecond. */
const ORGS_AT_ONCE = 200;
/** One commit in this many of a worker without indexes is found with near certainty. */
const NEWEST_EVENTS = 20;

type Sizes = Record<'published' | IndexName, number | undefined>;

/** The sizes of the indexes of an org at one moment; undefined of one of another type. */
export const readSizes = async ({ redis, keys }: Connection, orgId: string): Promise<Sizes> => {
  const read = redis.multi().zcard(keys.assistants(orgId));
  for (const name of INDEXES) read.zcard(keys.index(name, orgId));
  const replies = (await read.exec()) ?? [];
  const [published, id, age, change, uncertain] = replies.map(([error, size]) => {
    if (error && !isWrongType(error)) throw error;
    return error ? undefined : Number(size);
  });
  return { published, id, age, change, uncertain };
};

/** How many assistants of the org are in no index: their entries cannot be read. NaN if sizes disagree. */
export const skewOf = ({ published, id, age, change, uncertain }: Sizes): number =>
  id !== undefined && id === age && id === change && uncertain !== undefined && uncertain <= id
    ? (published ?? id) - id
    : Number.NaN;

/** The field of the state that notes the skew of an org: see check-index-sizes.lua. */
export const skewField = (orgId: string): string => `skew:${encodeURIComponent(orgId)}`;

/** Whether the sizes of the indexes agree, apart from what the last pass could not read. */
export const areSizesRight = async (
  { keys, run }: Connection,
  orgIds: readonly string[],
): Promise<boolean> => {
  const commands = listingCommands(run);
  for (let from = 0; from < orgIds.length; from += ORGS_AT_ONCE) {
    const items = orgIds
      .slice(from, from + ORGS_AT_ONCE)
      .map((orgId) => ({ org: encodeURIComponent(orgId) }));
    const { wrong } = await commands.checkIndexSizes({ state: keys.indexState, items });
    if (wrong.length > 0) return false;
  }
  return true;
};

/** Whether a worker of a version without indexes has committed a short time ago. */
export const areEntriesBehind = async ({ keys, run }: Connection): Promise<boolean> =>
  (await listingCommands(run).checkNewestEntries({ events: keys.events, count: NEWEST_EVENTS })).behind;

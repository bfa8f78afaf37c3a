import type { Cause, Removal } from '@rekey/schema';
import type { Connection } from '../connection.ts';
import { unlessWrongType } from '../scripts/run.ts';
import { MAX_TIME_MS, orgOf } from './listed-assistant.ts';

/** One of the last versions of an assistant: see lua/history.lua. */
export interface PastVersion {
  version: number;
  /** Undefined for a cause of a later version of Rekey. */
  cause?: Cause;
  removal?: Removal;
  /** When it was published, in ms since 1970. */
  publishedMs: number;
  rotationId?: string;
  bulkId?: string;
  /** The principal that requested the rotation, `system` if Rekey itself did; undefined if it is unknown. */
  requestedBy?: string;
  /** The org that it was published under, if the assistant was published under another one since. */
  orgId?: string;
}

const VERSIONS_KEPT = 20;
const LONGEST = 1000;
const ENTRY = /^(\d{1,16}) ([a-z?])([knx]) (-?\d{1,15}) (\S{1,64}) (\S{1,64}) (.*)$/s;
/** The versions that follow were published under this org. */
const OF_ORG = /^> (\S{1,800})$/;
const causes: Record<string, Cause> = {
  r: 'rotation',
  c: 'reconciliation',
  d: 'drift',
  i: 'import',
  b: 'rollback',
};
const removals: Record<string, Removal> = { n: 'no-key', x: 'deleted' };

/** Undefined for a text that no version of Rekey writes. */
const parseVersion = (text: string): PastVersion | undefined => {
  const [, version, cause, state, delay, rotation, bulk, by] =
    (text.length <= LONGEST && ENTRY.exec(text)) || [];
  if (version === undefined) return undefined;
  const publishedMs = Math.floor(Number(version) / 1000) + Number(delay);
  if (!Number.isSafeInteger(Number(version)) || !(publishedMs >= 0 && publishedMs <= MAX_TIME_MS))
    return undefined;
  return {
    version: Number(version),
    publishedMs,
    ...(causes[cause!] && { cause: causes[cause!]! }),
    ...(removals[state!] && { removal: removals[state!]! }),
    ...(rotation !== '-' && { rotationId: `rot_${rotation}` }),
    ...(bulk !== '-' && { bulkId: `blk_${bulk}` }),
    ...(by !== '' && { requestedBy: by! }),
  };
};

/** The last versions of an assistant, newest first; empty if none was published since they are kept. */
export const readKeyHistory = async (
  { redis, keys }: Pick<Connection, 'redis' | 'keys'>,
  assistantId: string,
): Promise<PastVersion[]> => {
  const key = keys.versions(assistantId);
  const texts = await unlessWrongType(redis.lrange(key, '0', String(VERSIONS_KEPT - 1)), []);
  let orgId: string | undefined;
  return texts.flatMap((text) => {
    const [, org] = OF_ORG.exec(text) ?? [];
    if (org !== undefined) orgId = orgOf(org);
    const version = parseVersion(text);
    return version ? [{ ...version, ...(orgId !== undefined && { orgId }) }] : [];
  });
};

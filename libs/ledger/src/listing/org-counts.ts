import type { Connection } from '../connection.ts';
import { isWrongType } from '../scripts/run.ts';

/** What is published of an org, in numbers. */
export interface OrgCounts {
  /** As it is stored: `c` too. */
  orgId: string;
  assistants: number;
  uncertain: number;
  /** With a key of unknown age. */
  unknownAge: number;
  /** When the oldest key of a known age was made, in ms since 1970. */
  oldestKeyMs?: number;
  /** An index cannot be read: what it counts is missing. */
  isDamaged?: true;
}

/** Keys of unknown age have a score below 0, and assistants without a key one from 10^13 on. */
const NO_KEY_FROM = 1e13;

export const readOrgCounts = async (
  { redis, keys }: Connection,
  orgIds: readonly string[],
): Promise<OrgCounts[]> => {
  if (orgIds.length === 0) return [];
  const pipeline = redis.pipeline();
  for (const orgId of orgIds) {
    pipeline.zcard(keys.assistants(orgId));
    pipeline.zcard(keys.index('uncertain', orgId));
    pipeline.zcount(keys.index('age', orgId), '-inf', '(0');
    pipeline.call(
      'ZRANGE',
      keys.index('age', orgId),
      '0',
      `(${NO_KEY_FROM}`,
      'BYSCORE',
      'LIMIT',
      0,
      1,
      'WITHSCORES',
    );
  }
  const replies = ((await pipeline.exec()) ?? []).map(([error, reply]) => {
    if (error && !isWrongType(error)) throw error;
    return error ? undefined : reply;
  });
  return orgIds.map((orgId, i) => {
    const ofOrg = replies.slice(4 * i, 4 * i + 4);
    const [assistants, uncertain, unknownAge, oldest] = ofOrg;
    const score = (oldest as unknown[] | undefined)?.flat()[1];
    return {
      orgId,
      assistants: Number(assistants ?? 0),
      uncertain: Number(uncertain ?? 0),
      unknownAge: Number(unknownAge ?? 0),
      ...(score !== undefined && { oldestKeyMs: Math.floor(Number(score)) }),
      ...(ofOrg.includes(undefined) && { isDamaged: true }),
    };
  });
};

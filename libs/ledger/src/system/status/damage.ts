import type { Redis } from 'ioredis';
import type { Keys } from '../../keys.ts';
import { readOrgIds } from '../../orgs/org-ids.ts';
import { unlessWrongType } from '../../scripts/run.ts';
import { LOOKED_AT } from './replies.ts';

/** A key of the ledger with a wrong type: another client wrote to it. */
export interface DamagedKey {
  key: string;
  type: string;
  expected: string;
}

const typeOf = (key: string, keys: Keys): string | undefined => {
  const name = key.slice(keys.prefix.length + 1);
  return TYPES.find(([pattern]) => pattern.test(name))?.[1];
};
const TYPES: [RegExp, string][] = [
  [/^(?:events|activity)$/, 'stream'],
  [/^(?:seq|current:.*|bulk:[^:]+:states|request:.*|bulk-request:.*|policy-request:.*)$/, 'string'],
  [/^(?:orgs|bulk:[^:]+:exclude|bulks:awaiting|policy:[^:]+:assistants)$/, 'set'],
  [/^(?:bulk:[^:]+:(?:redo|failures)|versions:.*)$/, 'list'],
  [/^(?:rotations|intents|assistants|changes|bulks|index):/, 'zset'],
  [/^(?:intents|configured|checks|checks:slow|rollbacks|sweeps|bulks|policies)$/, 'zset'],
  [/./, 'hash'],
];

/** The keys that exist once. */
const single = (keys: Keys): string[] => [
  keys.ledger,
  keys.seq,
  keys.events,
  keys.activity,
  keys.orgs,
  keys.configured,
  keys.allIntents,
  keys.checks,
  keys.slowChecks,
  keys.held,
  keys.known,
  `${keys.prefix}:accepted`,
  keys.stale,
  keys.rollbacks,
  keys.uncertain,
  keys.consumers,
  keys.sweeps,
  keys.queuedSweeps,
  keys.bulks,
  keys.bulksActive,
  keys.bulksEnded,
  keys.bulksAwaiting,
  keys.bulksEmpty,
  keys.policies,
  keys.processes,
  ...['open', 'SUCCEEDED', 'FAILED', 'CANCELLED'].map(keys.rotations),
];

const ORGS_LOOKED_AT = 100;

/** What decides what may be published of an org. */
const ofOrgs = async (redis: Redis, keys: Keys): Promise<string[]> => {
  const orgIds = await unlessWrongType(readOrgIds({ redis, keys }), []);
  return orgIds
    .slice(0, ORGS_LOOKED_AT)
    .flatMap((orgId) => [
      keys.assistants(orgId),
      ...['changes', 'adopted'].map((part) => `${keys.prefix}:${part}:${encodeURIComponent(orgId)}`),
    ]);
};

/**
 * Which keys of the ledger are spoilt: of those that there is one of each, of those of orgs, of `others`,
 * and those that a command has met (see scripts/lua/call.lua). What was mended is forgotten.
 */
export const findDamage = async (redis: Redis, keys: Keys, others: string[]): Promise<DamagedKey[]> => {
  // Some of very many: only another client can have named those. What is not damaged is forgotten below.
  const met = (await redis.hrandfield(keys.damaged, LOOKED_AT).catch(() => [])) as string[];
  const looked = [...new Set([...single(keys), ...(await ofOrgs(redis, keys)), ...others, ...met])];
  const types = (await looked.reduce((pipeline, key) => pipeline.type(key), redis.pipeline()).exec()) ?? [];
  const damaged = looked.flatMap((key, i): DamagedKey[] => {
    const [error, type] = types[i] ?? [];
    if (error) throw error;
    const expected = typeOf(key, keys)!;
    return type === 'none' || type === expected ? [] : [{ key, type: String(type), expected }];
  });
  const mended = met.filter((key) => !damaged.some((one) => one.key === key));
  if (mended.length > 0) await redis.hdel(keys.damaged, ...mended);
  return damaged;
};

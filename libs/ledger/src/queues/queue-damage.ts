import { RekeyError } from '@rekey/schema';
import type { Redis } from 'ioredis';
import type { Keys } from '../keys.ts';
import { QUEUES } from './queue-names.ts';

/** A key of BullMQ that another client has spoiled, so that its queue does not work. */
export interface DamagedQueueKey {
  key: string;
  /** What it holds, and what BullMQ keeps there. */
  why: string;
}

interface Held {
  key: string;
  expected: string;
}

const TYPES: Record<string, string> = {
  wait: 'list',
  active: 'list',
  paused: 'list',
  delayed: 'zset',
  prioritized: 'zset',
  completed: 'zset',
  failed: 'zset',
  'waiting-children': 'zset',
  stalled: 'set',
  'stalled-check': 'string',
  marker: 'zset',
  repeat: 'zset',
  meta: 'hash',
  events: 'stream',
  id: 'string',
  pc: 'string',
  limiter: 'string',
};
const COUNTERS = ['id', 'pc'];
/** Redis counts on from no number with leading zeros. */
const COUNTER = /^(?:0|[1-9]\d{0,14})$/;
const EVENTS = 'opts.maxLenEvents';
const EVENTS_KEPT = /^[1-9]\d{0,6}$/;
/** What Rekey never sets: it holds rotations back in the ledger, where status names it. */
const BRAKES = ['paused', 'concurrency', 'max', 'duration'];
/** Only another client can make more: there are no more policies. Each is read with a command of its own. */
export const SCHEDULERS_AT_ONCE = 1000;
const ACTIVE_AT_ONCE = 1000;
/** The search for abandoned jobs is held back for seconds after each. */
const HELD_BACK_MS = 3_600_000;

const typesOf = async (redis: Redis, held: Held[]): Promise<string[]> => {
  const replies = await held.reduce((pipeline, { key }) => pipeline.type(key), redis.pipeline()).exec();
  return (replies ?? []).map(([error, type]) => {
    if (error) throw error;
    return String(type);
  });
};

const wrongTypes = async (redis: Redis, held: Held[]): Promise<DamagedQueueKey[]> => {
  const types = await typesOf(redis, held);
  return held.flatMap(({ key, expected }, i) =>
    types[i] === 'none' || types[i] === expected
      ? []
      : [{ key, why: `it is a ${types[i]}, and BullMQ keeps a ${expected} there` }],
  );
};

/** The keys of the jobs that are scheduled: BullMQ names them by scheduler and time. */
const scheduled = async (redis: Redis, queue: string): Promise<Held[]> => {
  const flat = await redis
    .zrange(`${queue}:repeat`, '0', String(SCHEDULERS_AT_ONCE - 1), 'WITHSCORES')
    .catch(() => []);
  return Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i]!, flat[2 * i + 1]!]).flatMap(
    ([name, score]) => [
      { key: `${queue}:repeat:${name}`, expected: 'hash' },
      { key: `${queue}:repeat:${name}:${score}`, expected: 'hash' },
      { key: `${queue}:repeat:${name}:${score}:lock`, expected: 'string' },
    ],
  );
};

/** Jobs in progress: one that is spoiled stops the search for abandoned ones. */
const inProgress = async (redis: Redis, queue: string): Promise<Held[]> => {
  const ids = await redis.lrange(`${queue}:active`, 0, ACTIVE_AT_ONCE - 1).catch(() => []);
  return ids.flatMap((id) => [
    { key: `${queue}:${id}`, expected: 'hash' },
    { key: `${queue}:${id}:lock`, expected: 'string' },
  ]);
};

/** What BullMQ cannot work with although its type is right. */
const wrongContents = async (redis: Redis, queue: string): Promise<DamagedQueueKey[]> => {
  const meta = `${queue}:meta`;
  const replies = await COUNTERS.reduce(
    (pipeline, name) => pipeline.get(`${queue}:${name}`),
    redis
      .pipeline()
      .hmget(meta, EVENTS, ...BRAKES)
      .pttl(`${queue}:stalled-check`)
      .exists(`${queue}:limiter`),
  ).exec();
  // A key of another type is found by its type.
  const [fields, restMs, isLimited, ...counts] = (replies ?? []).map(([error, reply]) =>
    error ? null : reply,
  );
  const [kept, ...brakes] = (fields as (string | null)[] | null) ?? [];
  const spoilt = [
    ...(typeof kept === 'string' && !EVENTS_KEPT.test(kept) ? [EVENTS] : []),
    ...BRAKES.filter((_, i) => typeof brakes[i] === 'string'),
  ];
  return [
    ...(spoilt.length > 0 ? [{ key: meta, why: `Rekey does not write its ${spoilt.join(', ')}` }] : []),
    ...(restMs === -1 || Number(restMs) > HELD_BACK_MS
      ? [{ key: `${queue}:stalled-check`, why: 'it does not lapse, and abandoned jobs are not looked for' }]
      : []),
    // BullMQ fills it after a `max` of another client, and waits for it also when that is gone.
    ...(isLimited === 1
      ? [{ key: `${queue}:limiter`, why: 'Rekey sets no limit, and its jobs wait for one' }]
      : []),
    ...COUNTERS.flatMap((name, i) =>
      typeof counts[i] === 'string' && !COUNTER.test(counts[i])
        ? [{ key: `${queue}:${name}`, why: 'it does not hold a number that BullMQ can count on from' }]
        : [],
    ),
  ];
};

/** The keys of all or some queues that another client has spoiled. */
export const findQueueDamage = async (
  redis: Redis,
  keys: Keys,
  queues: readonly string[] = QUEUES,
): Promise<DamagedQueueKey[]> => {
  const found = await Promise.all(
    queues.map(async (name) => {
      const queue = `${keys.bull}:${name}`;
      const held = Object.entries(TYPES).map(([key, expected]) => ({ key: `${queue}:${key}`, expected }));
      return [
        ...(await wrongTypes(redis, [
          ...held,
          ...(await scheduled(redis, queue)),
          ...(await inProgress(redis, queue)),
        ])),
        ...(await wrongContents(redis, queue)),
      ];
    }),
  );
  return found.flat();
};

/**
 * Deletes what another client has spoiled: what BullMQ kept there is gone already. BullMQ begins it anew, and
 * the worker queues again what the ledger knows to be open. Returns what was deleted.
 */
export const repairQueues = async (
  redis: Redis,
  keys: Keys,
  queues: readonly string[] = QUEUES,
): Promise<DamagedQueueKey[]> => {
  const damaged = await findQueueDamage(redis, keys, queues);
  if (damaged.length > 0) await redis.del(...damaged.map(({ key }) => key));
  return damaged;
};

/**
 * Does something in a queue. If BullMQ meets a key that another client has spoiled, it is repaired and done
 * again. Throws QUEUE_DAMAGED if that does not help.
 */
export const throughDamage = async <T>(
  step: () => Promise<T>,
  repair: () => Promise<unknown>,
): Promise<T> => {
  try {
    return await step();
  } catch (error) {
    if (!isQueueDamage(error)) throw error;
    try {
      await repair();
      return await step();
    } catch (again) {
      throw isQueueDamage(again) ? new RekeyError('QUEUE_DAMAGED', { cause: again }) : again;
    }
  }
};

/** Whether BullMQ met a key that another client has spoiled. */
const isQueueDamage = (error: unknown): boolean =>
  error instanceof Error &&
  error.name === 'ReplyError' &&
  /WRONGTYPE|not an integer|not a valid float|would overflow/.test(error.message);

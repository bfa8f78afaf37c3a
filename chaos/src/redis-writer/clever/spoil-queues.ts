import { FOLLOW_UPS_QUEUE, POLICIES_QUEUE, ROTATIONS_QUEUE, SWEEPS_QUEUE } from '@rekey/ledger';
import type { RedisCommand, WriterView } from '../mutation.ts';
import type { Clever } from './clever.ts';

const QUEUES = [ROTATIONS_QUEUE, ROTATIONS_QUEUE, FOLLOW_UPS_QUEUE, POLICIES_QUEUE, SWEEPS_QUEUE];

const queueOf = ({ prefix, random }: WriterView): string => `${prefix}:bull:${random.pick(QUEUES)}`;

/** BullMQ's own structures: what makes jobs wait without end, fail, or never stop. */
export const queues: Record<string, Clever> = {
  'a queue paused': async (view) => {
    const queue = queueOf(view);
    return [
      ['HSET', `${queue}:meta`, 'paused', '1'],
      ['DEL', `${queue}:marker`],
    ];
  },
  'a queue limited': async (view) => {
    const queue = queueOf(view);
    return view.random.pick<() => RedisCommand[]>([
      () => [['SET', `${queue}:limiter`, '1000000', 'PX', 3_600_000]],
      () => [['SET', `${queue}:limiter`, '1000000']],
      () => [['HSET', `${queue}:meta`, 'concurrency', view.random.pick(['0', '1', 'x', '-1'])]],
      () => [['HSET', `${queue}:meta`, 'max', '1', 'duration', '3600000']],
    ])();
  },
  'jobs of nobody active': async (view) => {
    const queue = queueOf(view);
    const ids = Array.from({ length: view.random.pick([1, 500]) }, (_, i) => `nobody-${i}`);
    return [
      ['LPUSH', `${queue}:active`, ...ids],
      ...(view.random.next() < 0.5 ? [['SADD', `${queue}:stalled`, ...ids] satisfies RedisCommand] : []),
    ];
  },
  'jobs moved to another list': async (view) => {
    const queue = queueOf(view);
    const [from, to] = [
      view.random.pick(['wait', 'active']),
      view.random.pick(['paused', 'active', 'wait', 'nowhere']),
    ];
    return Array.from({ length: 50 }, (): RedisCommand => [
      'LMOVE',
      `${queue}:${from}`,
      `${queue}:${to}`,
      'LEFT',
      'RIGHT',
    ]);
  },
  'jobs put off': async ({ redis, ...view }) => {
    const queue = queueOf({ redis, ...view });
    const ids = (await redis.lrange(`${queue}:wait`, 0, 50)).concat(
      await redis.zrange(`${queue}:delayed`, '0', '50'),
    );
    if (ids.length === 0) return undefined;
    return ids.flatMap((id): RedisCommand[] => [
      ['LREM', `${queue}:wait`, 0, id],
      [
        'ZADD',
        `${queue}:delayed`,
        view.random.pick(['+inf', String(2 ** 60), String(4_102_444_800_000 * 4096)]),
        id,
      ],
    ]);
  },
  'a job locked': async ({ redis, ...view }) => {
    const queue = queueOf({ redis, ...view });
    const ids = (await redis.lrange(`${queue}:wait`, 0, 10)).concat(
      await redis.lrange(`${queue}:active`, 0, 10),
    );
    const id = ids.length === 0 ? 'nobody' : view.random.pick(ids);
    return [['SET', `${queue}:${id}:lock`, 'nobody']];
  },
  'no job wakes a worker': async (view) => {
    const queue = queueOf(view);
    return view.random.pick<() => RedisCommand[]>([
      () => [['DEL', `${queue}:marker`]],
      () => [['ZADD', `${queue}:marker`, '+inf', '0', '+inf', '1']],
      () => [
        ['DEL', `${queue}:marker`],
        ['SET', `${queue}:marker`, 'x'],
      ],
      () => [['SET', `${queue}:stalled-check`, 'x']],
    ])();
  },
  'a queue that counts from elsewhere': async (view) => [
    ['SET', `${queueOf(view)}:id`, view.random.pick(['9223372036854775807', 'x', '-1', '1e300'])],
  ],
  'a job for nothing': async ({ prefix, random }) => {
    const id = `rot_${random.between(0, 1e9)}`;
    const job = `${prefix}:bull:rotations:${id}`;
    return [
      [
        'HSET',
        job,
        'name',
        'rotate',
        'data',
        random.pick(['x', '{}', '[]', '{"rotationId":"x"}']),
        'opts',
        '{}',
      ],
      ['LPUSH', `${prefix}:bull:rotations:wait`, id],
      ['ZADD', `${prefix}:bull:rotations:marker`, 0, '0'],
    ];
  },
};

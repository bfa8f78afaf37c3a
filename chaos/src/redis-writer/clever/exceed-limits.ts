import type { RedisCommand, WriterView } from '../mutation.ts';
import type { Clever } from './clever.ts';

const LAST_ID = '18446744073709551615-18446744073709551615';
const HOUR_MS = 3_600_000;
const YEAR_3000_MS = 32_503_680_000_000;
/** More than any bound on intents. */
const MANY = 600;
const ENTRIES_AT_ONCE = 50_000;

const streamOf = (view: WriterView): string => {
  const { prefix, random, keys } = view;
  const acks = keys.pickLike(`${prefix}:acks:absent`);
  const others = acks?.startsWith(`${prefix}:acks`) ? [acks] : [];
  return random.pick([`${prefix}:events`, `${prefix}:events`, `${prefix}:acks`, ...others]);
};

const distantNumbers = [
  '9007199254740990',
  '9007199254740991',
  '9007199254740999',
  '4102444800000000',
  '1e300',
  '9223372036854775807',
  '99999999999999999999999999',
];

const nameOf = (view: WriterView, kind: string, like: string): string | undefined => {
  const key = view.keys.pickLike(`${view.prefix}:${kind}:${like}`);
  return key?.startsWith(`${view.prefix}:${kind}:`) ? key : undefined;
};

/** Numbers, ids and lengths beyond what the ledger itself ever writes: nothing can follow them. */
export const limits: Record<string, Clever> = {
  'a stream at its last id': async (view) => {
    const key = streamOf(view);
    return view.random.pick<() => RedisCommand[]>([
      () => [
        ['XADD', key, LAST_ID, 'event', '{}'],
        ['XDEL', key, LAST_ID],
      ],
      () => [['XADD', key, LAST_ID, 'event', '{}']],
      () => [['XSETID', key, LAST_ID]],
      () => [['XSETID', key, `${Date.now() + HOUR_MS}-0`]],
    ])();
  },
  'a stream ahead, and back': async (view) => {
    const key = streamOf(view);
    const [last] = await view.redis.xrevrange(key, '+', '-', 'COUNT', 1);
    const ahead = `${Date.now() + HOUR_MS}-0`;
    const name = key.endsWith(':events') ? 'event' : 'ack';
    return {
      commands: [['XADD', key, ahead, name, JSON.stringify({ type: 'none' })]],
      later: {
        everyMs: view.random.pick([100, 500, 1500]),
        commands: [
          [
            ['XDEL', key, ahead],
            ['XSETID', key, last?.[0] ?? '0-1'],
          ],
        ],
      },
    };
  },
  'numbers beyond all others': async (view) => {
    const key = nameOf(view, 'assistant', 'ast_0');
    if (key === undefined) return undefined;
    const fields = view.random.pick([['epoch'], ['version'], ['epoch', 'version'], ['lands'], ['lease']]);
    const number = view.random.pick(distantNumbers);
    return [['HSET', key, ...fields.flatMap((field) => [field, number])]];
  },
  'a version ahead, and back': async (view) => {
    const key = nameOf(view, 'assistant', 'ast_0');
    if (key === undefined) return undefined;
    const [version, epoch] = await view.redis.hmget(key, 'version', 'epoch');
    const ahead = String((Date.now() + view.random.pick([1, 12, 800_000]) * HOUR_MS) * 1000);
    return {
      commands: [['HSET', key, 'version', ahead, 'epoch', ahead]],
      // In between, the assistant is rotated at random.
      later: {
        everyMs: 1500,
        commands: [[['HSET', key, 'version', version ?? '', 'epoch', epoch ?? '']]],
      },
    };
  },
  'a number of the ledger beyond all others': async ({ prefix, random }) =>
    random.pick<() => RedisCommand[]>([
      () => [['SET', `${prefix}:seq`, random.pick(distantNumbers)]],
      () => [
        [
          'HSET',
          `${prefix}:ledger`,
          random.pick(['event_run', 'run', 'readers', 'resealed', 'consumers', 'events_replaced']),
          random.pick(distantNumbers),
        ],
      ],
    ])(),
  'intents of no rotation': async ({ prefix, random }) => {
    const org = random.pick(['org_demo', 'org_demo_sub1', 'org_demo_sub2']);
    const index = random.pick([`${prefix}:intents`, `${prefix}:intents:${org}`]);
    const score = random.pick([Date.now() + 12 * HOUR_MS, Date.now() + 5000, YEAR_3000_MS, 'inf', 0]);
    const isHeld = random.next() < 0.5;
    return Array.from({ length: MANY }, (_, i) => `false${i}`).flatMap((name): RedisCommand[] => [
      ['ZADD', index, score, name],
      ...(isHeld ? [['HSET', `${prefix}:assistant:${name}`, 'holder', 'x'] satisfies RedisCommand] : []),
    ]);
  },
  'intents of true rotations put off': async ({ redis, prefix, random }) => {
    const key = `${prefix}:intents`;
    const names = await redis.zrange(key, '0', '50');
    if (names.length === 0) return undefined;
    const score = random.pick([Date.now() + 12 * HOUR_MS, YEAR_3000_MS, 0]);
    return names.map((name): RedisCommand => ['ZADD', key, score, name]);
  },
  'a false holder': async (view) => {
    const key = nameOf(view, 'assistant', 'ast_0');
    const rotation = nameOf(view, 'rotation', 'rot_0');
    if (key === undefined) return undefined;
    const id = rotation?.slice(`${view.prefix}:rotation:`.length) ?? 'x';
    const lands = view.random.pick([Date.now() + 12 * HOUR_MS, YEAR_3000_MS, 'x']);
    return [
      ['HSET', key, 'holder', view.random.pick([id, 'x']), 'lease', String(lands), 'lands', String(lands)],
      ...(rotation !== undefined && view.random.next() < 0.5
        ? [['HSET', rotation, 'state', view.random.pick(['ROTATING', 'RECONCILING'])] satisfies RedisCommand]
        : []),
    ];
  },
  'the entry of a rotation': async (view) => {
    const key = nameOf(view, 'rotation', 'rot_0');
    if (key === undefined) return undefined;
    const entry = view.random.pick(['0-1', '1-0', LAST_ID, 'x', `${Date.now() + HOUR_MS}-0`]);
    return [['HSET', key, 'entry', entry]];
  },
  'one long field': async ({ prefix, random, longBytes }) => {
    const name = random.pick([
      'held',
      'quarantine',
      'uncertain',
      'ledger',
      'damaged',
      'stale',
      'too-large',
      'processes',
      'consumers',
    ]);
    const field = random.pick(['ast_1', 'org_demo', 'x', 'worker-x', 'frozen_reason']);
    return [
      [
        'EVAL',
        `return redis.call('HSET', KEYS[1], ARGV[1], string.rep('x', ${longBytes}))`,
        1,
        `${prefix}:${name}`,
        field,
      ],
    ];
  },
  'one long text': async ({ prefix, random, longBytes }) => {
    const key = `${prefix}:${random.pick(['registry', 'seq', 'resealing', 'sweeping', 'current:ast_1'])}`;
    return [['EVAL', `return redis.call('SET', KEYS[1], string.rep('x', ${longBytes}))`, 1, key]];
  },
  'very many short entries': async ({ prefix, random, longBytes }) => {
    const [key, command] = random.pick([
      ['policies', "'ZADD', KEYS[1], i % 1000, i"],
      ['bull:policies:repeat', "'ZADD', KEYS[1], i, i"],
      ['sweeps', "'ZADD', KEYS[1], i % 1000, i"],
      ['rotations:open', "'ZADD', KEYS[1], i % 1000, 'rot_' .. i"],
      ['damaged', "'HSET', KEYS[1], i, ''"],
      ['processes', "'HSET', KEYS[1], i, ''"],
    ]);
    const fill = `for i = ARGV[1], ARGV[1] + ${ENTRIES_AT_ONCE - 1} do redis.call(${command}) end`;
    const times = Math.min(Math.ceil(longBytes / 5_000_000), 20);
    return Array.from({ length: times }, (_, i): RedisCommand => [
      'EVAL',
      fill,
      1,
      `${prefix}:${key}`,
      i * ENTRIES_AT_ONCE,
    ]);
  },
  'one text of very many values': async ({ prefix, random, longBytes }) => {
    const count = Math.floor(Math.min(longBytes, 23_000_000) / 3);
    const text = `'{"type":"x","subject":"ast_1","data":[' .. string.rep('{},', ${count}) .. '0]}'`;
    return random.pick<() => RedisCommand[]>([
      () => [['EVAL', `redis.call('XADD', KEYS[1], '*', 'event', ${text})`, 1, `${prefix}:events`]],
      () => [['EVAL', `redis.call('SET', KEYS[1], ${text})`, 1, `${prefix}:current:ast_1`]],
    ])();
  },
};

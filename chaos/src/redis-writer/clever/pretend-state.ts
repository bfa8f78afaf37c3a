import type { Clever } from './clever.ts';
import type { RedisCommand } from '../mutation.ts';
import { oddText } from '../odd-values.ts';

/** What pretends to be the state of the ledger, so that rotations stop or sweeps begin. */
export const states: Record<string, Clever> = {
  'an odd revision': async ({ prefix, random }) => [
    [
      'HSET',
      `${prefix}:ledger`,
      random.pick(['readers', 'resealed', 'consumers']),
      random.pick(['x', '01', String(2 ** 60), '-1', '']),
    ],
  ],
  'records said to be sealed again': async ({ redis, prefix }) => [
    ['HSET', `${prefix}:ledger`, 'resealed', (await redis.hget(`${prefix}:ledger`, 'readers')) ?? '0'],
  ],
  'another ledger': async ({ prefix }) => [['HSET', `${prefix}:ledger`, 'id', 'ledger_of_the_thief']],
  'rotations frozen': async ({ prefix, random }) => [
    ['HSET', `${prefix}:ledger`, 'frozen', random.pick([Date.now(), 'x', -1]), 'frozen_reason', 'forged'],
  ],
  'an org held': async ({ prefix, random }) => [
    [
      'HSET',
      `${prefix}:held`,
      random.pick(['org_demo', 'org_demo_sub1', oddText(random).slice(0, 100)]),
      random.pick([JSON.stringify({ since: Date.now(), code: 'TOO_MANY_GONE' }), 'x', '{}']),
    ],
  ],
  'the budget closed': async ({ prefix, random }) => [
    [
      'HSET',
      `${prefix}:budget:default`,
      random.pick(['next', 'closed_until', 'probe_at', 'pace']),
      random.pick([String(2 ** 60), '4102444800000', 'x', '-1']),
    ],
  ],
  'garbage orgs': async ({ prefix, random }) => {
    const from = random.between(0, 1_000_000);
    return Array.from({ length: 500 }, (_, i): RedisCommand => [
      'SADD',
      `${prefix}:orgs`,
      `garbage_${from + i}`,
    ]);
  },
  'garbage consumers': async ({ prefix, random }) => {
    const from = random.between(0, 1_000_000);
    const fields = Array.from({ length: 500 }, (_, i) => [`garbage-${from + i}`, oddText(random)]).flat();
    return [
      ['HSET', `${prefix}:consumers`, ...fields],
      ['HINCRBY', `${prefix}:ledger`, 'consumers', 1],
    ];
  },
  'garbage checks': async ({ prefix, random }) =>
    Array.from({ length: 200 }, (_, i): RedisCommand => [
      'ZADD',
      `${prefix}:checks`,
      0,
      `${random.pick(['org_demo', 'c', 'garbage', oddText(random).slice(0, 50)])}/ast_garbage_${i}`,
    ]),
};

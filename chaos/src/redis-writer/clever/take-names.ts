import { ledgerKeys } from '@rekey/ledger';
import type { RedisCommand, WriterView } from '../mutation.ts';
import type { Clever } from './clever.ts';

const SAMPLE_IDS = ['org_demo', 'org_demo_sub1', 'c', 'ast_1', 'ast_s1_1', 'default', 'QUEUED', 'all'];

/** A name of a key that Rekey knows, whether the key is there or not. */
const knownName = ({ prefix, random }: WriterView): string => {
  const name = random.pick(
    Object.values(ledgerKeys(prefix.slice(1, -1))) as (string | ((id: string) => string))[],
  );
  return typeof name === 'string' ? name : name(random.pick(SAMPLE_IDS));
};

const ofAnotherType = (key: string): RedisCommand[][] => [
  [
    ['DEL', key],
    ['SET', key, 'x'],
  ],
  [
    ['DEL', key],
    ['HSET', key, 'x', 'y'],
  ],
  [
    ['DEL', key],
    ['SADD', key, 'x'],
  ],
  [
    ['DEL', key],
    ['ZADD', key, 1, 'x'],
  ],
  [
    ['DEL', key],
    ['RPUSH', key, 'x'],
  ],
  [
    ['DEL', key],
    ['XADD', key, '*', 'x', 'y'],
  ],
];

const NAMED_BY_OTHERS = [
  'resealing',
  'policies',
  'orgs',
  'assistants:org_demo',
  'assistants:c',
  'held',
  'sweeps',
];

/** Names that Rekey may not have used yet. */
export const takenNames: Record<string, Clever> = {
  'a known name of any type': async (view) => view.random.pick(ofAnotherType(knownName(view))),
  'an index of another type': async (view) =>
    view.random.pick(ofAnotherType(`${view.prefix}:${view.random.pick(NAMED_BY_OTHERS)}`)),
  'a new org with an index of another type': async ({ prefix, random }) => {
    const index = `${prefix}:assistants:org_x`;
    return [['SADD', `${prefix}:orgs`, 'org_x'], ...random.pick(ofAnotherType(index))];
  },
  'a lock that never expires': async ({ prefix, random }) => [
    [
      'SET',
      `${prefix}:${random.pick(['resealing', 'sweeping', 'aliasing', 'held-swept:org_demo'])}`,
      random.pick(['x', '{}', '0']),
    ],
  ],
};

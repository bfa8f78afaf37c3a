import { beforeEach, describe, expect, it } from '@jest/globals';
import { openLedger, type Consumers, type Registry } from '@rekey/ledger';
import { silentLogger } from '@rekey/runtime';
import type { Consumer } from '@rekey/schema';
import { acknowledgementKeyOf, generateSharedKeys, parseSharedKeys } from '@rekey/sealing';
import { useRedis } from '@rekey/testing/redis-fixture';
import { Redis } from 'ioredis';
import { sealer } from '../publishing/sealing-fixture.ts';
import { keepAcknowledgements } from './acknowledgement-upkeep.ts';
import { collectRefusedAcknowledgements } from './refused-acknowledgements.ts';

let redis: Redis;
let consumers: Consumers;
let proved: string[];
let events: [name: string, fields: unknown][];
let counted: [why: string, count: number][];
let round: () => Promise<void>;
let nowMs: number;
let registry: Registry;
const refused = collectRefusedAcknowledgements();
useRedis((url) => (redis = new Redis(url)));
beforeEach(() => {
  ({ consumers, registry } = openLedger(redis, { prefix: 'spec', registry: { key: sealer.registryKey } }));
  [proved, events, counted] = [[], [], []];
  nowMs = 0;
  round = keepAcknowledgements({
    consumers,
    positions: { newlyProved: () => proved },
    sealer,
    refused,
    meter: { refusedAcknowledgements: (why, count) => counted.push([why, count]) },
    logger: { ...silentLogger, event: (name, fields) => void events.push([name, fields]) },
    nowMs: () => nowMs,
  });
});

const add = async (name: string, more: Partial<Consumer> = {}) => {
  const shared = await generateSharedKeys();
  const entry: Consumer = {
    name,
    orgs: ['org_1'],
    state: 'ACTIVE',
    created_at: new Date().toISOString(),
    key: { kty: 'OKP', kid: 'kid' },
    grant: 'a grant',
    kept: JSON.parse(sealer.sealOwn(shared, 'kept')) as unknown,
    ...more,
  };
  await consumers.write(name, undefined, entry);
  return { ackKey: acknowledgementKeyOf(parseSharedKeys(shared)) };
};
const entryOf = async (name: string) => (await consumers.get(name))!.consumer;

describe('the entry of a consumer', () => {
  it('gets the key that verifies its acknowledgements if a worker of before has granted it', async () => {
    const { ackKey } = await add('billing');
    const before = await entryOf('billing');
    await round();
    expect(await entryOf('billing')).toEqual({ ...before, ack_key: ackKey });
    const { consumers: revision } = await consumers.revisions();
    await round();
    expect((await consumers.revisions()).consumers).toBe(revision);
  });

  it('gets that key again if another one stands there', async () => {
    const { ackKey } = await add('billing', { ack_key: 'of a thief' });
    await round();
    expect(await entryOf('billing')).toMatchObject({ ack_key: ackKey });
  });

  it.each([
    ['without a grant', { kept: undefined, grant: undefined, state: 'PENDING' as const }],
    ['whose keys cannot be opened', { kept: { no: 'envelope' } }],
  ])('stays as it is: of a consumer %s', async (_what, more) => {
    await add('billing', more);
    const before = await entryOf('billing');
    await round();
    expect(await entryOf('billing')).toEqual(before);
  });

  it('says that the consumer signs once it has signed', async () => {
    await add('billing');
    await add('crm');
    proved = ['billing'];
    await round();
    expect(await entryOf('billing')).toMatchObject({ proves: true });
    expect(await entryOf('crm')).not.toHaveProperty('proves');
    expect(events).toEqual([['consumer_proves_acknowledgements', { consumer: 'billing' }]]);
  });
});

describe('the entry of a consumer whose org has two names', () => {
  it('keeps both', async () => {
    await add('billing', { orgs: ['c', 'org_1'] });
    await registry.noteAlias('org_1', 'configured');
    proved = ['billing'];
    await round();
    expect((await consumers.get('billing'))!).toMatchObject({
      consumer: { orgs: ['org_1'], proves: true },
      storedOrgs: ['c', 'org_1'],
    });
  });
});

describe('streams of acknowledgements', () => {
  it('are trimmed, whatever consumers add', async () => {
    await add('billing');
    for (const key of ['{spec}:acks', '{spec}:acks:billing']) {
      const pipeline = redis.pipeline();
      for (let i = 0; i < 25_000; i += 1) pipeline.xadd(key, '*', 'ack', 'x');
      await pipeline.exec();
    }
    await round();
    expect(await redis.xlen('{spec}:acks:billing')).toBeLessThan(5200);
    expect(await redis.xlen('{spec}:acks')).toBeLessThan(20_200);
    expect(await redis.pttl('{spec}:acks:billing')).toBeGreaterThan(86_000_000);
  });

  it('that are none, or to which nothing can be added, begin anew', async () => {
    for (const name of ['billing', 'crm', 'sso', 'app', 'web']) await add(name);
    await redis.set('{spec}:acks:billing', 'x');
    await redis.xadd('{spec}:acks:crm', '18446744073709551615-18446744073709551615', 'ack', 'x');
    const end = '18446744073709551615-18446744073709551615';
    await redis.xadd('{spec}:acks:sso', end, 'ack', 'x');
    await redis.xdel('{spec}:acks:sso', end);
    await redis.xadd('{spec}:acks:app', '1-0', 'ack', 'x');
    await redis.call('XSETID', '{spec}:acks:app', '99999999999999-0');
    await redis.xadd('{spec}:acks:web', '*', 'ack', 'x');
    await round();
    const spoiled = ['billing', 'crm', 'sso', 'app'].map((name) => `{spec}:acks:${name}`);
    expect(await redis.exists(...spoiled)).toBe(0);
    expect(await redis.xlen('{spec}:acks:web')).toBe(1);
  });
});

describe('refused acknowledgements', () => {
  it('are counted each round, and logged at most once a minute', async () => {
    refused.add('forged', 3);
    refused.add('replayed', 1);
    refused.add('forged', 2);
    await round();
    refused.add('forged', 7);
    await round();
    await round();
    expect(counted).toEqual([
      ['forged', 5],
      ['replayed', 1],
      ['forged', 7],
    ]);
    expect(events).toEqual([['acknowledgements_refused', { counts: { forged: 5, replayed: 1 } }]]);
  });

  it('with the grant of before are logged only if they go on for more than a minute', async () => {
    const logged = async (atMs: number) => {
      nowMs = atMs;
      refused.add('other-grant', 1);
      await round();
      return events.splice(0).length > 0;
    };
    expect([await logged(0), await logged(30_000), await logged(60_000)]).toEqual([false, false, false]);
    // Another grant, later.
    expect([await logged(130_000), await logged(180_000)]).toEqual([false, false]);
    expect(await logged(200_000)).toBe(true);
    expect(counted).toHaveLength(6);
  });
});

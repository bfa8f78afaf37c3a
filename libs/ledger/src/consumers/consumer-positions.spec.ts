import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ReplyTooLarge, type Acknowledgement } from '@rekey/schema';
import { startRedis, type RedisServer } from '@rekey/testing';
import { Redis } from 'ioredis';
import { createConsumerPositions, type ConsumerPositions } from './consumer-positions.ts';

let server: RedisServer;
let redis: Redis;
let positions: ConsumerPositions;
beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
afterAll(async () => {
  redis.disconnect();
  await server.dispose();
});
const open = async () => {
  positions = createConsumerPositions({ blocking: redis.duplicate(), prefix: 'spec', onError: () => {} });
  await positions.start();
};
beforeEach(async () => {
  await redis.flushall();
  await open();
});
afterEach(() => positions.close());

type More = Partial<Acknowledgement>;
const ack = (position: string, more: More = {}) =>
  redis.xadd(
    '{spec}:acks',
    '*',
    'ack',
    JSON.stringify({
      consumer: 'billing',
      instance: 'i1',
      lease_ms: 10_000,
      position,
      seq: 1,
      keys: 1,
      unapplied: { count: 0, first: [] },
      leaving: false,
      ...more,
    }),
  );
const until = async (what: () => boolean): Promise<void> => {
  while (!what())
    await new Promise<void>((resolve) => {
      const stop = positions.onChange(() => (stop(), resolve()));
    });
};
const has = (position: string) => () => positions.slowest('billing')?.position === position;

describe('a consumer', () => {
  it('of which nothing was heard is gone', () => {
    expect(positions.reach('billing', '5-0')).toBe('GONE');
    expect(positions.instancesOf('billing')).toEqual([]);
  });

  it('has entries up to its position, and none after it', async () => {
    await ack('5-1');
    await until(has('5-1'));
    expect(positions.reach('billing', '5-1')).toBe('ACKNOWLEDGED');
    expect(positions.reach('billing', '5-0')).toBe('ACKNOWLEDGED');
    expect(positions.reach('billing', '5-2')).toBe('PENDING');
    expect(positions.reach('crm', '5-1')).toBe('GONE');
  });

  it('has the position of its slowest live instance', async () => {
    await ack('9-0');
    await ack('5-0', { instance: 'i2' });
    await until(has('5-0'));
    expect(positions.reach('billing', '9-0')).toBe('PENDING');
    await ack('5-0', { instance: 'i2', leaving: true });
    await until(has('9-0'));
    expect(positions.reach('billing', '9-0')).toBe('ACKNOWLEDGED');
    expect(positions.instancesOf('billing').map(({ instance, live }) => [instance, live])).toEqual([
      ['i2', false],
      ['i1', true],
    ]);
  });

  it('is gone when its lease has lapsed, and listeners are called', async () => {
    await ack('5-0', { lease_ms: 1000 });
    await until(has('5-0'));
    await until(() => positions.reach('billing', '5-0') === 'GONE');
    expect(positions.instancesOf('billing')[0]).toMatchObject({ instance: 'i1', live: false });
  });

  it('does not have what it could not apply', async () => {
    const first = [{ assistant_id: 'ast_1', version: 7, why: 'forged' }];
    await ack('5-0', { unapplied: { count: 1, first } });
    await until(has('5-0'));
    expect(positions.reach('billing', '5-0', { assistantId: 'ast_1', version: 7 })).toBe('UNAPPLIED');
    expect(positions.reach('billing', '5-0', { assistantId: 'ast_1', version: 8 })).toBe('ACKNOWLEDGED');
    expect(positions.reach('billing', '5-0', { assistantId: 'ast_2', version: 7 })).toBe('ACKNOWLEDGED');
    expect(positions.reach('billing', '5-0')).toBe('UNAPPLIED');
    await ack('6-0', { unapplied: { count: 2, first } });
    await until(has('6-0'));
    expect(positions.reach('billing', '6-0', { assistantId: 'ast_2', version: 7 })).toBe('UNAPPLIED');
  });

  it('has applied nothing if it holds another grant than that of its entry', async () => {
    await ack('5-0', { kid: 'old' });
    await until(has('5-0'));
    const version = { assistantId: 'ast_1', version: 7 };
    expect(positions.reach('billing', '5-0', version, 'new')).toBe('UNAPPLIED');
    expect(positions.reach('billing', '5-0', undefined, 'new')).toBe('UNAPPLIED');
    expect(positions.reach('billing', '5-0', version, 'old')).toBe('ACKNOWLEDGED');
    // The entry is of the version before.
    expect(positions.reach('billing', '5-0', version)).toBe('ACKNOWLEDGED');
    // The consumer is of the version before.
    await ack('6-0');
    await until(has('6-0'));
    expect(positions.reach('billing', '6-0', version, 'new')).toBe('ACKNOWLEDGED');
  });

  it('is known at once to a process that starts later, unless its lease has lapsed', async () => {
    const [seconds] = await redis.time();
    const agoMs = Number(seconds) * 1000 - 20_000;
    await redis.xadd(
      '{spec}:acks',
      `${agoMs}-0`,
      'ack',
      JSON.stringify({
        consumer: 'billing',
        instance: 'old',
        lease_ms: 10_000,
        position: '1-0',
        seq: 1,
        keys: 1,
        unapplied: { count: 0, first: [] },
        leaving: false,
      }),
    );
    await ack('5-0');
    await positions.close();
    await open();
    expect(positions.slowest('billing')).toMatchObject({ instance: 'i1', position: '5-0', live: true });
    expect(positions.instancesOf('billing')).toHaveLength(2);
  });

  it('is not affected by an entry that is no acknowledgement', async () => {
    await redis.xadd('{spec}:acks', '*', 'ack', 'nonsense');
    await redis.xadd('{spec}:acks', '*', 'other', '{}');
    await ack('no-position');
    await ack('5-0');
    await until(has('5-0'));
    expect(positions.instancesOf('billing')).toHaveLength(1);
  });
});

describe('entries that are too long', () => {
  /** As connections of a process: a reply beyond 100,000 characters is not received. */
  const openLimited = async () => {
    await positions.close();
    const blocking = redis.duplicate();
    const bounded =
      <A extends unknown[], R>(read: (...args: A) => Promise<R>) =>
      async (...args: A): Promise<R> => {
        const reply = await read(...args);
        if (JSON.stringify(reply ?? null).length > 100_000) throw new ReplyTooLarge('xread');
        return reply;
      };
    blocking.xread = bounded(blocking.xread.bind(blocking)) as typeof blocking.xread;
    blocking.xrange = bounded(blocking.xrange.bind(blocking)) as typeof blocking.xrange;
    const errors: unknown[] = [];
    const onError = (error: unknown) => void errors.push(error);
    positions = createConsumerPositions({ blocking, prefix: 'spec', onError });
    await positions.start();
    return errors;
  };
  const long = () => redis.xadd('{spec}:acks', '*', 'ack', 'x'.repeat(200_000));

  it('are skipped at the start, and what stands around them is read', async () => {
    await ack('5-0', { instance: 'i1' });
    for (let i = 0; i < 3; i += 1) await long();
    for (let i = 0; i < 600; i += 1) await ack('7-0', { instance: 'i2' });
    const errors = await openLimited();
    expect(positions.instancesOf('billing').map(({ instance }) => instance)).toEqual(['i2', 'i1']);
    expect(errors).toEqual([]);
  });

  it('are skipped later, and what follows is read', async () => {
    const errors = await openLimited();
    await ack('5-0');
    await until(has('5-0'));
    await long();
    await long();
    await ack('6-0');
    await until(has('6-0'));
    expect(errors).toEqual([]);
  });

  it('that are no longer than others are all read, thousands at the start', async () => {
    for (let i = 0; i < 2500; i += 1) await ack(`${i}-0`);
    await openLimited();
    expect(positions.slowest('billing')?.position).toBe('2499-0');
  });
});

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createLedgerClock, type LedgerClock } from '@rekey/ledger';
import { startRedis, type RedisServer } from '@rekey/testing';
import { Redis, type RedisOptions } from 'ioredis';
import { subscribe, type Keys, type Refusal } from '../index.ts';
import type { Publisher } from '../publisher-fixture.ts';
import { createPublisher } from '../subscriber-fixture.ts';
import { next, until } from '../wait-fixture.ts';

const NOW = 'simulated-now';
const HOUR_MS = 3_600_000;
const JUMPS_MS: [string, number][] = [
  ['3 days ahead', 72 * HOUR_MS],
  ['23 hours ahead', 23 * HOUR_MS],
  ['3 days back', -72 * HOUR_MS],
];

/**
 * A connection to a Redis whose clock is a key, for commands, for TIME, and for duplicated connections.
 */
class Simulated extends Redis {
  override defineCommand(command: string, definition: { lua: string; numberOfKeys?: number }): void {
    super.defineCommand(command, {
      ...definition,
      lua: definition.lua.replaceAll(`redis.call('TIME')`, `redis.call('HMGET', '${NOW}', 's', 'us')`),
    });
  }
  override time = (async () => (await this.hmget(NOW, 's', 'us')).map(Number)) as unknown as Redis['time'];
  override pipeline(commands?: unknown[][]) {
    const made = super.pipeline(commands);
    made.time = () => made.hmget(NOW, 's', 'us');
    return made;
  }
  override duplicate(options?: Partial<RedisOptions>): Redis {
    return new Simulated({ ...this.options, ...options } as RedisOptions & { replyMapping: 'legacy' });
  }
}

let server: RedisServer;
let connection: Redis;
let rekey: Publisher;
let clock: LedgerClock;
let keys: Keys;
let refused: Refusal[];
let offsetMs: number;
let privateKey: { keys: object[] };

const setRedis = () => {
  const us = Math.floor((Date.now() + offsetMs) * 1000);
  return connection.hset(NOW, { s: Math.floor(us / 1_000_000), us: us % 1_000_000 });
};
/** Sets the offset of the Redis clock. */
const jump = async (ms: number) => {
  offsetMs = ms;
  await setRedis();
};
const settled = async () => {
  await setRedis();
  await clock.look();
};

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.dispose());
beforeEach(async () => {
  connection = new Simulated(server.url);
  connection.on('error', () => {});
  await connection.flushall();
  await jump(0);
  rekey = createPublisher(server.url, { connection });
  clock = createLedgerClock({ redis: connection, prefix: 'spec', name: 'worker' });
  await clock.look();
  privateKey = await rekey.enrol('billing');
  await rekey.publish('ast_1', 'sk_1');
  await rekey.publish('ast_2', 'sk_2');
  keys = await subscribe({
    redis: connection,
    consumer: 'billing',
    prefix: 'spec',
    privateKey,
    leaseMs: 1000,
  });
  refused = [];
  keys.on('refused', (refusal) => refused.push(refusal));
});
afterEach(async () => {
  await keys.close();
  rekey.close();
});

const secretOf = (assistantId: string) =>
  (keys.current(assistantId) as { secretKey?: string } | undefined)?.secretKey;

describe.each(JUMPS_MS)('while the Redis clock is %s, and afterwards', (_where, jumpMs) => {
  it('a running consumer holds every published key, and refuses none', async () => {
    const answer = await rekey.claim('ast_1');
    await jump(jumpMs);
    expect(await rekey.claim('ast_2')).toBeUndefined();
    await settled();
    // It was claimed before, and the answer to its POST arrives now.
    await answer!('sk_answered');
    await jump(0);
    await settled();
    await until(() => secretOf('ast_1') === 'sk_answered', 'the key that was answered meanwhile');
    await (await rekey.claim('ast_2'))!('sk_after');
    await until(() => secretOf('ast_2') === 'sk_after', 'the next key');
    await (await rekey.claim('ast_1'))!('sk_next');
    await until(() => secretOf('ast_1') === 'sk_next', 'the one after it');
    expect(keys.unapplied.count).toBe(0);
    expect(keys.current('ast_1')!.version).toBeLessThan((Date.now() + 1000) * 1000);
  });
});

it('a consumer reads again what it refused when the Redis clock was behind, without a restart', async () => {
  await jump(-72 * HOUR_MS);
  const later = await subscribe({
    redis: connection,
    consumer: 'billing',
    prefix: 'spec',
    privateKey,
    leaseMs: 1000,
  });
  try {
    expect([later.size, later.unapplied.count]).toEqual([0, 2]);
    const snapshot = next(later, 'snapshot');
    await jump(0);
    expect((await snapshot).reason).toBe('clock');
    expect([later.size, later.unapplied.count]).toEqual([2, 0]);
  } finally {
    await later.close();
  }
});

it('a version that is ahead is accepted only if Rekey marks it as such', async () => {
  const version = (Date.now() + 72 * HOUR_MS) * 1000;
  await rekey.put(await rekey.eventOf('ast_1', { version, secretKey: 'sk_unknowing' }));
  await until(() => refused.length === 1, 'the refusal');
  expect([secretOf('ast_1'), refused[0]!.why]).toEqual(['sk_1', expect.stringContaining('future')]);
  await rekey.put(
    await rekey.eventOf('ast_1', { version: version + 1, secretKey: 'sk_knowing', ahead: true }),
  );
  await until(() => secretOf('ast_1') === 'sk_knowing', 'the version that lies ahead');
});

it.each([3, 3600])(
  'a lower version is reported while the held one is %s s ahead, and after that',
  async (seconds) => {
    const version = Date.now() * 1000 + seconds * 1_000_000;
    await rekey.put(await rekey.eventOf('ast_1', { version, secretKey: 'sk_ahead' }));
    await until(() => secretOf('ast_1') === 'sk_ahead', 'the version that is ahead');
    await rekey.publish('ast_1', 'sk_in_force');
    await until(() => keys.unapplied.count === 1, 'the report');
    await jump(seconds * 1000 + 10_000);
    await rekey.put(await rekey.currentEvent('ast_2'));
    await until(() => keys.freshness().upToDate, 'fresh keys');
    expect([secretOf('ast_1'), keys.unapplied.count]).toEqual(['sk_ahead', 1]);
  },
);

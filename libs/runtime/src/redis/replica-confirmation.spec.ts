import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createTcpProxy, startRedis, type RedisServer, type TcpProxy } from '@rekey/testing';
import { Redis } from 'ioredis';
import { createLogger } from '../logger.ts';
import { createRedisConnections } from './connections/connections.ts';
import { logRedisStatus } from './log-redis-status.ts';
import { createReplicaConfirmation, type ReplicaConfirmation } from './replica-confirmation.ts';

const WITHIN_MS = 400;
const logger = createLogger('worker', 'silent');

let primary: RedisServer;
let replica: RedisServer;
/** Between the replica and its primary. */
let link: TcpProxy;
/** Between the second connection and the primary. */
let own: TcpProxy;
let onReplica: Redis;
let connections: Redis[];
let confirmations: ReplicaConfirmation[];

const connected = (url: string): Redis => {
  const redis = createRedisConnections(url, { listener: logRedisStatus(url, logger) }).connect({
    onDisconnect: 'fail',
    name: 'spec',
  });
  connections.push(redis);
  return redis;
};
const ready = async (redis: Redis): Promise<Redis> => {
  await until(async () => redis.status === 'ready');
  return redis;
};
const until = async (isSo: () => Promise<boolean>): Promise<void> => {
  for (const endMs = performance.now() + 10_000; !(await isSo()); await sleep(5))
    if (performance.now() > endMs) throw new Error('it did not come to be so');
};
/**
 * Whether a replica takes what is written: one that has just been sent the data counts for a WAIT without a
 * write, and takes up to a second until it does.
 */
const isFollowed = async (redis: Redis): Promise<boolean> => {
  await redis.set('followed', '1');
  return (await redis.wait(1, 100)) === 1;
};
/** A confirmation for writes of `redis`; its own connection goes to `url`. */
const confirmationOf = (
  redis: Redis,
  options: { replicas?: number; withinMs?: number; url?: string } = {},
): ReplicaConfirmation => {
  const { replicas = 1, withinMs = WITHIN_MS, url = `redis://127.0.0.1:${own.port}` } = options;
  const confirmation = createReplicaConfirmation(redis, {
    replicas,
    withinMs,
    connect: () => connected(url),
    mark: '{spec}:replicated:1',
  });
  confirmations.push(confirmation);
  return confirmation;
};
const took = async (work: Promise<unknown>): Promise<number> => {
  const startMs = performance.now();
  await work;
  return performance.now() - startMs;
};

beforeAll(async () => {
  primary = await startRedis({
    args: ['--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1'],
  });
  link = await createTcpProxy({ port: primary.port });
  own = await createTcpProxy({ port: primary.port });
  replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(link.port)] });
  onReplica = new Redis(replica.url);
  const admin = new Redis(primary.url);
  await until(() => isFollowed(admin));
  admin.disconnect();
}, 30_000);
afterAll(async () => {
  onReplica.disconnect();
  await link.close();
  await own.close();
  await replica.dispose();
  await primary.dispose();
});
beforeEach(() => {
  [connections, confirmations] = [[], []];
});
afterEach(async () => {
  link.stall(false);
  own.stall(false);
  for (const confirmation of confirmations) confirmation.close();
  for (const redis of connections) redis.disconnect();
  const admin = new Redis(primary.url);
  await until(async () => (await admin.wait(1, 1000)) === 1);
  admin.disconnect();
});

describe('a confirmation', () => {
  it('asks nobody where no replica is wanted, and opens no connection', async () => {
    const { confirm } = createReplicaConfirmation(connected(primary.url), {
      replicas: 0,
      withinMs: 1,
      connect: () => {
        throw new Error('a connection was opened');
      },
      mark: 'm',
    });
    expect(await confirm()).toBe(true);
  });

  it('means that the replica has what the first connection wrote, though it is asked for on another one', async () => {
    const redis = await ready(connected(primary.url));
    const { confirm } = confirmationOf(redis);
    for (let i = 0; i < 200; i += 1) {
      await redis.set(`written-${i}`, 'x'.repeat(10_000));
      expect(await confirm()).toBe(true);
      expect(await onReplica.exists(`written-${i}`)).toBe(1);
    }
  });

  it('comes not for what a stalled replica has not got, however often another connection was confirmed before', async () => {
    const redis = await ready(connected(primary.url));
    const { confirm } = confirmationOf(redis);
    expect(await confirm()).toBe(true);
    link.stall(true);
    await redis.set('late', '1');
    expect(await confirm()).toBe(false);
    expect(await onReplica.exists('late')).toBe(0);
    link.stall(false);
    await until(confirm);
    expect(await onReplica.exists('late')).toBe(1);
  });

  it('comes not where more replicas are wanted than there are', async () => {
    const { confirm } = confirmationOf(await ready(connected(primary.url)), { replicas: 2 });
    expect(await confirm()).toBe(false);
  });

  it('that does not come holds up no other command, and 24 callers no longer than two', async () => {
    const redis = await ready(connected(primary.url));
    const { confirm } = confirmationOf(redis);
    expect(await confirm()).toBe(true);
    link.stall(true);
    await redis.set('late', '2');
    const all = Promise.all(
      Array.from({ length: 24 }, async (_, i) => {
        await sleep(i * 10);
        return confirm();
      }),
    );
    const slowest: number[] = [];
    const wholeMs = took(all);
    for (let i = 0; i < 20; i += 1) slowest.push(await took(redis.ping()));
    expect(await all).toEqual(Array.from({ length: 24 }, () => false));
    // Redis looks at its timeouts ten times a second.
    expect(await wholeMs).toBeLessThan(2 * (WITHIN_MS + 100) + 230 + 300);
    expect(Math.max(...slowest)).toBeLessThan(WITHIN_MS / 2);
  });

  it('covers each caller that joins while another is under way: it begins after the last of them', async () => {
    const redis = await ready(connected(primary.url));
    const { confirm } = confirmationOf(redis);
    await Promise.all(
      Array.from({ length: 100 }, async (_, i) => {
        await sleep(i % 7);
        await redis.set(`joined-${i}`, '1');
        expect(await confirm()).toBe(true);
        expect(await onReplica.exists(`joined-${i}`)).toBe(1);
      }),
    );
  });
});

describe('a confirmation never comes', () => {
  it('from another Redis than the one that was written to', async () => {
    // It has a replica too, which confirms whatever is written there.
    const stranger = await startRedis({ args: ['--repl-diskless-sync-delay', '0'] });
    const follower = await startRedis({ args: ['--replicaof', '127.0.0.1', String(stranger.port)] });
    try {
      const admin = connected(stranger.url);
      await until(async () => admin.status === 'ready' && (await isFollowed(admin)));
      const redis = await ready(connected(primary.url));
      await redis.set('written', '1');
      expect(await confirmationOf(redis, { url: stranger.url }).confirm()).toBe(false);
      expect(await confirmationOf(admin, { url: stranger.url }).confirm()).toBe(true);
    } finally {
      await follower.dispose();
      await stranger.dispose();
    }
  }, 20_000);

  it('where the connection that wrote was made anew meanwhile: what it wrote may be gone', async () => {
    const front = await createTcpProxy({ port: primary.port });
    try {
      const redis = await ready(connected(`redis://127.0.0.1:${front.port}`));
      const { confirm } = confirmationOf(redis, { withinMs: 2000 });
      expect(await confirm()).toBe(true);
      link.stall(true);
      await redis.set('late', '3');
      const confirming = confirm();
      const closed = new Promise((resolve) => redis.once('close', resolve));
      front.cut();
      await closed;
      await ready(redis);
      link.stall(false);
      expect(await confirming).toBe(false);
      expect(await confirm()).toBe(true);
    } finally {
      await front.close();
    }
  }, 20_000);

  it('where its own connection is cut between mark and answer', async () => {
    const redis = await ready(connected(primary.url));
    const { confirm } = confirmationOf(redis, { withinMs: 2000 });
    expect(await confirm()).toBe(true);
    link.stall(true);
    await redis.set('late', '4');
    const confirming = confirm();
    await sleep(100);
    own.cut();
    expect(await confirming).toBe(false);
    link.stall(false);
    await until(confirm);
  }, 20_000);

  it('where its own connection does not answer; it comes again on another one', async () => {
    const redis = await ready(connected(primary.url));
    const { confirm } = confirmationOf(redis);
    expect(await confirm()).toBe(true);
    own.stall(true);
    const startMs = performance.now();
    expect(await confirm()).toBe(false);
    expect(performance.now() - startMs).toBeLessThan(6000);
    own.stall(false);
    await until(confirm);
  }, 20_000);

  it('while Redis is away, and then it does', async () => {
    const redis = await ready(connected(primary.url));
    const { confirm } = confirmationOf(redis);
    own.refuse(true);
    expect(await confirm()).toBe(false);
    own.refuse(false);
    await until(confirm);
  }, 20_000);
});

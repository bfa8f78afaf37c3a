import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createTcpProxy, startRedis, type RedisServer, type TcpProxy } from '@rekey/testing';
import { Redis } from 'ioredis';
import { silentLogger } from '../logging/spec-loggers.ts';
import { createRedisConnections } from './connections/connections.ts';
import { logRedisStatus } from './log-redis-status.ts';
import { createReplicaConfirmation, type ReplicaConfirmation } from './replica-confirmation.ts';

const WITHIN_MS = 400;
/** Where nothing is stalled: only a replica that never confirms takes that long. */
const PATIENT_MS = 10_000;

const MARK = '{spec}:replicated:1';

let primary: RedisServer;
let replica: RedisServer;
/** Between the replica and its primary. */
let link: TcpProxy;
/** Between the second connection and the primary. */
let second: TcpProxy;
let onReplica: Redis;
let connections: Redis[];
let confirmations: ReplicaConfirmation[];

const connected = (url: string): Redis => {
  const redis = createRedisConnections(url, { listener: logRedisStatus(url, silentLogger) }).connect({
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
    if (performance.now() > endMs) throw new Error(`never so: ${isSo}`);
};
/**
 * Whether a replica confirms writes. A replica that has just received the data set counts for a WAIT without
 * a write, but needs up to a second to confirm one.
 */
const isFollowed = async (redis: Redis): Promise<boolean> => {
  await redis.set('followed', '1');
  return (await redis.wait(1, 100)) === 1;
};
/** A confirmation for writes of `redis`; its second connection goes to `url`. */
const confirmationOf = (
  redis: Redis,
  options: { replicas?: number; withinMs?: number; url?: string } = {},
): ReplicaConfirmation => {
  const { replicas = 1, withinMs = WITHIN_MS, url = `redis://127.0.0.1:${second.port}` } = options;
  const confirmation = createReplicaConfirmation(redis, {
    replicas,
    withinMs,
    connect: () => connected(url),
    mark: MARK,
  });
  confirmations.push(confirmation);
  return confirmation;
};
/** How many confirmations the primary has begun. */
const waits = async (redis: Redis): Promise<number> =>
  Number(/cmdstat_wait:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1] ?? 0);

beforeAll(async () => {
  primary = await startRedis({
    args: ['--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1'],
  });
  link = await createTcpProxy({ port: primary.port });
  second = await createTcpProxy({ port: primary.port });
  replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(link.port)] });
  onReplica = new Redis(replica.url);
  const admin = new Redis(primary.url);
  await until(() => isFollowed(admin));
  admin.disconnect();
});
afterAll(async () => {
  onReplica.disconnect();
  await link.close();
  await second.close();
  await replica.dispose();
  await primary.dispose();
});
beforeEach(() => {
  [connections, confirmations] = [[], []];
});
afterEach(async () => {
  link.stall(false);
  second.stall(false);
  for (const confirmation of confirmations) confirmation.close();
  for (const redis of connections) redis.disconnect();
  const admin = new Redis(primary.url);
  await until(() => isFollowed(admin));
  admin.disconnect();
});

describe('confirmations', () => {
  it('never run at once, whenever a caller comes: the mark is that of one', async () => {
    let mark = '';
    let [open, most] = [0, 0];
    const ends: (() => void)[] = [];
    const pipeline = {
      set: (_key: string, token: string) => {
        mark = token;
        open += 1;
        most = Math.max(most, open);
        return pipeline;
      },
      wait: () => pipeline,
      exec: async () => {
        await new Promise<void>((resolve) => ends.push(resolve));
        return [
          [null, 'OK'],
          [null, 1],
        ];
      },
    };
    const get = async () => {
      open -= 1;
      return mark;
    };
    const redis = Object.assign(new EventEmitter(), { get, status: 'ready', pipeline: () => pipeline });
    const { confirm } = createReplicaConfirmation(redis as unknown as Redis, {
      replicas: 1,
      withinMs: 1,
      connect: () => redis as unknown as Redis,
      mark: MARK,
    });
    const all = [confirm(), confirm()];
    await until(async () => ends.length === 1);
    all.push(confirm());
    ends.shift()!();
    // A caller in each of the steps in which one ends and the next begins.
    for (let i = 0; i < 30; i += 1) {
      await Promise.resolve();
      all.push(confirm());
    }
    for (let i = 0; i < 100; i += 1) {
      ends.shift()?.();
      await Promise.resolve();
    }
    expect([most, new Set(await Promise.all(all))]).toEqual([1, new Set([true])]);
  });
});

describe('a confirmation', () => {
  it('resolves at once if no replicas are required, and opens no connection', async () => {
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

  it('means that the replica has what the first connection wrote', async () => {
    const redis = await ready(connected(primary.url));
    const { confirm } = confirmationOf(redis, { withinMs: PATIENT_MS });
    for (let i = 0; i < 200; i += 1) {
      await redis.set(`written-${i}`, 'x'.repeat(10_000));
      expect(await confirm()).toBe(true);
      expect(await onReplica.exists(`written-${i}`)).toBe(1);
    }
  });

  it('is false for a write that a stalled replica lacks, even after earlier confirmations', async () => {
    const redis = await ready(connected(primary.url));
    const { confirm } = confirmationOf(redis);
    await until(confirm);
    link.stall(true);
    await redis.set('late', '1');
    expect(await confirm()).toBe(false);
    expect(await onReplica.exists('late')).toBe(0);
    link.stall(false);
    await until(confirm);
    expect(await onReplica.exists('late')).toBe(1);
  });

  it('is false if more replicas are required than exist', async () => {
    const { confirm } = confirmationOf(await ready(connected(primary.url)), { replicas: 2 });
    expect(await confirm()).toBe(false);
  });

  it('that is pending delays no other command, and 24 callers wait for two at most', async () => {
    const redis = await ready(connected(primary.url));
    const { confirm } = confirmationOf(redis, { withinMs: PATIENT_MS });
    await until(confirm);
    link.stall(true);
    await redis.set('late', '2');
    await redis.config('RESETSTAT');
    let ended = 0;
    const all = Array.from({ length: 24 }, () => confirm().finally(() => (ended += 1)));
    await until(async () => (await waits(redis)) === 1);
    for (let i = 0; i < 20; i += 1) await redis.ping();
    all.push(confirm());
    expect(ended).toBe(0);
    link.stall(false);
    expect(new Set(await Promise.all(all))).toEqual(new Set([true]));
    expect(await waits(redis)).toBe(2);
  });

  it('covers each caller that joins during another one: it starts after the last of them', async () => {
    const redis = await ready(connected(primary.url));
    const { confirm } = confirmationOf(redis, { withinMs: PATIENT_MS });
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

describe('a confirmation is false', () => {
  it('if it comes from another Redis than the one that was written to', async () => {
    // It has a replica too, which confirms everything written there.
    const stranger = await startRedis({ args: ['--repl-diskless-sync-delay', '0'] });
    const follower = await startRedis({ args: ['--replicaof', '127.0.0.1', String(stranger.port)] });
    try {
      const admin = connected(stranger.url);
      await until(async () => admin.status === 'ready' && (await isFollowed(admin)));
      const redis = await ready(connected(primary.url));
      await redis.set('written', '1');
      expect(await confirmationOf(redis, { url: stranger.url }).confirm()).toBe(false);
      await until(confirmationOf(admin, { url: stranger.url }).confirm);
    } finally {
      await follower.dispose();
      await stranger.dispose();
    }
  });

  it('if the writing connection reconnected meanwhile: its writes may be lost', async () => {
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
      await until(confirm);
    } finally {
      await front.close();
    }
  });

  it('if the second connection is cut between mark and answer', async () => {
    const redis = await ready(connected(primary.url));
    const { confirm } = confirmationOf(redis, { withinMs: 2000 });
    await until(confirm);
    link.stall(true);
    await redis.set('late', '4');
    const marked = await redis.get(MARK);
    const confirming = confirm();
    await until(async () => (await redis.get(MARK)) !== marked);
    second.cut();
    expect(await confirming).toBe(false);
    link.stall(false);
    await until(confirm);
  });

  it('if the second connection does not answer, until that reconnects', async () => {
    const redis = await ready(connected(primary.url));
    const { confirm } = confirmationOf(redis);
    await until(confirm);
    second.stall(true);
    expect(await confirm()).toBe(false);
    second.stall(false);
    await until(confirm);
  });

  it('while Redis is unreachable, and true afterwards', async () => {
    const redis = await ready(connected(primary.url));
    const { confirm } = confirmationOf(redis);
    second.refuse(true);
    expect(await confirm()).toBe(false);
    second.refuse(false);
    await until(confirm);
  });
});

import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createTcpProxy, startRedis, type RedisServer, type TcpProxy } from '@rekey/testing';
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { probeWrite } from '../probe-write.ts';
import { isRedisUnavailable } from '../redis-errors.ts';
import { createRedisConnections, type RedisConnections } from './connections.ts';
import type { RedisStatusListener } from './status-listener.ts';

let server: RedisServer;
let proxy: TcpProxy;
let admin: Redis;
let told: string[];
let connections: RedisConnections;
let opened: Redis[];
let others: RedisServer[];

beforeEach(async () => {
  server = await startRedis();
  proxy = await createTcpProxy({ port: server.port });
  admin = new Redis(server.url);
  told = [];
  opened = [];
  others = [];
  connections = family();
});
afterEach(async () => {
  for (const redis of opened) redis.disconnect();
  admin.disconnect();
  await proxy.close();
  for (const other of [server, ...others]) await other.dispose();
});

const listener: RedisStatusListener = {
  onUnavailable: (_connection, reason, error) => told.push(`${reason}: ${error?.message ?? ''}`),
  onAvailable: () => told.push('back'),
  onRefused: (error, atStart) => told.push(`${atStart ? 'refused at start' : 'refused'}: ${error.message}`),
};
const family = (
  url = `redis://127.0.0.1:${proxy.port}`,
  options: { acceptReplicas?: boolean } = {},
): RedisConnections => {
  const made = createRedisConnections(url, { listener, ...options });
  return {
    ...made,
    connect: (how) => {
      const redis = made.connect(how);
      opened.push(redis);
      return redis;
    },
  };
};
const until = async (isSo: () => boolean | Promise<boolean>, withinMs = 15_000): Promise<void> => {
  for (const endMs = performance.now() + withinMs; !(await isSo()); await sleep(5))
    if (performance.now() > endMs) throw new Error(`never so: ${isSo}; told: ${told.join(' | ')}`);
};
const ready = async (redis: Redis): Promise<Redis> => {
  await until(() => redis.status === 'ready');
  return redis;
};
const primary = async (): Promise<RedisServer> => {
  const other = await startRedis({ args: ['--repl-diskless-sync-delay', '0'] });
  others.push(other);
  return other;
};
/** Makes the Redis a replica, without a word to its clients, and waits until it follows its primary. */
const demote = async (): Promise<RedisServer> => {
  const other = await primary();
  await admin.replicaof('127.0.0.1', other.port);
  await until(async () => /master_link_status:up/.test(await admin.info('replication')));
  return other;
};
const connectionsSoFar = async (): Promise<number> =>
  Number(/total_connections_received:(\d+)/.exec(await admin.info('stats'))![1]);
const TEXT = 'redis.call("INCR", KEYS[1]) return redis.call("INCR", KEYS[1])';

describe('a Redis that becomes a replica and keeps its clients', () => {
  it('is left by all connections, also those that only listen, and taken again when it is a primary', async () => {
    const [busy, listening] = [
      await ready(connections.connect({ onDisconnect: 'fail', name: 'busy' })),
      await ready(connections.connect({ onDisconnect: 'retry', name: 'listening' })),
    ];
    await listening.subscribe('channel');
    const heard: string[] = [];
    listening.on('message', (_channel, message) => heard.push(message));
    await demote();
    const failure = await busy.set('a', '1').catch((error: Error) => error);
    expect(isRedisUnavailable(failure)).toBe(true);
    await until(() => busy.status !== 'ready' && listening.status !== 'ready');
    expect(await probeWrite(busy, 'mark', 1000)).toBeInstanceOf(Error);
    await until(() => told.length > 0);
    await admin.replicaof('NO', 'ONE');
    await Promise.all([ready(busy), ready(listening)]);
    expect(await busy.set('a', '2')).toBe('OK');
    await until(async () => Number(await admin.publish('channel', 'hello')) === 1);
    await until(() => heard.includes('hello'));
    expect(told).toEqual([expect.stringMatching(/^read-only: READONLY/), 'back']);
  });

  it('is left for the primary that its name leads to by then', async () => {
    const redis = await ready(connections.connect({ onDisconnect: 'retry', name: 'worker' }));
    const other = await demote();
    const listenPort = proxy.port;
    const written = redis.set('a', '1');
    await until(() => redis.status !== 'ready');
    await proxy.close();
    proxy = await createTcpProxy({ port: other.port, listenPort });
    expect(await written).toBe('OK');
    const there = new Redis(other.url);
    opened.push(there);
    expect(await there.get('a')).toBe('1');
  });

  it('loses and doubles nothing of what waits: commands and scripts are done once when it takes writes', async () => {
    const redis = await ready(connections.connect({ onDisconnect: 'retry', name: 'worker' }));
    redis.defineCommand('twice', { numberOfKeys: 1, lua: TEXT });
    const twice = (key: string) =>
      (redis as unknown as Record<string, (key: string) => Promise<number>>)['twice']!(key);
    expect(await twice('by-digest')).toBe(2);
    await demote();
    const answers = Promise.all([
      redis.incr('plain'),
      twice('by-digest'),
      redis.eval(TEXT, 1, 'by-text'),
      ...Array.from({ length: 50 }, () => redis.incr('many')),
    ]);
    await until(() => redis.status === 'reconnecting');
    // The new primary does not know the script.
    await admin.replicaof('NO', 'ONE');
    await admin.script('FLUSH');
    await answers;
    expect(await redis.mget('plain', 'by-digest', 'by-text', 'many')).toEqual(['1', '2', '2', '50']);
  });

  it('does nothing of a pipeline or a transaction, and says so', async () => {
    const redis = await ready(connections.connect({ onDisconnect: 'retry', name: 'worker' }));
    await demote();
    const [piped, transacted] = await Promise.all([
      redis.pipeline().incr('a').incr('b').exec(),
      redis
        .multi()
        .incr('a')
        .incr('b')
        .exec()
        .catch((error: Error) => error),
    ]);
    expect(piped!.map(([error]) => isRedisUnavailable(error))).toEqual([true, true]);
    expect((transacted as Error).message).toContain('EXECABORT');
    await admin.replicaof('NO', 'ONE');
    await ready(redis);
    expect(await redis.exists('a', 'b')).toBe(0);
  });

  it.each([
    ['as it is', []],
    ['to a user who may not ask for its role', ['-info']],
  ])(
    'is not asked in a storm, %s',
    async (_how, rules) => {
      await admin.call('ACL', 'SETUSER', 'rekey', 'on', '>secret', '~*', '&*', '+@all', ...rules);
      const redis = await ready(
        family(`redis://rekey:secret@127.0.0.1:${proxy.port}`).connect({
          onDisconnect: 'retry',
          name: 'worker',
        }),
      );
      await demote();
      const before = await connectionsSoFar();
      const written = redis.set('a', '1');
      await sleep(4000);
      // At pauses of 50 ms there would be eighty.
      expect((await connectionsSoFar()) - before).toBeLessThan(20);
      await admin.replicaof('NO', 'ONE');
      expect(await written).toBe('OK');
    },
    20_000,
  );

  it('is never taken by a connection that is made to it, but by those who only read', async () => {
    await demote();
    const writer = connections.connect({ onDisconnect: 'fail', name: 'gateway' });
    const reader = await ready(
      family(undefined, { acceptReplicas: true }).connect({ onDisconnect: 'retry', name: 'reader' }),
    );
    expect(await reader.get('a')).toBeNull();
    await until(() => told.length > 0);
    expect(told).toEqual(['read-only: it is a replica']);
    expect(writer.status).not.toBe('ready');
    await admin.replicaof('NO', 'ONE');
    await ready(writer);
  });

  it('stops no worker of BullMQ', async () => {
    const redis = await ready(connections.connect({ onDisconnect: 'retry', name: 'worker' }));
    const done: string[] = [];
    const queue = new Queue('q', { connection: redis });
    const worker = new Worker('q', async (job) => void done.push(job.name), {
      connection: redis,
      drainDelay: 2,
    });
    worker.on('error', () => {});
    try {
      await queue.add('one', {});
      await until(() => done.includes('one'));
      await demote();
      const added = queue.add('two', {});
      await until(() => told.length > 0);
      await admin.replicaof('NO', 'ONE');
      await added;
      await until(() => done.includes('two'));
      expect(done).toEqual(['one', 'two']);
    } finally {
      await worker.close();
      await queue.close();
    }
  }, 30_000);
});

describe('a connection that is open, and on which nothing more comes', () => {
  const REPLACED_WITHIN_MS = 25_000;
  const names = async () =>
    [...((await admin.client('LIST')) as string).matchAll(/ name=(\S+)/g)].map(([, name]) => name);

  it('is replaced where nothing is under way, where a command waits, and where it listens; what waited is done', async () => {
    const [idle, asking, listening] = ['idle', 'asking', 'listening'].map((name) =>
      connections.connect({ onDisconnect: 'retry', name }),
    );
    await Promise.all([idle!, asking!, listening!].map(ready));
    await listening!.subscribe('channel');
    const streams = [idle!, asking!, listening!].map(({ stream }) => stream);
    proxy.strand();
    const asked = asking!.incr('a');
    expect(await asked).toBe(1);
    await until(
      () =>
        [idle!, asking!, listening!].every(
          ({ stream, status }, i) => stream !== streams[i] && status === 'ready',
        ),
      REPLACED_WITHIN_MS,
    );
    await until(
      async () =>
        (await names()).includes('rekey:listening') && Number(await admin.publish('channel', 'hello')) > 0,
    );
    // The idle ones are asked first whether anything comes, and given up when the other one is back.
    expect(told.filter((line) => line !== 'back')).toEqual(
      ['incr', 'ping'].map((name) => `unreachable: Redis has not answered ${name} for 5000 ms`),
    );
    expect(told.at(-1)).toBe('back');
  }, 40_000);

  it('fails what waits on one that answers callers', async () => {
    const redis = await ready(connections.connect({ onDisconnect: 'fail', name: 'gateway' }));
    const { stream } = redis;
    proxy.strand();
    const failures = Promise.allSettled([redis.incr('a'), redis.pipeline().incr('a').exec()]);
    const [single, piped] = await failures;
    expect(isRedisUnavailable((single as PromiseRejectedResult).reason)).toBe(true);
    expect(
      (piped as PromiseFulfilledResult<[Error, unknown][]>).value.map(([error]) => isRedisUnavailable(error)),
    ).toEqual([true]);
    await until(() => redis.stream !== stream && redis.status === 'ready');
    expect(await redis.incr('b')).toBe(1);
  }, 30_000);

  it('is replaced also where a read blocks, and not before its time', async () => {
    const redis = await ready(connections.connect({ onDisconnect: 'retry', name: 'reader' }));
    const { stream } = redis;
    expect(await redis.xread('BLOCK', 7000, 'STREAMS', 's', '$')).toBeNull();
    expect(redis.stream).toBe(stream);
    proxy.strand();
    const read = redis.xread('BLOCK', 1000, 'STREAMS', 's', '0');
    await sleep(100);
    await admin.xadd('s', '*', 'a', '1');
    expect(await read).not.toBeNull();
    expect(redis.stream).not.toBe(stream);
  }, 40_000);

  it('is replaced where BullMQ waits for a job', async () => {
    const redis = await ready(connections.connect({ onDisconnect: 'retry', name: 'worker' }));
    const done: string[] = [];
    const worker = new Worker('q', async (job) => void done.push(job.name), { connection: redis });
    worker.on('error', () => {});
    const queue = new Queue('q', { connection: admin });
    try {
      await queue.add('one', {});
      await until(() => done.includes('one'));
      await until(async () => /cmd=bzpopmin/.test((await admin.client('LIST')) as string));
      proxy.strand();
      await queue.add('two', {});
      await until(() => done.includes('two'), REPLACED_WITHIN_MS);
      expect(done).toEqual(['one', 'two']);
    } finally {
      await worker.close();
      await queue.close();
    }
  }, 50_000);

  it('is given up in the handshake too', async () => {
    proxy.stall(true);
    const redis = connections.connect({ onDisconnect: 'retry', name: 'worker' });
    await until(() => told.length > 0);
    expect(told[0]).toMatch(/^unreachable: Redis has not answered hello/);
    proxy.stall(false);
    await ready(redis);
  }, 30_000);

  it('is asked for a sign of life once in five seconds at the most, and kept where it gives one', async () => {
    const redis = await ready(connections.connect({ onDisconnect: 'retry', name: 'worker' }));
    const { stream } = redis;
    const pings = async () =>
      Number(/cmdstat_ping:calls=(\d+)/.exec(await admin.info('commandstats'))?.[1] ?? 0);
    const before = await pings();
    await sleep(11_500);
    expect((await pings()) - before).toBeLessThanOrEqual(2);
    expect((await pings()) - before).toBeGreaterThan(0);
    expect(redis.stream).toBe(stream);
    expect(told).toEqual([]);
  }, 30_000);
});

describe('a command that takes longer than the deadline to arrive', () => {
  it.each([
    ['and leaves the process slowly', 24_000_000, 2_000_000],
    ['and waits in buffers on the way', 3_000_000, 400_000],
  ])(
    'is sent once, on one connection: %s',
    async (_how, bytes, bytesPerSecond) => {
      const redis = await ready(connections.connect({ onDisconnect: 'retry', name: 'worker' }));
      const { stream } = redis;
      proxy.throttle(bytesPerSecond);
      const began = performance.now();
      expect(await redis.append('a', 'x'.repeat(bytes))).toBe(bytes);
      // Else the deadline was not at stake.
      expect(performance.now() - began).toBeGreaterThan(5000);
      expect(redis.stream).toBe(stream);
      expect(told).toEqual([]);
    },
    60_000,
  );

  it('is given up when no more of it can be sent', async () => {
    const redis = await ready(connections.connect({ onDisconnect: 'retry', name: 'worker' }));
    proxy.strand();
    const appended = redis.append('a', 'x'.repeat(1_000_000));
    expect(await appended).toBe(1_000_000);
    expect(told[0]).toMatch(/^unreachable: Redis has not answered append for \d+ ms$/);
  }, 40_000);
});

describe('a Redis that cannot be used as it is set up', () => {
  const refused = async (url: string): Promise<Redis> => {
    const redis = family(url).connect({ onDisconnect: 'retry', name: 'worker' });
    await until(() => told.length > 0);
    return redis;
  };
  const start = async (...args: string[]): Promise<RedisServer> => {
    const other = await startRedis({ args });
    others.push(other);
    return other;
  };

  it('is refused where it has no such database, and nothing is done in another one', async () => {
    const redis = await refused(`${server.url}/99`);
    expect(told).toEqual([
      expect.stringContaining(`refused at start: REDIS_URL: 127.0.0.1:${server.port} has no database 99`),
    ]);
    void redis.set('a', '1').catch(() => {});
    // As long as several tries take.
    await sleep(500);
    expect(redis.status).not.toBe('ready');
    expect(await admin.dbsize()).toBe(0);
  });

  it('is refused where it is another one than before, with fewer databases; and taken when that is mended', async () => {
    const listenPort = proxy.port;
    const redis = await ready(
      family(`redis://127.0.0.1:${listenPort}/7`).connect({ onDisconnect: 'retry', name: 'worker' }),
    );
    const small = await start('--databases', '1');
    await proxy.close();
    proxy = await createTcpProxy({ port: small.port, listenPort });
    const written = redis.set('a', '1');
    await until(() => told.some((line) => line.startsWith('refused:')));
    expect(told.find((line) => line.startsWith('refused:'))).toContain('has no database 7');
    await proxy.close();
    proxy = await createTcpProxy({ port: server.port, listenPort });
    expect(await written).toBe('OK');
    await admin.select(7);
    expect(await admin.get('a')).toBe('1');
    const there = new Redis(small.url);
    opened.push(there);
    expect(await there.dbsize()).toBe(0);
  });

  it.each([
    ['', 'NOAUTH'],
    [':hunter3@', 'WRONGPASS'],
    ['nobody:hunter2@', 'WRONGPASS'],
  ])('is refused where it does not accept the user or the password: %s', async (credentials, code) => {
    await admin.config('SET', 'requirepass', 'hunter2');
    await refused(`redis://${credentials}127.0.0.1:${server.port}`);
    expect(told).toEqual([expect.stringContaining(`(${code})`)]);
    expect(told[0]).not.toContain('hunter');
  });

  it('keeps what waits where the password is changed under it, until it fits again', async () => {
    await admin.config('SET', 'requirepass', 'hunter2');
    const redis = await ready(
      family(`redis://:hunter2@127.0.0.1:${proxy.port}`).connect({ onDisconnect: 'retry', name: 'worker' }),
    );
    await admin.config('SET', 'requirepass', 'hunter3');
    proxy.cut();
    const written = redis.set('a', '1');
    await until(() => told.some((line) => line.startsWith('refused: ')));
    await admin.config('SET', 'requirepass', 'hunter2');
    expect(await written).toBe('OK');
  });

  it.each([
    ['a node of a cluster', ['--cluster-enabled', 'yes'], 'Redis Cluster'],
    ['a Sentinel', ['--sentinel'], 'Sentinel'],
  ])('is refused as %s, whatever database is asked for', async (_what, args, complaint) => {
    // A Sentinel takes no other argument, and a file of its own.
    const other =
      args[0] === '--sentinel' ? await startRedis({ sentinel: true }) : await startRedis({ args });
    others.push(other);
    await refused(other.url);
    await refused(`${other.url}/1`);
    expect(told[0]).toContain(complaint);
    expect(told.at(-1)).toContain(complaint);
  });
});

describe('a Redis that has no room for a connection', () => {
  it('is quoted, also if the connection was cut before, and once', async () => {
    const redis = await ready(connections.connect({ onDisconnect: 'retry', name: 'worker' }));
    await admin.config('SET', 'maxclients', '1');
    proxy.cut();
    await until(() => told.some((line) => line.includes('max number of clients')));
    const before = await rejected();
    await until(async () => (await rejected()) >= before + 3);
    expect(told.filter((line) => line.includes('max number of clients'))).toEqual([
      'unreachable: ERR max number of clients reached',
    ]);
    await admin.config('SET', 'maxclients', '100');
    await ready(redis);
    expect(told.at(-1)).toBe('back');
  });
  const rejected = async (): Promise<number> =>
    Number(/rejected_connections:(\d+)/.exec(await admin.info('stats'))![1]);
});

describe('disconnect', () => {
  it.each(['refused', 'read-only'])(
    'answers what waits also between two tries: %s',
    async (why) => {
      const redis = await ready(connections.connect({ onDisconnect: 'retry', name: 'worker' }));
      const blocked = redis
        .xread('BLOCK', 20_000, 'STREAMS', 's', '$')
        .catch((error: Error) => error.message);
      if (why === 'refused') proxy.refuse(true);
      else await demote();
      const waiting = redis.get('a').catch((error: Error) => error.message);
      if (why === 'read-only') void redis.set('a', '1').catch(() => {});
      // Longer than the first tries.
      await until(() => told.length > 0);
      await sleep(500);
      await until(() => redis.status === 'reconnecting');
      redis.disconnect();
      expect(await Promise.all([blocked, waiting])).toEqual([
        'Connection is closed.',
        'Connection is closed.',
      ]);
      expect(redis.status).toBe('end');
    },
    20_000,
  );
});

describe('closeUnresponsive', () => {
  it('closes nothing while Redis can be used, or while something is held that would be lost', async () => {
    const redis = await ready(connections.connect({ onDisconnect: 'retry', name: 'worker' }));
    let holds = true;
    connections.closeUnresponsive({ hasUnsavedResults: () => holds, afterMs: 200 });
    await sleep(500);
    expect(await redis.ping()).toBe('PONG');
    proxy.refuse(true);
    const waiting = redis.get('a').catch((error: Error) => error.message);
    await sleep(500);
    expect(redis.status).not.toBe('end');
    holds = false;
    expect(await waiting).toBe('Connection is closed.');
  });

  it('closes a connection that cannot be made while another one answers, and leaves that one open', async () => {
    const usable = await ready(connections.connect({ onDisconnect: 'retry', name: 'usable' }));
    await admin.config('SET', 'maxclients', '2');
    const redis = connections.connect({ onDisconnect: 'retry', name: 'worker' });
    const waiting = redis.get('a').catch((error: Error) => error.message);
    await until(() => told.length > 0);
    connections.closeUnresponsive();
    expect(await waiting).toBe('Connection is closed.');
    expect(redis.status).toBe('end');
    expect(await usable.ping()).toBe('PONG');
  });

  it('closes all connections to a Redis that is frozen, also those that block, before the deadline of an answer', async () => {
    const [asking, blocking] = await Promise.all(
      ['asking', 'blocking'].map((name) => ready(connections.connect({ onDisconnect: 'retry', name }))),
    );
    const blocked = blocking!
      .xread('BLOCK', 60_000, 'STREAMS', 's', '$')
      .catch((error: Error) => error.message);
    server.freeze();
    connections.closeUnresponsive();
    try {
      expect(await asking!.get('a').catch((error: Error) => error.message)).toBe('Connection is closed.');
      expect(await blocked).toBe('Connection is closed.');
      // Nobody had noticed it by then: that takes 5 s.
      expect(told.filter((line) => line.includes('has not answered'))).toEqual([]);
    } finally {
      server.thaw();
    }
  });

  it('leaves a connection open that blocks for longer while Redis answers on another one', async () => {
    const [asking, blocking] = await Promise.all(
      ['asking', 'blocking'].map((name) => ready(connections.connect({ onDisconnect: 'retry', name }))),
    );
    const read = blocking!.xread('BLOCK', 20_000, 'STREAMS', 's', '$');
    connections.closeUnresponsive({ afterMs: 1000 });
    await sleep(2500);
    await admin.xadd('s', '*', 'a', '1');
    expect(await read).not.toBeNull();
    expect([asking!.status, blocking!.status]).toEqual(['ready', 'ready']);
  });
});

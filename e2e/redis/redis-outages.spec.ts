import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type App,
  baseEnvironment,
  createTcpProxy,
  type RedisServer,
  programArguments,
  startChild,
  startRedis,
  type TcpProxy,
} from '@rekey/testing';
import { Redis } from 'ioredis';
import { refusal } from '../support/refusal.ts';
import { useCleanup } from '../support/cleanup.ts';
import { startRekey, type RekeyOptions } from '../support/rekey.ts';
import {
  connect,
  eventually,
  proxyTo,
  startSystem,
  type System,
  type SystemOptions,
} from '../support/system.ts';

const cleanUp = useCleanup();

/** Starts a system whose processes reach Redis through a proxy. */
const startBehindProxy = async (options: SystemOptions = {}) => {
  const redisServer = await startRedis();
  const front = await proxyTo(redisServer.url);
  cleanUp(
    () => redisServer.dispose(),
    async () => proxy.close(),
  );
  let proxy: TcpProxy = front;
  const system = await startSystem({ ...options, timing: { REDIS_URL: front.url, ...options.timing } });
  cleanUp(() => system.stop());
  return {
    system,
    redisServer,
    url: front.url,
    proxy: () => proxy,
    /** Changes the target of the proxy. */
    leadTo: async (port: number) => {
      await proxy.close();
      proxy = await createTcpProxy({ port, listenPort: front.port });
    },
  };
};
const connected = (url: string): Redis => {
  const redis = new Redis(url);
  redis.on('error', () => {});
  cleanUp(async () => redis.disconnect());
  return redis;
};
const started = async (server: Promise<RedisServer>): Promise<RedisServer> => {
  const redis = await server;
  cleanUp(() => redis.dispose());
  return redis;
};
const rekeyOn = (system: System, args: string[], options?: RekeyOptions) =>
  startRekey(system, args, options).result;
const serving = (system: System) => system.client.health().catch(() => 'UNKNOWN');
const countOf = (text: string, app: App): number => app.output().split(text).length - 1;

describe('a Redis that becomes a replica and keeps its clients', () => {
  it('is left for the new primary without a restart; health reports it, and no key is lost', async () => {
    const { system, redisServer, leadTo } = await startBehindProxy({
      simulator: ['--latency-ms', '2500'],
      worker: {
        INVENT_TIMEOUT_MS: '5000',
        REKEY_LANDING_WINDOW_MS: '5000',
        WORKER_HEALTH_ADDRESS: '127.0.0.1:0',
      },
    });
    const old = connected(redisServer.url);
    const other = await started(
      startRedis({
        args: ['--replicaof', '127.0.0.1', String(redisServer.port), '--repl-diskless-sync-delay', '0'],
      }),
    );
    const promoted = connected(other.url);
    await eventually(
      () => old.wait(1, 100),
      (confirmed) => confirmed === 1,
    );
    await eventually(
      () => serving(system),
      (status) => status === 'SERVING',
    );
    const { id } = await system.rotate('ast_1');
    // A replica lags behind its primary, and loses what it has not received when it is promoted.
    await eventually(
      () => promoted.hget(`{rekey}:rotation:${id}`, 'state'),
      (state) => state === 'ROTATING',
    );

    await promoted.replicaof('NO', 'ONE');
    await old.replicaof('127.0.0.1', other.port);
    await eventually(
      () => serving(system),
      (status) => status === 'NOT_SERVING',
    );
    await eventually(
      () => system.admin('GET', '/assistants/ast_1'),
      ({ rotations }) => rotations === 1,
    );
    await leadTo(other.port);

    await eventually(
      () => promoted.hget(`{rekey}:rotation:${id}`, 'state'),
      (state) => state === 'SUCCEEDED',
      30_000,
    );
    await eventually(
      () => serving(system),
      (status) => status === 'SERVING',
    );
    expect(JSON.parse((await promoted.get('{rekey}:current:ast_1'))!)).toMatchObject({
      data: { cause: 'rotation' },
    });
    expect((await system.admin('GET', '/counts')).rotate).toBe(1);
    const again = await system.rotate('ast_2');
    expect(await system.waitFor(again.id)).toMatchObject({ state: 'SUCCEEDED' });
    expect(countOf('"event":"redis_read_only"', system.gateway)).toBeGreaterThan(0);
    expect(system.gateway.output()).toContain('NOT_SERVING: Redis accepts no writes');
    expect(system.output()).toContain('"event":"redis_available"');
  });

  it('is used again once it is a primary again', async () => {
    const { system, redisServer } = await startBehindProxy();
    const admin = connected(redisServer.url);
    const other = await started(
      startRedis({
        args: ['--replicaof', '127.0.0.1', String(redisServer.port), '--repl-diskless-sync-delay', '0'],
      }),
    );
    await eventually(
      () => admin.wait(1, 100),
      (confirmed) => confirmed === 1,
    );
    await connected(other.url).replicaof('NO', 'ONE');
    await admin.replicaof('127.0.0.1', other.port);
    await eventually(
      () => serving(system),
      (status) => status === 'NOT_SERVING',
    );
    await admin.replicaof('NO', 'ONE');
    await eventually(
      () => serving(system),
      (status) => status === 'SERVING',
    );
    expect(await system.rotateAndWait('ast_1')).toMatchObject({ state: 'SUCCEEDED' });
  });
});

describe('stranded connections', () => {
  it('are replaced in gateway and worker, and rotations continue', async () => {
    const { system, proxy } = await startBehindProxy();
    expect(await system.rotateAndWait('ast_1')).toMatchObject({ state: 'SUCCEEDED' });
    proxy().strand();
    await eventually(
      () => serving(system),
      (status) => status === 'NOT_SERVING',
    );
    const { id } = await eventually(
      () => system.rotate('ast_2').catch(() => ({ id: '' })),
      (rotation) => rotation.id !== '',
      30_000,
    );
    expect(await system.waitFor(id, 30)).toMatchObject({ state: 'SUCCEEDED' });
    await eventually(
      () => serving(system),
      (status) => status === 'SERVING',
    );
    await eventually(
      async () => countOf('"event":"redis_available"', system.gateway),
      (times) => times > 0,
    );
    expect(system.gateway.output()).toContain('Redis has not answered');
  });

  it('are replaced in rekey events', async () => {
    const { system, redisServer, proxy, url } = await startBehindProxy();
    const following = startRekey(system, ['events', '--count', '1', '--json', '--redis', url]);
    const admin = connected(redisServer.url);
    await eventually(
      async () => String(await admin.client('LIST')),
      (clients) => /name=rekey:cli-events .*cmd=xread/.test(clients),
    );
    proxy().strand();
    await following.untilErr(/Redis is unavailable/);
    await eventually(
      () => system.rotate('ast_1').catch(() => undefined),
      (rotation) => rotation !== undefined,
      30_000,
    );
    const { code, err } = await following.result;
    expect(code).toBe(0);
    expect(err.match(/Redis is unavailable/g)).toHaveLength(1);
  });

  it('are replaced by a client of the gateway', async () => {
    const system = await startSystem({ worker: false });
    cleanUp(() => system.stop());
    const front = await proxyTo(`http://${system.gateway.ready['address']}`);
    cleanUp(() => front.close());
    const client = connect(`127.0.0.1:${front.port}`);
    cleanUp(async () => client.close());
    const answers = () =>
      client.getStatus({ deadlineMs: 2000 }).then(
        () => true,
        () => false,
      );
    expect(await answers()).toBe(true);
    front.strand();
    expect(await answers()).toBe(false);
    await eventually(answers, (answered) => answered, 40_000);
  });

  it('end a watch of a bulk rotation, which continues on another connection', async () => {
    const system = await startSystem({ worker: false });
    cleanUp(() => system.stop());
    const gateway = await proxyTo(`http://${system.gateway.ready['address']}`);
    cleanUp(() => gateway.close());
    const bulk = await system.client.createBulkRotation({ orgId: 'org_demo', assistantIds: ['ast_1'] });
    const watching = startRekey(system, [
      'bulk',
      'watch',
      bulk.id,
      '--json',
      '--gateway',
      `127.0.0.1:${gateway.port}`,
    ]);
    await watching.untilOut(/"state":/);
    gateway.strand();
    await system.startWorker();
    const { code, json } = await watching.result;
    expect(json().at(-1)).toMatchObject({ state: 'COMPLETED' });
    expect(code).toBe(0);
  });
});

describe('a Redis that does not answer', () => {
  it('does not block rekey events or doctor', async () => {
    const system = await startSystem({ worker: false });
    cleanUp(() => system.stop());
    const silent = await proxyTo(system.redisServer.url);
    cleanUp(() => silent.close());
    silent.stall(true);
    const [events, doctor] = await Promise.all([
      rekeyOn(system, ['events', '--redis', silent.url]),
      rekeyOn(system, ['doctor', '--json'], { env: { REDIS_URL: silent.url } }),
    ]);
    expect(events).toMatchObject({ code: 2, err: expect.stringContaining('Redis does not answer') });
    expect(doctor.json().find(({ check }) => check === 'redis')).toMatchObject({
      status: 'fail',
      message: expect.stringContaining('does not answer'),
    });
  });
});

describe('SIGTERM while Redis is away', () => {
  const TOO_LONG = 'shutdown_timed_out';

  it.each(['refuses', 'says nothing'])(
    'ends idle processes with 0 in seconds: Redis %s',
    async (how) => {
      const { system, proxy } = await startBehindProxy({ worker: false });
      const worker = await system.startWorker();
      expect(await system.rotateAndWait('ast_1')).toMatchObject({ state: 'SUCCEEDED' });
      if (how === 'refuses') proxy().refuse(true);
      else proxy().stall(true);
      await Promise.all([worker, system.gateway].map((app) => app.untilOutput(/redis_unavailable/)));
      // The deadline of the shutdown is 45 s.
      expect(await Promise.all([worker.child.stop(30_000), system.gateway.child.stop(30_000)])).toEqual([
        0, 0,
      ]);
      expect(worker.output() + system.gateway.output()).not.toContain(TOO_LONG);
    },
    90_000,
  );

  it.each<[string, (redis: Redis, server: RedisServer) => Promise<unknown>]>([
    ['is frozen', async (_redis, server) => server.freeze()],
    [
      'takes no further connection, and has closed some',
      async (redis) => {
        await redis.config('SET', 'maxclients', '3');
        await redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      },
    ],
  ])(
    'ends a process with 0 before Docker kills it, if Redis %s',
    async (_what, act) => {
      const { system, redisServer } = await startBehindProxy();
      const worker = system.worker!;
      await system.rotateAndWait('ast_1');
      await act(connected(redisServer.url), redisServer);
      try {
        // The default timeout of `docker stop`.
        expect(await Promise.all([worker.child.stop(10_000), system.gateway.child.stop(10_000)])).toEqual([
          0, 0,
        ]);
      } finally {
        redisServer.thaw();
      }
    },
    90_000,
  );

  it.each(['worker', 'gateway'] as const)(
    'ends a process with 0 that never reached Redis: %s',
    async (app) => {
      const system = await startSystem({ worker: false });
      cleanUp(() => system.stop());
      const child = startChild(process.execPath, programArguments(app), {
        env: { ...baseEnvironment(), ...system.environment, REDIS_URL: 'redis://127.0.0.1:1' },
      });
      let text = '';
      child.process.stdout?.on('data', (chunk) => (text += chunk));
      child.process.stderr?.on('data', (chunk) => (text += chunk));
      await eventually(
        async () => text,
        (said) => said.includes('redis_unavailable'),
        30_000,
      );
      expect(await child.stop(30_000)).toBe(0);
      expect(text).not.toContain(TOO_LONG);
    },
    60_000,
  );

  it('waits for Redis if the worker holds an unpublished key, and publishes it', async () => {
    const { system, proxy } = await startBehindProxy({
      simulator: ['--latency-ms', '2500'],
      worker: false,
      timing: { INVENT_TIMEOUT_MS: '5000', REKEY_LANDING_WINDOW_MS: '5000' },
    });
    const worker = await system.startWorker();
    const { id } = await system.rotate('ast_1');
    await eventually(
      () => system.client.getRotation(id),
      ({ state }) => state === 'ROTATING',
    );
    proxy().refuse(true);
    worker.child.signal('SIGTERM');
    let ended = false;
    void worker.child.exited.then(() => (ended = true));
    await eventually(
      () => system.admin('GET', '/assistants/ast_1'),
      ({ rotations }) => rotations === 1,
    );
    // Longer than a worker without such a key takes.
    await sleep(6000);
    expect(ended).toBe(false);
    proxy().refuse(false);
    expect(await worker.child.exited).toMatchObject({ code: 0 });
    expect(
      await eventually(
        () => system.client.getRotation(id).catch(() => undefined),
        (rotation) => rotation !== undefined,
      ),
    ).toMatchObject({ state: 'SUCCEEDED', cause: 'ROTATION' });
  });
});

describe('an unusable configuration of Redis', () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ worker: false });
  });
  afterAll(() => system.stop());

  const refusals = async (url: string) => {
    const env = { ...system.environment, REDIS_URL: url };
    const apps = await Promise.all((['gateway', 'worker'] as const).map((app) => refusal(app, env)));
    const [events, doctor] = await Promise.all([
      rekeyOn(system, ['events', '--count', '1'], { env: { REDIS_URL: url } }),
      rekeyOn(system, ['doctor', '--json'], {
        env: { ...env, GRPC_ADDRESS: system.gateway.ready['address']! },
      }),
    ]);
    return {
      apps,
      events,
      doctor: doctor
        .json()
        .filter(({ status }) => status === 'fail')
        .map(({ message }) => message as string),
    };
  };

  it.each<[string, () => Promise<string>, string]>([
    ['no such database', async () => `${(await started(startRedis())).url}/99`, 'has no database 99'],
    [
      'a cluster',
      async () => (await started(startRedis({ args: ['--cluster-enabled', 'yes'] }))).url,
      'Redis Cluster',
    ],
    ['a Sentinel', async () => (await started(startRedis({ sentinel: true }))).url, 'is a Sentinel'],
    [
      'a wrong password',
      async () => {
        const server = await started(startRedis());
        await connected(server.url).config('SET', 'requirepass', 'hunter2');
        return server.url.replace('//', '//:hunter3@');
      },
      'WRONGPASS',
    ],
  ])(
    'is refused by gateway, worker, rekey events and rekey doctor: %s',
    async (_what, start, complaint) => {
      const { apps, events, doctor } = await refusals(await start());
      for (const { code, text } of apps) {
        expect(code).toBe(1);
        expect(text).toContain('REDIS_URL');
        expect(text).toContain(complaint);
        expect(text).not.toContain('hunter');
      }
      expect(events).toMatchObject({ code: 1, err: expect.stringContaining(complaint) });
      expect(doctor).toEqual([expect.stringContaining(complaint)]);
    },
    90_000,
  );

  it('is refused with its name if the URL has no database number', async () => {
    const { apps, events, doctor } = await refusals('redis://127.0.0.1:1/hunter2');
    for (const { code, text } of apps) {
      expect(code).toBe(1);
      expect(text).toContain('REDIS_URL: must end with the number of a database');
      expect(text).not.toContain('hunter');
    }
    expect(events).toMatchObject({
      code: 1,
      err: expect.stringContaining('REDIS_URL must end with the number of a database'),
    });
    expect(doctor).toEqual([expect.stringContaining('REDIS_URL: must end with the number of a database')]);
  });

  it('is found by rekey doctor if Redis is a replica', async () => {
    const primary = await started(startRedis());
    const replica = await started(startRedis({ args: ['--replicaof', '127.0.0.1', String(primary.port)] }));
    await eventually(
      () => serving(system),
      (status) => status === 'SERVING',
    );
    const doctor = await rekeyOn(system, ['doctor', '--json'], {
      env: { ...system.environment, REDIS_URL: replica.url, GRPC_ADDRESS: system.gateway.ready['address']! },
    });
    expect(doctor.code).toBe(1);
    const failed = doctor.json().filter(({ status }) => status === 'fail');
    expect(failed).toEqual([
      expect.objectContaining({
        check: 'redis',
        message: expect.stringContaining('refuses writes (READONLY)'),
        advice: expect.stringContaining('primary'),
      }),
    ]);
  });
});

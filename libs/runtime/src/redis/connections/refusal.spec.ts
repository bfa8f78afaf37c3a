import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startRedis } from '@rekey/testing';
import type { Redis } from 'ioredis';
import { openStage, type Stage } from './connections-fixture.ts';

let stage: Stage;
beforeEach(async () => {
  stage = await openStage();
});
afterEach(() => stage.close());

describe('a Redis that cannot be used as configured', () => {
  const refused = async (url: string): Promise<Redis> => {
    const redis = stage.connectionsTo(url).connect({ onDisconnect: 'retry', name: 'worker' });
    await stage.until(() => stage.reported.length > 0);
    return redis;
  };

  it('is refused if it lacks the database of the URL; no command runs in another database', async () => {
    const redis = await refused(`${stage.server.url}/99`);
    expect(stage.reported).toEqual([
      expect.stringContaining(
        `refused at start: REDIS_URL: 127.0.0.1:${stage.server.port} has no database 99`,
      ),
    ]);
    void redis.set('a', '1').catch(() => {});
    // Time for several attempts to connect.
    await sleep(500);
    expect(redis.status).not.toBe('ready');
    expect(await stage.admin.dbsize()).toBe(0);
  });

  it('is refused if it replaces another Redis and has fewer databases, until that is fixed', async () => {
    const listenPort = stage.proxy.port;
    const redis = await stage.ready(
      stage
        .connectionsTo(`redis://127.0.0.1:${listenPort}/7`)
        .connect({ onDisconnect: 'retry', name: 'worker' }),
    );
    const small = await stage.start('--databases', '1');
    await stage.redirect(small.port);
    const written = redis.set('a', '1');
    await stage.until(() => stage.reported.some((line) => line.startsWith('refused:')));
    expect(stage.reported.find((line) => line.startsWith('refused:'))).toContain('has no database 7');
    await stage.redirect(stage.server.port);
    expect(await written).toBe('OK');
    await stage.admin.select(7);
    expect(await stage.admin.get('a')).toBe('1');
    const there = stage.open(small.url);
    expect(await there.dbsize()).toBe(0);
  });

  it.each([
    ['', 'NOAUTH'],
    [':hunter3@', 'WRONGPASS'],
    ['nobody:hunter2@', 'WRONGPASS'],
  ])('is refused if it rejects the user or password: %s', async (credentials, code) => {
    await stage.admin.config('SET', 'requirepass', 'hunter2');
    await refused(`redis://${credentials}127.0.0.1:${stage.server.port}`);
    expect(stage.reported).toEqual([expect.stringContaining(`(${code})`)]);
    expect(stage.reported[0]).not.toContain('hunter');
  });

  it('keeps pending commands when its password changes, until it accepts the password again', async () => {
    await stage.admin.config('SET', 'requirepass', 'hunter2');
    const redis = await stage.ready(
      stage
        .connectionsTo(`redis://:hunter2@127.0.0.1:${stage.proxy.port}`)
        .connect({ onDisconnect: 'retry', name: 'worker' }),
    );
    await stage.admin.config('SET', 'requirepass', 'hunter3');
    stage.proxy.cut();
    const written = redis.set('a', '1');
    await stage.until(() => stage.reported.some((line) => line.startsWith('refused: ')));
    await stage.admin.config('SET', 'requirepass', 'hunter2');
    expect(await written).toBe('OK');
  });

  it.each([
    ['a node of a cluster', ['--cluster-enabled', 'yes'], 'Redis Cluster'],
    ['a Sentinel', ['--sentinel'], 'Sentinel'],
  ])('is refused if it is %s, with any database number', async (_what, args, complaint) => {
    // A Sentinel accepts no other argument, and needs a file of its own.
    const other =
      args[0] === '--sentinel' ? await startRedis({ sentinel: true }) : await startRedis({ args });
    stage.own(other);
    await refused(other.url);
    await refused(`${other.url}/1`);
    expect(stage.reported[0]).toContain(complaint);
    expect(stage.reported.at(-1)).toContain(complaint);
  });
});

describe('a Redis that has reached its client limit', () => {
  it('is reported once with its reply, even if the connection was cut before', async () => {
    const redis = await stage.ready(stage.connections.connect({ onDisconnect: 'retry', name: 'worker' }));
    await stage.admin.config('SET', 'maxclients', '1');
    stage.proxy.cut();
    await stage.until(() => stage.reported.some((line) => line.includes('max number of clients')));
    const before = await stage.stat('rejected_connections');
    await stage.until(async () => (await stage.stat('rejected_connections')) >= before + 3);
    expect(stage.reported.filter((line) => line.includes('max number of clients'))).toEqual([
      'unreachable: ERR max number of clients reached',
    ]);
    await stage.admin.config('SET', 'maxclients', '100');
    await stage.ready(redis);
    expect(stage.reported.at(-1)).toBe('available');
  });
});

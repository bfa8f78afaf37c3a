import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { startRedis, type RedisServer } from '@rekey/testing';
import type { Command, Redis } from 'ioredis';
import { silentLogger } from '../logging/spec-loggers.ts';
import { createRedisConnections } from './connections/connections.ts';
import { logRedisStatus } from './log-redis-status.ts';

let server: RedisServer;
let redis: Redis;
const sent: Command[] = [];
beforeAll(async () => {
  server = await startRedis();
  redis = createRedisConnections(server.url, {
    listener: logRedisStatus(server.url, silentLogger),
  }).connect({ onDisconnect: 'fail', name: 'spec' });
  await once(redis, 'ready');
  const send = redis.sendCommand.bind(redis);
  redis.sendCommand = (command, stream) => {
    sent.push(command as Command);
    return send(command, stream);
  };
});
beforeEach(() => void sent.splice(0));
afterAll(async () => {
  redis.disconnect();
  await server.dispose();
});

it('frees the arguments of a command that was answered, and keeps those of a refused one', async () => {
  await redis.set('a', 'long');
  await expect(redis.hget('a', 'field')).rejects.toThrow('WRONGTYPE');
  expect(sent.map(({ name, args }) => [name, args])).toEqual([
    ['set', []],
    ['hget', ['a', 'field']],
  ]);
});

it('changes nothing about scripts, pipelines and transactions', async () => {
  redis.defineCommand('echoed', { numberOfKeys: 1, lua: 'return {KEYS[1], ARGV[1]}' });
  const echoed = (redis as unknown as { echoed(...args: string[]): Promise<string[]> }).echoed.bind(redis);
  expect(await Promise.all(['b', 'c'].map((value) => echoed('a', value)))).toEqual([
    ['a', 'b'],
    ['a', 'c'],
  ]);
  await redis.script('FLUSH');
  expect(await echoed('a', 'd')).toEqual(['a', 'd']);
  expect(await redis.pipeline().set('x', '1').hset('h', { f: 'v' }).hgetall('h').exec()).toEqual([
    [null, 'OK'],
    [null, 1],
    [null, { f: 'v' }],
  ]);
  expect(await redis.multi().set('x', '2').hgetall('h').get('x').exec()).toEqual([
    [null, 'OK'],
    [null, { f: 'v' }],
    [null, '2'],
  ]);
});

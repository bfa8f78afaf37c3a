import { once } from 'node:events';
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { startRedis, type RedisServer } from '@rekey/testing';
import type { Command, Redis } from 'ioredis';
import { silentLogger } from '../logging/spec-loggers.ts';
import { logRedisStatus } from './log-redis-status.ts';
import { createRedisConnections } from './connections/connections.ts';

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
afterAll(async () => {
  redis.disconnect();
  await server.dispose();
});

it('clears the timeout of a command that has ended, and keeps its property', async () => {
  const cleared = jest.spyOn(globalThis, 'clearTimeout');
  const answer = redis.get('a');
  const [command] = sent as unknown as Record<string, NodeJS.Timeout | undefined>[];
  const timer = command!['_commandTimeoutTimer'];
  expect(timer).toBeDefined();
  await answer;
  expect(cleared).toHaveBeenCalledWith(timer);
  expect(command).toHaveProperty('_commandTimeoutTimer', undefined);
});

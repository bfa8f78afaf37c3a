import { EventEmitter } from 'node:events';
import { afterEach, expect, it, jest } from '@jest/globals';
import type { Redis } from 'ioredis';
import { untilConnected } from './redis.ts';

afterEach(() => void jest.useRealTimers());

const connection = (status: string) => Object.assign(new EventEmitter(), { status }) as unknown as Redis;
const isOver = async (waiting: Promise<void>): Promise<boolean> =>
  Promise.race([waiting.then(() => true), Promise.resolve().then(() => Promise.resolve(false))]);

it('a gateway waits for Redis before it serves, and a second if Redis is away', async () => {
  jest.useFakeTimers();
  await untilConnected(connection('ready'));
  const connecting = connection('connecting');
  const waiting = untilConnected(connecting);
  expect(await isOver(waiting)).toBe(false);
  connecting.emit('ready');
  await waiting;
  const away = untilConnected(connection('reconnecting'));
  await jest.advanceTimersByTimeAsync(900);
  expect(await isOver(away)).toBe(false);
  await jest.advanceTimersByTimeAsync(100);
  await away;
});

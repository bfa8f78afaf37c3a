import { afterEach, expect, it, jest } from '@jest/globals';
import { startPresence } from './presence.ts';

const IDENTITY = { id: 'gateway-1', kind: 'gateway', roles: ['serving'], version: '1' };
afterEach(() => void jest.useRealTimers());

it('a process whose first report fails, as before it is connected, reports again soon', async () => {
  jest.useFakeTimers();
  const errors: unknown[] = [];
  let attempts = 0;
  const beat = async (_process: unknown, { leaving = false } = {}) => {
    if (!leaving) attempts += 1;
    if (attempts < 4) throw new Error('not connected');
    return true;
  };
  const presence = startPresence({ beat }, IDENTITY, (error) => errors.push(error));
  await jest.advanceTimersByTimeAsync(400);
  expect([attempts, errors.length]).toEqual([4, 3]);
  await jest.advanceTimersByTimeAsync(1500);
  expect(attempts).toBe(4);
  await presence.close();
});

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createRedisConnections } from '@rekey/runtime';
import { useRedis } from '@rekey/testing/redis-fixture';
import { Redis } from 'ioredis';
import { createEventReader, newestEntry } from './event-reader.ts';

const MIB = 1024 * 1024;
let redis: Redis;
let connection: Redis;
const server = useRedis((url) => (redis = new Redis(url)));
beforeEach(() => {
  const listener = { onAvailable: () => {}, onUnavailable: () => {}, onRefused: () => {} };
  connection = createRedisConnections(server.url(), { listener }).connect({
    onDisconnect: 'retry',
    name: 'cli-events',
  });
});
afterEach(() => connection.disconnect());

const add = (id: string, length: number) =>
  redis.eval(`redis.call('XADD', 'events', '${id}', 'event', string.rep('x', ${length}))`, 0);
const readFrom = async (position: string, count: number) => {
  const read = createEventReader(connection, 'events');
  const found: [string, number][] = [];
  while (found.length < count)
    for (const [id, fields] of await read(found.at(-1)?.[0] ?? position, count - found.length))
      found.push([id, fields[1]!.length]);
  return found;
};

describe('the events of long records', () => {
  it('are all read, although some together exceed a reply', async () => {
    for (const id of ['1-0', '2-0', '3-0']) await add(id, 22 * MIB);
    expect(await readFrom('0', 3)).toEqual([
      ['1-0', 22 * MIB],
      ['2-0', 22 * MIB],
      ['3-0', 22 * MIB],
    ]);
  });

  it('do not hide which entry is the newest', async () => {
    for (const id of ['1-0', '2-0']) await add(id, 22 * MIB);
    expect(await newestEntry(connection, 'events', false)).toBe('2-0');
    expect(await newestEntry(connection, 'events', true)).toBe('1-0');
  });
});

it('an entry that is longer than any of Rekey ends the reading with the position', async () => {
  await add('1-0', 10);
  await add('2-0', 100 * MIB);
  expect(await readFrom('0', 1)).toEqual([['1-0', 10]]);
  await expect(readFrom('1-0', 1)).rejects.toMatchObject({
    message: expect.stringContaining('The stream entry after 1-0 is longer'),
    reason: 'RESPONSE_TOO_LARGE',
  });
});

it('without two entries, the position is the beginning', async () => {
  expect(await newestEntry(connection, 'events', false)).toBe('0');
  await add('1-0', 10);
  expect(await newestEntry(connection, 'events', true)).toBe('0');
});

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openLedger, type Ledger } from '@rekey/ledger';
import { createRedisConnections } from '@rekey/runtime';
import { useRedis } from '@rekey/testing/redis-fixture';
import { Redis } from 'ioredis';

const MIB = 1024 * 1024;
/** The events of records of 16 MiB are about as long. */
const LENGTH = 22 * MIB;
const assistantIds = ['ast_1', 'ast_2', 'ast_3'];
let redis: Redis;
let connection: Redis;
let ledger: Ledger;
const server = useRedis((url) => (redis = new Redis(url)));
beforeEach(() => {
  const listener = { onAvailable: () => {}, onUnavailable: () => {}, onRefused: () => {} };
  connection = createRedisConnections(server.url(), { listener }).connect({
    onDisconnect: 'retry',
    name: 'worker',
  });
  ledger = openLedger(connection, { prefix: 'spec' });
});
afterEach(() => connection.disconnect());

/** Writes an event of a length, and the assistant to the index of an org. */
const publish = async (orgId: string, assistantId: string, length: number) => {
  await redis.setrange(`{spec}:current:${assistantId}`, length - 1, 'x');
  await redis.zadd(`{spec}:assistants:${orgId}`, Date.now(), assistantId);
};
const all = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
};
const lengthOf = (event: string | null) => event && event.length;

describe.each(['org_1', 'c'])('a page of published events of %s', (orgId) => {
  const reads: [string, () => Promise<(string | null)[]>][] = [
    ['currents', () => all(ledger.assistants.currents(assistantIds))],
    [
      'publishedPage',
      async () =>
        (await all((await ledger.assistants.publishedPage(orgId, '0')).events))
          .toSorted((a, b) => (a.assistantId < b.assistantId ? -1 : 1))
          .map(({ event }) => event),
    ],
  ];
  it.each(reads)(
    'is read whole, although all together exceed a reply: %s',
    async (_name, read) => {
      for (const assistantId of assistantIds) await publish(orgId, assistantId, LENGTH);
      expect((await read()).map(lengthOf)).toEqual([LENGTH, LENGTH, LENGTH]);
    },
    60_000,
  );

  it.each(reads)(
    'has no event for an entry of another type, or of a length that Rekey never writes: %s',
    async (_name, read) => {
      await publish(orgId, 'ast_1', 100 * MIB);
      await publish(orgId, 'ast_2', 10);
      await publish(orgId, 'ast_3', 10);
      expect((await read()).map(lengthOf)).toEqual([null, 10, 10]);
      await redis.del('{spec}:current:ast_1');
      await redis.rpush('{spec}:current:ast_1', 'x');
      expect((await read()).map(lengthOf)).toEqual([null, 10, 10]);
    },
    60_000,
  );
});

it('no event of no assistants is read', async () => {
  expect(await all(ledger.assistants.currents([]))).toEqual([]);
});

it('events that are too long together are read one by one, as they are taken', async () => {
  for (const assistantId of assistantIds) await publish('org_1', assistantId, LENGTH);
  await redis.config('RESETSTAT');
  const reads = async () => Number(/^cmdstat_get:calls=(\d+),/m.exec(await redis.info('commandstats'))?.[1]);
  const events = ledger.assistants.currents([...assistantIds, 'ast_none']);
  expect(lengthOf((await events.next()).value ?? null)).toBe(LENGTH);
  expect(await reads()).toBe(4);
  expect((await all(events)).map(lengthOf)).toEqual([LENGTH, LENGTH, null]);
  expect(await reads()).toBeGreaterThan(5);
});

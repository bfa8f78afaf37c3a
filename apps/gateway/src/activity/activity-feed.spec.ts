import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { createActivityFeed, openLedger, type ActivityFeed, type Ledger } from '@rekey/ledger';
import { createRedisConnections, type RedisConnections } from '@rekey/runtime';
import { startRedis, type RedisServer } from '@rekey/testing';
import { Redis } from 'ioredis';

/*
 * On the connections of a gateway, which are replaced when a reply is longer than any that Rekey asks for.
 */

const STREAM = '{spec}:activity';
let server: RedisServer;
let admin: Redis;
let connections: RedisConnections;
let redis: Redis;
let ledger: Ledger;
let feed: ActivityFeed;
let errors: unknown[];
beforeEach(async () => {
  server = await startRedis();
  admin = new Redis(server.url);
  const listener = { onUnavailable: () => {}, onAvailable: () => {}, onRefused: () => {} };
  connections = createRedisConnections(server.url, { listener });
  redis = connections.connect({ onDisconnect: 'fail', name: 'spec' });
  await once(redis, 'ready');
  ledger = openLedger(redis, { prefix: 'spec' });
  errors = [];
  feed = createActivityFeed({
    redis,
    prefix: 'spec',
    connect: () => connections.connect({ onDisconnect: 'retry', name: 'spec-activity' }),
    onError: (error) => errors.push(error),
  });
});
afterEach(async () => {
  await feed.close();
  redis.disconnect();
  admin.disconnect();
  await server.dispose();
});

const add = (fields: Record<string, string>) =>
  admin.xadd(STREAM, '*', ...Object.entries({ type: 'freeze.set', by: 'local', ...fields }).flat());

it('an entry of 100 MB stops neither a list nor a watch, and costs other calls nothing', async () => {
  const leaving = new AbortController();
  const seen: (string | undefined)[] = [];
  let unreadable = 0;
  const watching = (async () => {
    for await (const batch of feed.follow({ signal: leaving.signal })) {
      seen.push(...batch.entries.map(({ record }) => record.reason));
      unreadable += batch.unreadable;
      if (batch.entries.length === 0 && seen.length === 0) await add({ reason: 'before' });
      if (seen.includes('after')) leaving.abort();
    }
  })();
  while (seen.length === 0) await sleep(5);
  await add({ reason: 'x'.repeat(100_000_000) });
  await add({ reason: 'after' });
  const { stream } = redis;
  const calls = Array.from({ length: 20 }, () =>
    ledger.activity.list({ size: 10, newestFirst: true, matches: () => true }),
  );
  for (const { entries, unreadable: passedOver } of await Promise.all(calls)) {
    expect(entries.map(({ record }) => record.reason)).toEqual(['after', 'before']);
    expect(passedOver).toBe(1);
  }
  await watching;
  expect([seen, unreadable, errors]).toEqual([['before', 'after'], 1, []]);
  expect(redis.stream).toBe(stream);
});

import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { useRedis } from '@rekey/testing/redis-fixture';
import { Redis } from 'ioredis';
import { createActivityFeed, type ActivityFeed } from './activity-feed.ts';

const STREAM = '{spec}:activity';
let redis: Redis;
let feed: ActivityFeed;
let errors: unknown[];
let connections: number;
const server = useRedis((url) => (redis = new Redis(url)));
beforeEach(async () => {
  [errors, connections] = [[], 0];
  feed = createActivityFeed({
    redis,
    prefix: 'spec',
    connect: () => {
      connections += 1;
      return new Redis(server.url(), { maxRetriesPerRequest: null });
    },
    onError: (error) => errors.push(error),
  });
});
afterEach(() => feed.close());

const add = (reason: string, id = '*') =>
  redis.xadd(STREAM, id, 'type', 'freeze.set', 'by', 'local', 'reason', reason);

/** A watcher that keeps what it has seen. */
const watch = async (after?: string) => {
  const leaving = new AbortController();
  const seen: string[] = [];
  const state = { seen, unreadable: 0, position: '', ended: undefined as unknown };
  const begun = Promise.withResolvers<void>();
  const run = async () => {
    for await (const { entries, unreadable, position } of feed.follow({ after, signal: leaving.signal })) {
      seen.push(...entries.map(({ record }) => record.reason ?? ''));
      state.unreadable += unreadable;
      state.position = position;
      begun.resolve();
    }
  };
  const ended = run().then(
    () => (state.ended = 'ended'),
    (error: unknown) => (state.ended = error),
  );
  await begun.promise;
  return Object.assign(state, { leave: () => leaving.abort(), whenEnded: ended });
};
const until = async (is: () => boolean): Promise<void> => {
  for (let waited = 0; !is() && waited < 10_000; waited += 5) await sleep(5);
  expect(is()).toBe(true);
};

describe('a feed of activity', () => {
  it('yields what is added from now on, to all watchers, over one connection', async () => {
    await add('before');
    const watchers = [await watch(), await watch(), await watch()];
    await add('one');
    await add('two');
    await until(() => watchers.every(({ seen }) => seen.length === 2));
    expect(watchers.map(({ seen }) => seen)).toEqual(watchers.map(() => ['one', 'two']));
    expect(connections).toBe(1);
  });

  it('yields what was added after a position, and then what follows, each once', async () => {
    const first = await add('1');
    for (let i = 2; i <= 250; i += 1) await add(String(i));
    const watcher = await watch(first!);
    await add('251');
    await until(() => watcher.seen.length >= 250);
    expect(watcher.seen).toEqual(Array.from({ length: 250 }, (_, i) => String(i + 2)));
  });

  it('does not wait for a watcher that is slow, which misses nothing', async () => {
    const quick = await watch();
    const slow = feed.follow({ signal: new AbortController().signal });
    await slow.next();
    const pipeline = redis.pipeline();
    for (let i = 1; i <= 3000; i += 1)
      pipeline.xadd(STREAM, '*', 'type', 'freeze.set', 'by', 'local', 'reason', String(i));
    await pipeline.exec();
    await until(() => quick.seen.length === 3000);
    const seen: string[] = [];
    while (seen.length < 3000) {
      const { value } = await slow.next();
      seen.push(...value!.entries.map(({ record }: { record: { reason?: string } }) => record.reason!));
    }
    expect(seen).toEqual(Array.from({ length: 3000 }, (_, i) => String(i + 1)));
    await slow.return(undefined);
  });

  it('passes over and counts what is no record, also an entry of 100 MB', async () => {
    const watcher = await watch();
    await redis.xadd(STREAM, '*', 'event', '\u001b[2J');
    await redis.xadd(STREAM, '*', 'type', 'freeze.set', 'by', 'x'.repeat(100_000_000));
    await add('after');
    await until(() => watcher.seen.length === 1);
    expect(watcher).toMatchObject({ seen: ['after'], unreadable: 2 });
  });

  it('continues when the stream is deleted, or was another type', async () => {
    const watcher = await watch();
    await add('one');
    await until(() => watcher.seen.length === 1);
    await redis.set(STREAM, 'x');
    await until(() => errors.length > 0);
    await redis.del(STREAM);
    await add('two');
    await until(() => watcher.seen.length === 2);
    expect(watcher.seen).toEqual(['one', 'two']);
  });

  it('continues with a stream that has begun anew after ids of the future', async () => {
    const future = `${Date.now() + 3_600_000}-0`;
    await add('of the future', future);
    const [watcher, resumed] = [await watch(), await watch(future)];
    await redis.del(STREAM);
    await add('of now');
    await until(() => watcher.seen.length === 1 && resumed.seen.length === 1);
    expect([watcher.seen, resumed.seen]).toEqual([['of now'], ['of now']]);
  });

  it('begins at the end for a position that is ahead of the stream', async () => {
    await add('before');
    const watcher = await watch(`${Date.now() + 3_600_000}-0`);
    await add('after');
    await until(() => watcher.seen.length === 1);
    expect(watcher.seen).toEqual(['after']);
  });

  it('yields nothing twice to a watcher that knows more than the feed has read', async () => {
    await feed.close();
    const gate = Promise.withResolvers<void>();
    feed = createActivityFeed({
      redis,
      prefix: 'spec',
      connect: () => {
        const connection = new Redis(server.url(), { maxRetriesPerRequest: null });
        const xread = connection.xread.bind(connection) as (...args: unknown[]) => Promise<unknown>;
        connection.xread = (async (...args: unknown[]) => (await gate.promise, xread(...args))) as never;
        return connection;
      },
      onError: (error) => errors.push(error),
    });
    await add('before');
    const first = await watch();
    const position = await add('one');
    const second = await watch(position!);
    gate.resolve();
    await add('two');
    await until(() => first.seen.length === 2 && second.seen.length > 0);
    expect([first.seen, second.seen]).toEqual([['one', 'two'], ['two']]);
  });

  it('continues after its connection was lost', async () => {
    const watcher = await watch();
    await redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await add('after');
    await until(() => watcher.seen.length === 1);
    expect(watcher.seen).toEqual(['after']);
  });

  it('ends for a watcher that leaves, and for no other', async () => {
    const [leaving, staying] = [await watch(), await watch()];
    leaving.leave();
    await leaving.whenEnded;
    expect(leaving.ended).toBe('ended');
    await add('one');
    await until(() => staying.seen.length === 1);
    expect(leaving.seen).toEqual([]);
  });

  it('ends for all when it is closed, and says why', async () => {
    const watcher = await watch();
    await feed.close();
    await watcher.whenEnded;
    expect(watcher.ended).toMatchObject({ code: 'SHUTTING_DOWN' });
  });
});

import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import type { CreateBulkRotationRequest, CallContext } from '@rekey/rpc';
import { RekeyError, type ErrorCode } from '@rekey/schema';
import { startFake, connect, failureOf, away, uuid } from '../gateway-fixture.ts';

describe('createBulkRotation', () => {
  const ids = Array.from({ length: 20_000 }, (_, i) => `ast_${i}`);
  const bulk = { id: 'blk_1', state: 'RUNNING', counts: {} };

  /** Collects the streams; the first ones fail after `failAfter` messages. */
  const creating = ({ failures = 0, failAfter = 2, reason = 'DRAFT_LOST' as ErrorCode } = {}) => {
    const streams: CreateBulkRotationRequest[][] = [];
    const create = async (messages: AsyncIterable<CreateBulkRotationRequest>) => {
      const stream: CreateBulkRotationRequest[] = [];
      streams.push(stream);
      for await (const message of messages) {
        stream.push(message);
        if (streams.length <= failures && stream.length === failAfter) throw new RekeyError(reason);
      }
      return bulk;
    };
    return { streams, create };
  };
  const sent = (stream: CreateBulkRotationRequest[] = []) =>
    stream.flatMap(({ assistantIds = [] }) => assistantIds);

  it('resends everything, with the same request_id, if it fails in the middle', async () => {
    const { streams, create } = creating({ failures: 2 });
    const client = connect(await startFake({ bulks: { create } }));
    expect(
      await client.createBulkRotation({ orgId: 'org', assistantIds: ids, reason: 'leak' }),
    ).toMatchObject({ id: 'blk_1', state: 'RUNNING' });
    expect(streams).toHaveLength(3);
    expect(sent(streams[2])).toEqual(ids);
    expect(new Set(streams.map(([first]) => first!.requestId)).size).toBe(1);
    expect(streams.map(([first]) => first!.orgId)).toEqual(['org', 'org', 'org']);
    expect(
      streams[2]!
        .slice(1)
        .every(({ orgId, requestId, reason }) => orgId === '' && requestId === '' && reason === ''),
    ).toBe(true);
  });

  it('resends the ids of a function', async () => {
    const { streams, create } = creating({ failures: 1 });
    const client = connect(await startFake({ bulks: { create } }));
    await client.createBulkRotation({
      orgId: 'org',
      assistantIds: async function* () {
        yield* ids;
      },
    });
    expect(sent(streams[1])).toEqual(ids);
  });

  it('sends a generator once, and its error has the request_id for another request', async () => {
    const { streams, create } = creating({ failures: 1 });
    const client = connect(await startFake({ bulks: { create } }));
    const failure = await failureOf(client.createBulkRotation({ orgId: 'org', assistantIds: ids.values() }));
    expect(failure).toMatchObject({ code: 'DRAFT_LOST', retryable: true });
    expect(failure.requestId).toBe(streams[0]![0]!.requestId);
    expect(streams).toHaveLength(1);
  });

  it('resends a stream if the gateway dies in the middle', async () => {
    const { streams, create } = creating();
    const dying = await startFake({
      bulks: {
        create: async (messages) => {
          for await (const _ of messages) return setTimeout(() => dying.kill(), 10) && new Promise(() => {});
        },
      },
    });
    const client = connect(dying);
    const created = client.createBulkRotation({ orgId: 'org', assistantIds: ids });
    await sleep(300);
    await startFake({ bulks: { create } }, dying.port);
    expect(await created).toMatchObject({ id: 'blk_1' });
    expect(sent(streams[0])).toEqual(ids);
  });

  it('reads ids only as the gateway accepts them', async () => {
    let read = 0;
    const [begun, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const client = connect(
      await startFake({
        bulks: {
          create: async (messages) => {
            let count = 0;
            for await (const { assistantIds } of messages) {
              begun.resolve();
              count += assistantIds.length;
              await goOn.promise;
            }
            return { ...bulk, counts: { total: count } };
          },
        },
      }),
    );
    const many = 500_000;
    const created = client.createBulkRotation({
      orgId: 'org',
      assistantIds: function* () {
        for (read = 0; read < many; read += 1) yield `ast_${read}`;
      },
    });
    await begun.promise;
    await sleep(500);
    expect(read).toBeGreaterThan(0);
    expect(read).toBeLessThan(many / 4);
    goOn.resolve();
    expect((await created).counts.total).toBe(many);
  });

  it('rejects with the error that the ids throw, and creates nothing', async () => {
    const complete: unknown[] = [];
    const client = connect(
      await startFake({
        bulks: {
          create: async (messages) => {
            for await (const _ of messages);
            complete.push(1);
            return bulk;
          },
        },
      }),
    );
    const wrong = new Error('no such file');
    await expect(
      client.createBulkRotation({
        orgId: 'org',
        assistantIds: function* () {
          yield* ids;
          throw wrong;
        },
      }),
    ).rejects.toBe(wrong);
    await sleep(50);
    expect(complete).toEqual([]);
  });

  it.each([
    ['before the first', [] as string[]],
    ['after many', ids],
  ])('can be aborted, and has a deadline, if the ids stall %s', async (_when, some) => {
    const client = connect(await startFake({ bulks: { create: creating().create } }));
    const halting = async function* () {
      yield* some;
      await new Promise(() => {});
    };
    expect(
      await failureOf(
        client.createBulkRotation(
          { orgId: 'org', assistantIds: halting },
          { signal: AbortSignal.timeout(100) },
        ),
      ),
    ).toMatchObject({ code: 'ABORTED', requestId: expect.stringMatching(uuid) });
    expect(
      await failureOf(
        client.createBulkRotation({ orgId: 'org', assistantIds: halting }, { deadlineMs: 100 }),
      ),
    ).toMatchObject({ code: 'DEADLINE_EXCEEDED', requestId: expect.stringMatching(uuid) });
  });

  it('refuses an Invalid Date', async () => {
    await expect(
      connect({ port: 1 }).createBulkRotation({
        orgId: 'org',
        allAssistants: true,
        rotatedBefore: new Date('soon'),
      }),
    ).rejects.toThrow(new TypeError('a time must be a valid Date'));
  });

  it('refuses a string in place of ids', async () => {
    await expect(
      connect({ port: 1 }).createBulkRotation({ orgId: 'org', assistantIds: 'ast_1' }),
    ).rejects.toThrow(new TypeError('assistantIds must be an iterable of ids, not a string'));
  });

  it('sends times and limits in the form of the contract', async () => {
    const { streams, create } = creating();
    const client = connect(await startFake({ bulks: { create } }));
    await client.createBulkRotation({
      orgId: 'org',
      allAssistants: true,
      rotatedBefore: new Date('2026-01-01T00:00:00.250Z'),
      maxFailures: { count: 3 },
      canary: { count: 5, continues: true },
    });
    expect(streams[0]).toMatchObject([
      {
        allAssistants: true,
        rotatedBefore: { seconds: '1767225600', nanos: 250_000_000 },
        maxFailures: { count: 3 },
        canary: { count: 5, continues: true },
      },
    ]);
  });

  it('sends required consumers once, lets the canary await them, and returns their states', async () => {
    const { streams, create } = creating();
    const canary = { count: 5, continues: true, awaitsConsumers: true };
    const client = connect(
      await startFake({
        bulks: {
          create: async (messages) => ({
            ...(await create(messages)),
            canary,
            consumers: [{ consumer: 'billing', state: 'UNAPPLIED' }],
          }),
        },
      }),
    );
    const created = await client.createBulkRotation({
      orgId: 'org',
      assistantIds: ids,
      canary,
      requireConsumers: ['billing', 'chat'],
    });
    expect(created).toMatchObject({ canary, consumers: [{ name: 'billing', state: 'UNAPPLIED' }] });
    expect(streams[0]!.length).toBeGreaterThan(1);
    expect(streams[0]!.map(({ requireConsumers }) => requireConsumers)).toEqual([
      ['billing', 'chat'],
      ...streams[0]!.slice(1).map(() => []),
    ]);
    expect(streams[0]![0]).toMatchObject({ canary });
  });

  it('is not retried if consumers are missing', async () => {
    const { streams, create } = creating({ failures: 1, failAfter: 1, reason: 'CONSUMERS_MISSING' });
    const client = connect(await startFake({ bulks: { create } }));
    expect(
      await failureOf(
        client.createBulkRotation({ orgId: 'org', assistantIds: ['ast_1'], requireConsumers: ['billing'] }),
      ),
    ).toMatchObject({ code: 'CONSUMERS_MISSING', retryable: false });
    expect(streams).toHaveLength(1);
  });
});

describe('watchBulkRotation', () => {
  const at = (succeededCount: number, state = 'RUNNING') => ({
    id: 'blk_1',
    state,
    counts: { total: 3, succeeded: succeededCount },
  });
  const watching = (...streams: unknown[][]) => {
    let opened = 0;
    return {
      opened: () => opened,
      watch: async function* () {
        const stream = streams[Math.min(opened, streams.length - 1)]!;
        opened += 1;
        for (const answer of stream) {
          if (answer instanceof Error) throw answer;
          yield answer;
        }
      },
    };
  };
  const seenOf = async (progress: AsyncIterable<{ state: string; counts: { succeeded: number } }>) => {
    const seen: [string, number][] = [];
    for await (const { state, counts } of progress) seen.push([state, counts.succeeded]);
    return seen;
  };

  it('ends when the bulk rotation has ended', async () => {
    const { watch } = watching([at(1), at(2), at(3, 'COMPLETED')]);
    const client = connect(await startFake({ bulks: { watch } }));
    expect(await seenOf(client.watchBulkRotation('blk_1'))).toEqual([
      ['RUNNING', 1],
      ['RUNNING', 2],
      ['COMPLETED', 3],
    ]);
  });

  it('continues after broken streams, without yielding a state twice', async () => {
    const { watch, opened } = watching(
      [at(1), at(2), new RekeyError('SHUTTING_DOWN')],
      [away()],
      [at(2)],
      [at(2), at(3, 'COMPLETED')],
    );
    const client = connect(await startFake({ bulks: { watch } }));
    expect(await seenOf(client.watchBulkRotation('blk_1'))).toEqual([
      ['RUNNING', 1],
      ['RUNNING', 2],
      ['COMPLETED', 3],
    ]);
    expect(opened()).toBe(4);
  });

  it('continues after the gateway dies and restarts', async () => {
    const dying = await startFake({
      bulks: {
        watch: async function* (_request, { signal }) {
          yield at(1);
          setTimeout(() => dying.kill(), 20);
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
        },
      },
    });
    const seen = seenOf(connect(dying).watchBulkRotation('blk_1'));
    await sleep(400);
    await startFake({ bulks: watching([at(3, 'COMPLETED')]) }, dying.port);
    expect(await seen).toEqual([
      ['RUNNING', 1],
      ['COMPLETED', 3],
    ]);
  });

  it('ends at a paused or halted bulk rotation if requested', async () => {
    const { watch, opened } = watching([at(1, 'HALTED')]);
    const client = connect(await startFake({ bulks: { watch } }));
    expect(await seenOf(client.watchBulkRotation('blk_1', { untilStopped: true }))).toEqual([['HALTED', 1]]);
    expect(opened()).toBe(1);
  });

  it('throws after patienceMs', async () => {
    const { watch } = watching([at(1), away()], [away()]);
    const client = connect(await startFake({ bulks: { watch } }));
    const begunMs = performance.now();
    expect(await failureOf(seenOf(client.watchBulkRotation('blk_1', { patienceMs: 200 })))).toMatchObject({
      code: 'REDIS_UNAVAILABLE',
      bulkRotationId: 'blk_1',
    });
    expect(performance.now() - begunMs).toBeGreaterThan(200);
  });

  it('rejects at once if there is none', async () => {
    const client = connect(await startFake({ bulks: watching([new RekeyError('BULK_NOT_FOUND')]) }));
    expect(await failureOf(seenOf(client.watchBulkRotation('blk_9')))).toMatchObject({
      code: 'BULK_NOT_FOUND',
    });
  });

  it('throws when aborted, and ends the stream at the gateway when the loop ends early', async () => {
    const gone = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let ends = 0;
    const watch = async function* (_request: unknown, { signal }: CallContext) {
      yield at(1);
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      gone[ends]!.resolve();
      ends += 1;
    };
    const client = connect(await startFake({ bulks: { watch } }));
    expect(
      await failureOf(seenOf(client.watchBulkRotation('blk_1', { signal: AbortSignal.timeout(1000) }))),
    ).toMatchObject({ code: 'ABORTED', bulkRotationId: 'blk_1' });
    for await (const { id } of client.watchBulkRotation('blk_1')) {
      expect(id).toBe('blk_1');
      break;
    }
    await Promise.all(gone.map(({ promise }) => promise));
    expect(ends).toBe(2);
  });
});

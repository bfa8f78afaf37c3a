import { EventEmitter, once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { status, type ServiceError } from '@grpc/grpc-js';
import type { BulkDraft, Bulks } from '@rekey/ledger';
import { loadContract, readStatusDetails, type CreateBulkRotationRequest } from '@rekey/rpc';
import { RekeyError, type BulkItem, type BulkRotation, type BulkSpec, type ErrorCode } from '@rekey/schema';
import { createTcpProxy } from '@rekey/testing';
import { createBulkService } from './bulk-service.ts';
import type { ConsumersReach } from './consumer-reach.ts';
import { createBulkWatches, type BulkWatches } from './bulk-watches.ts';
import { connectRaw, type RawCalls } from './raw-calls-fixture.ts';
import { createServer, type GatewayServer } from './server.ts';
import { serviceMethod, streamingMethods } from './service-method.ts';
import type { Services } from './services.ts';

const counts = {
  total: 4,
  waiting: 4,
  rotating: 0,
  unknown: 0,
  succeeded: 0,
  shared: 0,
  failed: 0,
  cancelled: 0,
  valid: 0,
  duplicates: 0,
};
const bulkOf = (id: string, spec: Partial<BulkSpec> = {}): BulkRotation => ({
  orgId: 'org_1',
  reason: '',
  selection: { kind: 'ids' },
  urgent: false,
  validateOnly: false,
  maxFailures: { percent: 5 },
  ...(spec as object),
  id,
  state: 'RUNNING',
  createdMs: 1,
  updatedMs: 1,
  counts,
  lastFailures: [],
});

interface FakeDraft extends BulkDraft {
  ids: string[];
  excluded: string[];
  dropped: boolean;
}

/** The ledger's port, in memory. Emits `drop` when a draft is dropped. */
const fakeBulks = () => {
  const drafts: FakeDraft[] = [];
  const created: { id: string; spec: BulkSpec; ids: string[]; excluded: string[] }[] = [];
  const known = new Map<string, BulkRotation>();
  const items: BulkItem[] = [];
  const events = new EventEmitter();
  let adding: () => Promise<void> = async () => {};
  let creating: () => Promise<void> = async () => {};
  const get = async (id: string) => {
    const bulk = known.get(id);
    if (!bulk) throw new RekeyError('BULK_NOT_FOUND');
    return structuredClone(bulk);
  };
  const bulks: Bulks = {
    draft: (id) => {
      const draft: FakeDraft = {
        id,
        ids: [],
        excluded: [],
        dropped: false,
        add: async (ids) => {
          draft.ids.push(...ids);
          events.emit('add', ids);
          await adding();
        },
        exclude: async (ids) => void draft.excluded.push(...ids),
        finish: async () => ({ total: draft.ids.length, duplicates: 0, excluded: 0, digest: '' }),
        drop: async () => {
          draft.dropped = true;
          events.emit('drop');
        },
      };
      drafts.push(draft);
      return draft;
    },
    create: async (id, spec, draft) => {
      await creating();
      const { ids, excluded } = draft as FakeDraft;
      created.push({ id, spec, ids, excluded });
      known.set(id, bulkOf(id, spec));
      return { bulk: known.get(id)!, created: true };
    },
    get,
    list: async (filter, { size, after }) => {
      events.emit('list', filter);
      const after1 = [...known.values()]
        .filter(({ id }) => after === undefined || id < after)
        .toSorted((a, b) => (a.id < b.id ? 1 : -1));
      const bulksOfPage = after1.slice(0, size);
      return { bulks: bulksOfPage, ...(after1.length > size && { next: bulksOfPage.at(-1)!.id }) };
    },
    items: async (id, { state }, { size, from }) => {
      await get(id);
      const page = items
        .slice(from, from + size)
        .filter((item) => state === undefined || item.state === state);
      return { items: page, ...(from + size < items.length && { next: from + size }) };
    },
    pause: get,
    resume: get,
    cancel: get,
    retry: get,
  };
  return {
    bulks,
    drafts,
    created,
    known,
    items,
    events,
    onAdd: (wait: () => Promise<void>) => (adding = wait),
    onCreate: (wait: () => Promise<void>) => (creating = wait),
  };
};

/** There are no consumers, and none is demanded. */
const reach = {
  ofBulk: async () => [],
  demand: async (names: readonly string[]) => {
    if (names.length > 0) throw new RekeyError('CONSUMERS_MISSING');
  },
} as unknown as ConsumersReach;
let fake: ReturnType<typeof fakeBulks>;
let watches: BulkWatches;
let server: GatewayServer;
let port: number;
let client: RawCalls;
let held: ErrorCode | undefined;
let durable: boolean;
let unexpected: unknown[];
const start = async ({
  idleMs,
  ...keepAlive
}: { idleMs?: number; keepAliveMs?: number; keepAliveTimeoutMs?: number } = {}) => {
  [fake, held, durable, unexpected] = [fakeBulks(), undefined, true, []];
  watches = createBulkWatches({ bulks: fake.bulks, readEveryMs: 10 });
  const report = (error: unknown) => void unexpected.push(error);
  const streaming = streamingMethods(report, idleMs === undefined ? {} : { idleMs });
  const BulkRotationService = createBulkService(serviceMethod(report), streaming, {
    bulks: fake.bulks,
    bulkWatches: watches,
    reach,
    liveness: { noLiveWorker: async () => false },
    holdBack: () => held,
    confirmDurable: async () => durable,
  });
  server = createServer(loadContract(), { BulkRotationService } as unknown as Services, keepAlive);
  port = await server.listen('127.0.0.1:0');
  client = connectRaw(`127.0.0.1:${port}`);
};
const stop = async () => {
  client.close();
  watches.close();
  await server.close(1000);
};
beforeEach(() => start());
afterEach(stop);

const collect = async <T>(answers: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = [];
  for await (const answer of answers) all.push(answer);
  return all;
};
const first: CreateBulkRotationRequest = { orgId: 'org_1' };
const failure = async (messages: CreateBulkRotationRequest[]) => {
  const error = await client.createBulkRotation(messages).then(
    () => undefined,
    (e: ServiceError) => e,
  );
  return { code: error?.code, ...readStatusDetails(error!) };
};
const violations = async (...messages: CreateBulkRotationRequest[]) => {
  const { reason, fieldViolations } = await failure(messages);
  expect(reason).toBe('INVALID_ARGUMENT');
  return fieldViolations.map(({ field, description }) => `${field} ${description}`);
};

describe('CreateBulkRotation', () => {
  it('creates it of the ids of all messages, with the defaults of the contract', async () => {
    const answered = await client.createBulkRotation([
      { ...first, assistantIds: ['a'] },
      { assistantIds: ['b', 'c'] },
      { assistantIds: ['a'] },
    ]);
    expect(fake.created).toEqual([
      {
        id: answered.id,
        ids: ['a', 'b', 'c', 'a'],
        excluded: [],
        spec: {
          orgId: 'org_1',
          reason: '',
          selection: { kind: 'ids' },
          urgent: false,
          validateOnly: false,
          maxFailures: { percent: 5 },
        },
      },
    ]);
    expect(answered).toMatchObject({
      id: expect.stringMatching(/^blk_[0-9A-Z]{26}$/),
      orgId: 'org_1',
      explicit: true,
      state: 'RUNNING',
      maxFailures: { percent: 5, limit: 'percent' },
    });
    expect(fake.drafts[0]!.dropped).toBe(false);
  });

  it('takes everything that can be wanted', async () => {
    await client.createBulkRotation([
      {
        ...first,
        requestId: '0B6C4E52-1f6a-4b8e-9d2c-3a5b7c9d1e2f',
        reason: 'leak',
        allAssistants: true,
        search: 'shop',
        rotatedBefore: { seconds: 1_700_000_000, nanos: 500_000_000 },
        urgent: true,
        validateOnly: true,
        canary: { count: 10, continues: true },
        maxFailures: { count: 0 },
      },
      { excludeAssistantIds: ['x', 'y'] },
    ]);
    expect(fake.created[0]).toMatchObject({
      ids: [],
      excluded: ['x', 'y'],
      spec: {
        orgId: 'org_1',
        requestId: '0b6c4e52-1f6a-4b8e-9d2c-3a5b7c9d1e2f',
        reason: 'leak',
        selection: { kind: 'org', search: 'shop', rotatedBeforeMs: 1_700_000_000_500 },
        urgent: true,
        validateOnly: true,
        canary: { count: 10, continues: true },
        maxFailures: { count: 0 },
      },
    });
  });

  it('names the fields that are at fault, by the names of the wire', async () => {
    expect(
      await violations({
        orgId: 'a/b',
        requestId: 'x',
        reason: 'a\nb',
        assistantIds: ['a'],
        canary: { count: 0 },
        maxFailures: { percent: 101 },
      }),
    ).toEqual([
      expect.stringMatching(/^org_id must not contain/),
      'request_id must be a UUID',
      expect.stringMatching(/^reason /),
      'canary.count must be positive',
      expect.stringMatching(/^max_failures.percent /),
    ]);
    expect(await violations({ ...first, assistantIds: ['a'], maxFailures: {} })).toEqual([
      'max_failures must have count or percent',
    ]);
    expect(
      await violations({ ...first, assistantIds: ['a'], search: 'x', rotatedBefore: { seconds: 1 } }),
    ).toEqual(['search needs all_assistants', 'rotated_before needs all_assistants']);
    expect(await violations({ ...first, allAssistants: true, rotatedBefore: { seconds: -1 } })).toEqual([
      'rotated_before must be a time since 1970',
    ]);
    expect(await violations({ ...first, allAssistants: true, search: ' \u00a0 ' })).toEqual([
      'search must not be blank',
    ]);
    expect(await violations({ ...first, allAssistants: true, search: 'a\nb' })).toEqual([
      expect.stringMatching(/^search .*control characters/),
    ]);
    expect(fake.created).toEqual([]);
  });

  it('counts ids that are not valid over the whole stream, and quotes none', async () => {
    const good = Array.from({ length: 2000 }, (_, i) => `ast_${i}`);
    expect(
      await violations(
        { ...first, assistantIds: good },
        { assistantIds: good },
        { assistantIds: ['fine', '', 'hun/ter2'] },
      ),
    ).toEqual([
      'assistant_ids[4001] must not be empty',
      'assistant_ids[4002] must not contain any of / \\ % ? #',
    ]);
    expect(await violations({ ...first, allAssistants: true, excludeAssistantIds: ['..'] })).toEqual([
      'exclude_assistant_ids[0] must not be a dot segment',
    ]);
    expect(await violations({ ...first, assistantIds: Array.from({ length: 1000 }, () => '') })).toHaveLength(
      10,
    );
  });

  it('wants assistants or all of them, and not both', async () => {
    expect(await violations(first)).toEqual([
      'assistant_ids must not be empty, unless all_assistants is set',
    ]);
    expect(await violations()).toEqual(['org_id must not be empty']);
    expect(await violations({ ...first, allAssistants: true }, { assistantIds: ['a'] })).toEqual([
      'assistant_ids cannot be given together with all_assistants',
    ]);
    expect(await violations({ ...first, assistantIds: ['a'], excludeAssistantIds: ['b'] })).toEqual([
      'exclude_assistant_ids needs all_assistants',
    ]);
  });

  it.each<[string, CreateBulkRotationRequest]>([
    ['org_id', { orgId: 'org_2' }],
    ['reason', { reason: 'x' }],
    ['all_assistants', { allAssistants: true }],
    ['urgent', { urgent: true }],
    ['canary', { canary: { count: 1 } }],
    ['max_failures', { maxFailures: { count: 1 } }],
    ['rotated_before', { rotatedBefore: { seconds: 1 } }],
  ])('takes %s in the first message only', async (field, further) => {
    expect(await violations({ ...first, assistantIds: ['a'] }, further)).toEqual([
      `${field} can be given in the first message only`,
    ]);
  });

  it('drops the draft on whatever error, and creates nothing', async () => {
    await failure([{ ...first, assistantIds: ['a'] }, { assistantIds: [''] }]);
    held = 'REDIS_MEMORY_LOW';
    expect(await failure([{ ...first, assistantIds: ['a'] }])).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      reason: 'REDIS_MEMORY_LOW',
    });
    held = undefined;
    fake.onAdd(async () => Promise.reject(new Error('Connection is closed.')));
    expect(await failure([{ ...first, assistantIds: ['a'] }])).toMatchObject({
      code: status.UNAVAILABLE,
      reason: 'REDIS_UNAVAILABLE',
    });
    expect(fake.drafts.map(({ dropped }) => dropped)).toEqual([true, true, true]);
    expect(fake.created).toEqual([]);
    expect(unexpected).toEqual([]);
  });

  it('leaves the draft to the ledger once that was asked to make a bulk of it, for it may have', async () => {
    fake.onCreate(async () => Promise.reject(new Error('Command timed out')));
    expect(await failure([{ ...first, assistantIds: ['a'] }])).toMatchObject({ reason: 'REDIS_UNAVAILABLE' });
    fake.onCreate(async () => Promise.reject(new RekeyError('REQUEST_ID_REUSED')));
    expect(await failure([{ ...first, assistantIds: ['a'] }])).toMatchObject({ code: status.ALREADY_EXISTS });
    expect(fake.drafts.map(({ dropped }) => dropped)).toEqual([false, false]);
  });

  it('answers nothing that too few replicas have confirmed', async () => {
    durable = false;
    expect(await failure([{ ...first, assistantIds: ['a'] }])).toMatchObject({
      code: status.UNAVAILABLE,
      reason: 'REPLICAS_MISSING',
    });
    expect(fake.drafts[0]!.dropped).toBe(false);
  });

  it('leaves nothing behind of a caller that throws in the middle, and shows it its own error', async () => {
    const [added, dropped] = [once(fake.events, 'add'), once(fake.events, 'drop')];
    const messages = async function* () {
      yield { ...first, assistantIds: ['a'] };
      await added;
      throw new Error('line 2 is wrong');
    };
    await expect(client.createBulkRotation(messages())).rejects.toThrow('line 2 is wrong');
    await dropped;
    expect(fake.created).toEqual([]);
    expect(unexpected).toEqual([]);
  });

  it.each(['cancels the call', 'loses its connection'])(
    'never takes a broken-off stream for a whole one, when its caller %s',
    async (how) => {
      for (let n = 0; n < 40; n += 1) {
        const proxy = await createTcpProxy({ port });
        const caller = connectRaw(`127.0.0.1:${proxy.port}`);
        const dropped = once(fake.events, 'drop');
        const messages = async function* () {
          for (let m = 0; m <= n % 10; m += 1) {
            const added = once(fake.events, 'add');
            yield { ...(m === 0 && first), assistantIds: ['a'] };
            // Every other time the break comes right behind a message that is still on its way.
            if (m < n % 10 || m === 0 || n % 2 === 0) await added;
          }
          if (how === 'cancels the call') throw new Error('broken off');
          await proxy.close();
          await dropped;
        };
        await expect(caller.createBulkRotation(messages())).rejects.toBeInstanceOf(Error);
        await dropped;
        caller.close();
        await proxy.close();
      }
      expect(fake.created).toEqual([]);
      expect(unexpected).toEqual([]);
    },
    60_000,
  );

  it('breaks off a stream whose next message does not come, and drops the draft', async () => {
    await stop();
    await start({ idleMs: 100 });
    const dropped = once(fake.events, 'drop');
    const silence = Promise.withResolvers<void>();
    const messages = async function* () {
      yield { ...first, assistantIds: ['a'] };
      await silence.promise;
    };
    const refused = client.createBulkRotation(messages()).then(
      () => undefined,
      (error: ServiceError) => error,
    );
    await dropped;
    silence.resolve();
    const error = await refused;
    expect(error).toMatchObject({ code: status.ABORTED });
    expect(readStatusDetails(error!)).toMatchObject({ reason: 'STREAM_IDLE' });
    expect(fake.created).toEqual([]);
    expect(unexpected).toEqual([]);
  });

  it('does not count the time that the ledger takes as silence of the caller', async () => {
    await stop();
    await start({ idleMs: 400 });
    fake.onAdd(() => new Promise((resolve) => void setTimeout(resolve, 900)));
    await client.createBulkRotation([{ ...first, assistantIds: ['a'] }, { assistantIds: ['b'] }]);
    expect(fake.created[0]!.ids).toEqual(['a', 'b']);
  });

  it('notices a caller whose connection is dead without a word, and drops the draft', async () => {
    await stop();
    await start({ keepAliveMs: 100, keepAliveTimeoutMs: 100 });
    const proxy = await createTcpProxy({ port });
    const caller = connectRaw(`127.0.0.1:${proxy.port}`);
    const [added, dropped] = [once(fake.events, 'add'), once(fake.events, 'drop')];
    const messages = async function* () {
      yield { ...first, assistantIds: ['a'] };
      await added;
      proxy.stall(true);
      await dropped;
    };
    const refused = caller.createBulkRotation(messages()).catch((error: unknown) => error);
    await dropped;
    await proxy.close();
    expect(await refused).toBeInstanceOf(Error);
    caller.close();
    expect(fake.created).toEqual([]);
    expect(unexpected).toEqual([]);
  });

  it('slows a caller down to the pace of the ledger', async () => {
    const gate = Promise.withResolvers<void>();
    fake.onAdd(() => gate.promise);
    let sent = 0;
    const ids = Array.from({ length: 3000 }, (_, i) => `ast_${String(i).padStart(12, '0')}`);
    const messages = function* () {
      for (; sent < 200; sent += 1) yield { ...(sent === 0 && first), assistantIds: ids };
    };
    const begun = once(fake.events, 'add');
    const answered = client.createBulkRotation(messages());
    await begun;
    // A call of another kind on the same connection shows that there was time to send more.
    for (let i = 0; i < 20; i += 1)
      await client.getBulkRotation({ id: 'blk_01ARZ3NDEKTSV4RRFFQ69G5FAV' }).catch(() => {});
    expect(sent).toBeLessThan(100);
    gate.resolve();
    await answered;
    expect(fake.created[0]!.ids).toHaveLength(600_000);
  }, 30_000);

  it('refuses a message of more than 64 KiB', async () => {
    const error = await failure([
      { ...first, assistantIds: Array.from({ length: 400 }, (_, i) => `${i}`.padEnd(250, 'x')) },
    ]);
    expect(error.code).toBe(status.RESOURCE_EXHAUSTED);
  });
});

describe('the other methods', () => {
  const [a, b, c] = [
    'blk_01ARZ3NDEKTSV4RRFFQ69G5FAV',
    'blk_01ARZ3NDEKTSV4RRFFQ69G5FAW',
    'blk_01ARZ3NDEKTSV4RRFFQ69G5FAX',
  ] as const;
  beforeEach(() => {
    for (const id of [a, b, c]) fake.known.set(id, bulkOf(id));
  });

  it('lists page by page, newest first, and refuses a page token with another filter', async () => {
    const one = await client.listBulkRotations({ orgId: 'org_1', pageSize: 2 });
    expect(one.bulkRotations.map(({ id }) => id)).toEqual([c, b]);
    const two = await client.listBulkRotations({ orgId: 'org_1', pageSize: 2, pageToken: one.nextPageToken });
    expect(two).toMatchObject({ bulkRotations: [{ id: a }], nextPageToken: '' });
    await expect(client.listBulkRotations({ pageToken: one.nextPageToken })).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
    });
  });

  it('lists only those in a state', async () => {
    const listed = once(fake.events, 'list');
    await client.listBulkRotations({ state: 'HALTED' });
    expect(await listed).toEqual([{ state: 'HALTED' }]);
  });

  it('lists the assistants page by page, with the error of each', async () => {
    fake.items.push(
      ...['x', 'y', 'z'].map((assistantId, index): BulkItem => ({ index, assistantId, state: 'SUCCEEDED' })),
      { index: 3, assistantId: 'f', state: 'FAILED', errorCode: 'ASSISTANT_DELETED' },
    );
    const one = await client.listBulkRotationItems({ id: a, pageSize: 2 });
    expect(one.items).toEqual([
      { assistantId: 'x', state: 'SUCCEEDED', error: null },
      { assistantId: 'y', state: 'SUCCEEDED', error: null },
    ]);
    const two = await client.listBulkRotationItems({ id: a, pageSize: 2, pageToken: one.nextPageToken });
    expect(two).toMatchObject({
      items: [
        { assistantId: 'z' },
        { assistantId: 'f', error: { reason: 'ASSISTANT_DELETED', advice: 'Leave it out.' } },
      ],
      nextPageToken: '',
    });
    await expect(client.listBulkRotationItems({ id: b, pageToken: one.nextPageToken })).rejects.toMatchObject(
      { code: status.INVALID_ARGUMENT },
    );
    expect((await client.listBulkRotationItems({ id: a, pageSize: 2, state: 'FAILED' })).items).toEqual([]);
  });

  it.each([
    'getBulkRotation',
    'pauseBulkRotation',
    'resumeBulkRotation',
    'cancelBulkRotation',
    'retryBulkRotation',
  ] as const)('%s answers the bulk, and refuses an id that is none', async (name) => {
    expect(await client[name]({ id: a })).toMatchObject({ id: a });
    await expect(client[name]({ id: 'rot_1' })).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
    await expect(client[name]({ id: 'blk_01ARZ3NDEKTSV4RRFFQ69G5FAY' })).rejects.toMatchObject({
      code: status.NOT_FOUND,
    });
  });
});

describe('WatchBulkRotation', () => {
  const id = 'blk_01ARZ3NDEKTSV4RRFFQ69G5FAV';
  const set = (change: Partial<BulkRotation>) => void fake.known.set(id, { ...bulkOf(id), ...change });
  beforeEach(() => set({}));

  it('answers at once, then on every change, and ends with it', async () => {
    const seen = [];
    for await (const { state, rate } of client.watchBulkRotation({ id })) {
      seen.push([state, rate]);
      set(
        [
          { perSecond: 5 },
          { perSecond: 8 },
          { state: 'PAUSED' as const, why: 'CANARY_DONE' },
          { state: 'COMPLETED' as const },
        ][seen.length - 1]!,
      );
    }
    expect(seen).toEqual([
      ['RUNNING', 0],
      ['RUNNING', 5],
      ['RUNNING', 8],
      ['PAUSED', 0],
      ['COMPLETED', 0],
    ]);
  });

  it('ends where it has stopped, when that is wanted', async () => {
    set({ state: 'HALTED', why: 'TOO_MANY_FAILURES' });
    const seen = await collect(client.watchBulkRotation({ id, untilStopped: true }));
    expect(seen).toMatchObject([
      { state: 'HALTED', stop: { reason: 'TOO_MANY_FAILURES', advice: expect.stringContaining('Resume') } },
    ]);
  });

  it('reads once for all who watch the same', async () => {
    const reads: string[] = [];
    const get = fake.bulks.get;
    fake.bulks.get = (of) => {
      reads.push(of);
      return get(of);
    };
    const watching = Array.from({ length: 20 }, () =>
      watches
        .watch(id, { untilStopped: false, signal: new AbortController().signal })
        [Symbol.asyncIterator](),
    );
    await Promise.all(watching.map((watch) => watch.next()));
    expect(reads).toHaveLength(20);
    set({ state: 'COMPLETED' });
    const last = await Promise.all(watching.map((watch) => watch.next()));
    expect(last.map(({ value }) => value.state)).toEqual(Array.from({ length: 20 }, () => 'COMPLETED'));
    expect(reads).toHaveLength(21);
  });

  it('says that there is no such bulk', async () => {
    await expect(
      collect(client.watchBulkRotation({ id: 'blk_01ARZ3NDEKTSV4RRFFQ69G5FAY' })),
    ).rejects.toMatchObject({ code: status.NOT_FOUND });
  });

  it('reads no more when the caller has gone', async () => {
    const gone = new AbortController();
    for await (const _ of client.watchBulkRotation({ id }, { signal: gone.signal })) gone.abort();
    // The server can only be closed when no call is under way.
    const began = performance.now();
    client.close();
    await server.close(10_000);
    expect(performance.now() - began).toBeLessThan(5000);
  });

  it('tells its watchers when the gateway shuts down', async () => {
    const watching = client.watchBulkRotation({ id })[Symbol.asyncIterator]();
    await watching.next();
    const next = watching.next();
    watches.close();
    const error = await Promise.resolve(next).catch((e: ServiceError) => e);
    expect(readStatusDetails(error as ServiceError).reason).toBe('SHUTTING_DOWN');
  });
});

import { once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { status, type ServiceError } from '@grpc/grpc-js';
import { readStatusDetails, type CreateBulkRotationRequest } from '@rekey/rpc';
import { RekeyError } from '@rekey/schema';
import { createTcpProxy } from '@rekey/testing';
import { connectRaw } from '../pipeline/raw-calls-fixture.ts';
import { CREATE_BULK } from '../limits/raw-http2-fixture.ts';
import { connectFrames } from './frames-fixture.ts';
import { useBulkService } from './bulk-service-fixture.ts';

const fixture = useBulkService();

const first: CreateBulkRotationRequest = { orgId: 'org_1' };
const failure = async (messages: CreateBulkRotationRequest[]) => {
  const error = await fixture.client.createBulkRotation(messages).then(
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
  it('creates it from the ids of all messages, with the defaults of the contract', async () => {
    const answered = await fixture.client.createBulkRotation([
      { ...first, assistantIds: ['a'] },
      { assistantIds: ['b', 'c'] },
      { assistantIds: ['a'] },
    ]);
    expect(fixture.fake.created).toEqual([
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
    expect(fixture.fake.drafts[0]!.dropped).toBe(false);
  });

  it('accepts every field of the request', async () => {
    await fixture.client.createBulkRotation([
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
    expect(fixture.fake.created[0]).toMatchObject({
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

  it('names the invalid fields as the contract does', async () => {
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
    expect(fixture.fake.created).toEqual([]);
  });

  it('numbers invalid ids over the whole stream, and quotes none', async () => {
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

  it('needs assistants or all_assistants, and not both', async () => {
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
  ])('accepts %s in the first message only', async (field, further) => {
    expect(await violations({ ...first, assistantIds: ['a'] }, further)).toEqual([
      `${field} can be given in the first message only`,
    ]);
  });

  it('drops the draft on any error, and creates nothing', async () => {
    await failure([{ ...first, assistantIds: ['a'] }, { assistantIds: [''] }]);
    fixture.held = 'REDIS_MEMORY_LOW';
    expect(await failure([{ ...first, assistantIds: ['a'] }])).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      reason: 'REDIS_MEMORY_LOW',
    });
    fixture.held = undefined;
    fixture.fake.onAdd(async () => Promise.reject(new Error('Connection is closed.')));
    expect(await failure([{ ...first, assistantIds: ['a'] }])).toMatchObject({
      code: status.UNAVAILABLE,
      reason: 'REDIS_UNAVAILABLE',
    });
    expect(fixture.fake.drafts.map(({ dropped }) => dropped)).toEqual([true, true, true]);
    expect(fixture.fake.created).toEqual([]);
    expect(fixture.unexpected).toEqual([]);
  });

  it('keeps the draft once the ledger may have made a bulk rotation of it', async () => {
    fixture.fake.onCreate(async () => Promise.reject(new Error('Command timed out')));
    expect(await failure([{ ...first, assistantIds: ['a'] }])).toMatchObject({ reason: 'REDIS_UNAVAILABLE' });
    fixture.fake.onCreate(async () => Promise.reject(new RekeyError('REQUEST_ID_REUSED')));
    expect(await failure([{ ...first, assistantIds: ['a'] }])).toMatchObject({ code: status.ALREADY_EXISTS });
    expect(fixture.fake.drafts.map(({ dropped }) => dropped)).toEqual([false, false]);
  });

  it('fails with REPLICAS_MISSING if too few replicas confirm', async () => {
    fixture.durable = false;
    expect(await failure([{ ...first, assistantIds: ['a'] }])).toMatchObject({
      code: status.UNAVAILABLE,
      reason: 'REPLICAS_MISSING',
    });
    expect(fixture.fake.drafts[0]!.dropped).toBe(false);
  });

  it('leaves nothing behind if the caller throws, and rejects with that error', async () => {
    const [added, dropped] = [once(fixture.fake.events, 'add'), once(fixture.fake.events, 'drop')];
    const messages = async function* () {
      yield { ...first, assistantIds: ['a'] };
      await added;
      throw new Error('line 2 is wrong');
    };
    await expect(fixture.client.createBulkRotation(messages())).rejects.toThrow('line 2 is wrong');
    await dropped;
    expect(fixture.fake.created).toEqual([]);
    expect(fixture.unexpected).toEqual([]);
  });

  it.each(['cancels the call', 'loses its connection'])(
    'never takes an interrupted stream for a complete one if its caller %s',
    async (how) => {
      for (let n = 0; n < 40; n += 1) {
        const proxy = await createTcpProxy({ port: fixture.port });
        const caller = connectRaw(`127.0.0.1:${proxy.port}`);
        const dropped = once(fixture.fake.events, 'drop');
        const messages = async function* () {
          for (let m = 0; m <= n % 10; m += 1) {
            const added = once(fixture.fake.events, 'add');
            yield { ...(m === 0 && first), assistantIds: ['a'] };
            // Every other time the break follows a message that is still on its way.
            if (m < n % 10 || m === 0 || n % 2 === 0) await added;
          }
          if (how === 'cancels the call') throw new Error('interrupted');
          await proxy.close();
          await dropped;
        };
        await expect(caller.createBulkRotation(messages())).rejects.toBeInstanceOf(Error);
        await dropped;
        caller.close();
        await proxy.close();
      }
      expect(fixture.fake.created).toEqual([]);
      expect(fixture.unexpected).toEqual([]);
    },
    60_000,
  );

  it('never takes a stream for a complete one that is reset right after its end', async () => {
    const dropped = once(fixture.fake.events, 'drop');
    const caller = connectFrames(fixture.port);
    const added = once(fixture.fake.events, 'add');
    caller.sendHeaders(CREATE_BULK);
    // `org_id`, and one of `assistant_ids`.
    caller.sendLast(Buffer.from('\x0a\x05org_1\x22\x01a'));
    await Promise.all([added, caller.pinged()]);
    caller.reset();
    caller.answerPing();
    await dropped;
    expect(fixture.fake.created).toEqual([]);
    expect(fixture.unexpected).toEqual([]);
    caller.close();
  });

  it('cancels a stream whose next message does not arrive, and drops the draft', async () => {
    await fixture.stop();
    await fixture.start({ idleMs: 100 });
    const dropped = once(fixture.fake.events, 'drop');
    const silence = Promise.withResolvers<void>();
    const messages = async function* () {
      yield { ...first, assistantIds: ['a'] };
      await silence.promise;
    };
    const refused = fixture.client.createBulkRotation(messages()).then(
      () => undefined,
      (error: ServiceError) => error,
    );
    await dropped;
    silence.resolve();
    const error = await refused;
    expect(error).toMatchObject({ code: status.ABORTED });
    expect(readStatusDetails(error!)).toMatchObject({ reason: 'STREAM_IDLE' });
    expect(fixture.fake.created).toEqual([]);
    expect(fixture.unexpected).toEqual([]);
  });

  it('does not count the time of the ledger as idle time of the caller', async () => {
    await fixture.stop();
    await fixture.start({ idleMs: 400 });
    fixture.fake.onAdd(() => new Promise((resolve) => void setTimeout(resolve, 900)));
    await fixture.client.createBulkRotation([{ ...first, assistantIds: ['a'] }, { assistantIds: ['b'] }]);
    expect(fixture.fake.created[0]!.ids).toEqual(['a', 'b']);
  });

  it('notices a connection that is silently lost, and drops the draft', async () => {
    await fixture.stop();
    await fixture.start({ keepAliveMs: 100, keepAliveTimeoutMs: 100 });
    const proxy = await createTcpProxy({ port: fixture.port });
    const caller = connectRaw(`127.0.0.1:${proxy.port}`);
    const [added, dropped] = [once(fixture.fake.events, 'add'), once(fixture.fake.events, 'drop')];
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
    expect(fixture.fake.created).toEqual([]);
    expect(fixture.unexpected).toEqual([]);
  });

  it('slows a caller down to the pace of the ledger', async () => {
    const gate = Promise.withResolvers<void>();
    fixture.fake.onAdd(() => gate.promise);
    let sent = 0;
    const ids = Array.from({ length: 3000 }, (_, i) => `ast_${String(i).padStart(12, '0')}`);
    const messages = function* () {
      for (; sent < 200; sent += 1) yield { ...(sent === 0 && first), assistantIds: ids };
    };
    const begun = once(fixture.fake.events, 'add');
    const answered = fixture.client.createBulkRotation(messages());
    await begun;
    // Calls of another kind on the same connection show that there was time to send more.
    for (let i = 0; i < 20; i += 1)
      await fixture.client.getBulkRotation({ id: 'blk_01ARZ3NDEKTSV4RRFFQ69G5FAV' }).catch(() => {});
    expect(sent).toBeLessThan(100);
    gate.resolve();
    await answered;
    expect(fixture.fake.created[0]!.ids).toHaveLength(600_000);
  });

  it('refuses ids beyond the limit of all open streams, until others have ended', async () => {
    await fixture.stop();
    await fixture.start({ maxUploadIds: 5 });
    const finish = Promise.withResolvers<void>();
    const open = async function* () {
      yield { ...first, assistantIds: ['a', 'b', 'c'] };
      await finish.promise;
    };
    const added = once(fixture.fake.events, 'add');
    const answered = fixture.client.createBulkRotation(open());
    await added;
    const three = [{ ...first, assistantIds: ['d', 'e', 'f'] }];
    const dropped = once(fixture.fake.events, 'drop');
    const error = await failure(three);
    expect(error).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      reason: 'TOO_MANY_CALLS',
      metadata: { bound: 'upload-ids', limit: '5' },
      retryAfterMs: 1000,
    });
    await dropped;
    finish.resolve();
    await answered;
    await fixture.client.createBulkRotation(three);
    expect(fixture.fake.created.map(({ ids }) => ids)).toEqual([
      ['a', 'b', 'c'],
      ['d', 'e', 'f'],
    ]);
  });

  it('ends the upload of a caller beyond its share if another one needs the room', async () => {
    await fixture.stop();
    await fixture.start({ maxUploadIds: 10, uploadShare: 4 });
    const upload = async function* (...assistantIds: string[]) {
      yield { ...first, assistantIds };
      await new Promise(() => {});
    };
    const added = once(fixture.fake.events, 'add');
    const flood = fixture.client
      .createBulkRotation(upload('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'))
      .catch((error: ServiceError) => readStatusDetails(error));
    await added;
    const dropped = once(fixture.fake.events, 'drop');
    fixture.caller = 'b';
    await fixture.client.createBulkRotation([{ ...first, assistantIds: ['i', 'j', 'k'] }]);
    expect(await flood).toMatchObject({ reason: 'QUOTA_EXCEEDED', metadata: { caller: 'a' } });
    await dropped;
    expect(fixture.fake.created.map(({ ids }) => ids)).toEqual([['i', 'j', 'k']]);
  });

  it('refuses a message of more than 64 KiB', async () => {
    const error = await failure([
      { ...first, assistantIds: Array.from({ length: 400 }, (_, i) => `${i}`.padEnd(250, 'x')) },
    ]);
    expect(error.code).toBe(status.RESOURCE_EXHAUSTED);
  });
});

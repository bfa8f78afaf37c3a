import { inspect } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { Server, ServerCredentials, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  clientStreaming,
  loadContract,
  serverStreaming,
  unary,
  type CallContext,
  type CreateBulkRotationRequest,
} from '@rekey/rpc';
import { RekeyError, type ErrorCode } from '@rekey/schema';
import { createRekeyClient, type RekeyClient, type RekeyClientOptions } from './client.ts';
import { RekeyClientError } from './calls/client-error.ts';

type Handler = (request: any, context: CallContext) => any;
const { v1 } = loadContract();
const report = (error: unknown) => {
  if (!(error instanceof RekeyError)) console.error(error);
};

/** A gateway that has only these methods. */
interface Fake {
  rotations?: Record<string, Handler>;
  bulks?: {
    unary?: Record<string, Handler>;
    create?: (messages: AsyncIterable<any>) => Promise<any>;
    watch?: (request: any, context: CallContext) => AsyncIterable<any>;
  };
  policies?: { create?: (messages: AsyncIterable<any>) => Promise<any> };
  consumers?: Record<string, Handler>;
  assistants?: Record<string, Handler>;
}

const toDispose: (() => void)[] = [];
afterEach(() => {
  for (const dispose of toDispose.splice(0).toReversed()) dispose();
});

const startFake = async (
  { rotations = {}, bulks = {}, policies = {}, consumers = {}, assistants = {} }: Fake,
  port = 0,
): Promise<{ port: number; kill(): void }> => {
  const server = new Server({ 'grpc.max_receive_message_length': 64 * 1024 });
  const unaries = (handlers: Record<string, Handler>) =>
    Object.fromEntries(
      Object.entries(handlers).map(([name, handler]) => [
        name,
        unary(async (request, context) => handler(request, context), report),
      ]),
    );
  server.addService(v1.RotationService.service, unaries(rotations) as UntypedServiceImplementation);
  server.addService(v1.BulkRotationService.service, {
    ...unaries(bulks.unary ?? {}),
    ...(bulks.create && { CreateBulkRotation: clientStreaming(bulks.create, report, { idleMs: 60_000 }) }),
    ...(bulks.watch && { WatchBulkRotation: serverStreaming(bulks.watch, report) }),
  } as UntypedServiceImplementation);
  server.addService(v1.RotationPolicyService.service, {
    ...(policies.create && {
      CreateRotationPolicy: clientStreaming(policies.create, report, { idleMs: 60_000 }),
    }),
  } as UntypedServiceImplementation);
  server.addService(v1.AssistantService.service, unaries(assistants) as UntypedServiceImplementation);
  server.addService(v1.ConsumerService.service, unaries(consumers) as UntypedServiceImplementation);
  const bind = () =>
    new Promise<number>((resolve, reject) =>
      server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, taken) =>
        error ? reject(error) : resolve(taken),
      ),
    );
  let bound = 0;
  // The kernel releases the port of a killed gateway only after some time.
  while (bound === 0) {
    bound = await bind().catch(async (error: unknown) => {
      if (port === 0) throw error;
      await sleep(50);
      return 0;
    });
  }
  const kill = () => server.forceShutdown();
  toDispose.push(kill);
  return { port: bound, kill };
};

const connect = ({ port }: { port: number }, options: Partial<RekeyClientOptions> = {}): RekeyClient => {
  const client = createRekeyClient({
    address: `127.0.0.1:${port}`,
    retry: { firstPauseMs: 10, longestPauseMs: 50 },
    ...options,
  });
  toDispose.push(() => client.close());
  return client;
};

const failureOf = async (call: Promise<unknown>): Promise<RekeyClientError> => {
  const error: unknown = await call.then(
    () => {
      throw new Error('it did not fail');
    },
    (failure: unknown) => failure,
  );
  expect(error).toBeInstanceOf(RekeyClientError);
  return error as RekeyClientError;
};

/** Returns these responses in turn, then repeats the last one. Throws errors. */
const inTurn = (...answers: unknown[]) => {
  const requests: any[] = [];
  const handler: Handler = async (request) => {
    const answer = answers[Math.min(requests.length, answers.length - 1)];
    requests.push(request);
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { requests, handler };
};

const never: Handler = (_request, { signal }) =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve({})));
const away = () => new RekeyError('REDIS_UNAVAILABLE');
const queued = { id: 'rot_1', state: 'QUEUED' };
const succeeded = { id: 'rot_1', state: 'SUCCEEDED', version: '1700000000000', cause: 'ROTATION' };
const uuid = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/;
const request = { orgId: 'org', assistantId: 'ast' };

describe('a call', () => {
  it('returns dates and numbers, and leaves out unset fields', async () => {
    const createTime = { seconds: '1767225600', nanos: 5_000_000 };
    const client = connect(
      await startFake({
        rotations: {
          GetRotation: inTurn({ ...succeeded, createTime, updateTime: createTime, attemptCount: 1 }).handler,
        },
      }),
    );
    expect(await client.getRotation('rot_1')).toEqual({
      id: 'rot_1',
      orgId: '',
      assistantId: '',
      reason: '',
      state: 'SUCCEEDED',
      version: 1_700_000_000_000,
      cause: 'ROTATION',
      attemptCount: 1,
      createTime: new Date('2026-01-01T00:00:00.005Z'),
      updateTime: new Date('2026-01-01T00:00:00.005Z'),
    });
  });

  it('that reads is retried if the gateway is temporarily unable to answer', async () => {
    const { requests, handler } = inTurn(
      away(),
      new RekeyError('SHUTTING_DOWN'),
      new RekeyError('REDIS_MEMORY_LOW'),
      succeeded,
    );
    const client = connect(await startFake({ rotations: { GetRotation: handler } }));
    expect(await client.getRotation('rot_1')).toMatchObject({ state: 'SUCCEEDED' });
    expect(requests).toHaveLength(4);
  });

  it('that reads is retried if the gateway dies during the call and restarts', async () => {
    const dying = await startFake({
      rotations: {
        GetRotation: async (...args) => {
          setTimeout(() => dying.kill(), 20);
          return never(...args);
        },
      },
    });
    const client = connect(dying);
    const answer = client.getRotation('rot_1');
    await sleep(300);
    await startFake({ rotations: { GetRotation: inTurn(succeeded).handler } }, dying.port);
    expect(await answer).toMatchObject({ state: 'SUCCEEDED' });
  });

  it('that changes something without a request_id is sent once', async () => {
    const { requests, handler } = inTurn(away());
    const client = connect(await startFake({ rotations: { CancelRotation: handler } }));
    expect(await failureOf(client.cancelRotation('rot_1'))).toMatchObject({
      code: 'REDIS_UNAVAILABLE',
      retryable: true,
      requestId: undefined,
    });
    expect(requests).toHaveLength(1);
  });

  it('is sent once if `retry` is false', async () => {
    const { requests, handler } = inTurn(away());
    const client = connect(await startFake({ rotations: { GetRotation: handler } }), { retry: false });
    expect(await failureOf(client.getRotation('rot_1'))).toMatchObject({
      code: 'REDIS_UNAVAILABLE',
      grpcStatus: 'UNAVAILABLE',
    });
    expect(requests).toHaveLength(1);
  });

  it('is not retried if the error table says not to, and the error has the invalid fields', async () => {
    const fieldViolations = [{ field: 'org_id', description: 'must not be empty' }];
    const { requests, handler } = inTurn(new RekeyError('INVALID_ARGUMENT', { fieldViolations }));
    const client = connect(await startFake({ rotations: { RotateSecretKey: handler } }));
    const failure = await failureOf(client.rotateSecretKey(request));
    expect(failure).toMatchObject({
      code: 'INVALID_ARGUMENT',
      grpcStatus: 'INVALID_ARGUMENT',
      retryable: false,
      fieldViolations,
      advice: 'Correct the fields named in the BadRequest detail.',
    });
    expect(failure.message).toBe('INVALID_ARGUMENT: The request is not valid. org_id must not be empty.');
    expect(requests).toHaveLength(1);
  });

  it('is not retried after its deadline', async () => {
    const { requests, handler } = inTurn(away());
    const client = connect(await startFake({ rotations: { GetRotation: handler } }), {
      retry: { firstPauseMs: 60_000, longestPauseMs: 60_000 },
    });
    expect(await failureOf(client.getRotation('rot_1'))).toMatchObject({ code: 'REDIS_UNAVAILABLE' });
    expect(requests).toHaveLength(1);
  });

  it('fails at its deadline, with the failure of its last try as the cause', async () => {
    const client = connect(await startFake({ rotations: { GetRotation: inTurn(away()).handler } }));
    const begunMs = performance.now();
    const failure = await failureOf(client.getRotation('rot_1', { deadlineMs: 1000 }));
    expect(performance.now() - begunMs).toBeLessThan(1700);
    expect([failure.code, (failure.cause as RekeyClientError | undefined)?.code]).toContain(
      'REDIS_UNAVAILABLE',
    );
  });

  it('has a deadline if the gateway is silent', async () => {
    const client = connect(await startFake({ rotations: { RotateSecretKey: never } }), { deadlineMs: 200 });
    expect(await failureOf(client.rotateSecretKey(request))).toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      grpcStatus: 'DEADLINE_EXCEEDED',
      retryable: true,
      requestId: expect.stringMatching(uuid),
    });
  });

  it.each([
    ['60 s, enough for a long record over a slow link', {}, {}, 60_000],
    ['what the client was given for all calls', { deadlineMs: 5000 }, {}, 5000],
    ['what the call was given', { deadlineMs: 5000 }, { deadlineMs: 90_000 }, 90_000],
  ])('has a deadline to get an assistant: %s', async (_what, ofClient, ofCall, wholeMs) => {
    let leftMs = 0;
    const GetAssistant: Handler = (_request, { deadlineMs }) => {
      leftMs = deadlineMs! - Date.now();
      return { assistantId: 'ast' };
    };
    await connect(await startFake({ assistants: { GetAssistant } }), ofClient).getAssistant('ast', ofCall);
    expect(leftMs).toBeGreaterThan(wholeMs / 2);
    expect(leftMs).toBeLessThanOrEqual(wholeMs);
  });

  it.each<[string, (client: RekeyClient, signal: AbortSignal) => Promise<unknown>]>([
    ['getAssistant', (client, signal) => client.getAssistant('ast', { signal })],
    ['getRotation', (client, signal) => client.getRotation('rot_1', { signal })],
    [
      'waitRotation',
      (client, signal) => client.waitRotation({ id: 'rot_1', timeoutMs: 100 }, { deadlineMs: 300, signal }),
    ],
    ['listRotations', (client, signal) => client.listRotations({}, { signal })],
    ['listBulkRotationItems', (client, signal) => client.listBulkRotationItems({ id: 'blk_1' }, { signal })],
  ])('that only reads does not report that it may have taken effect: %s', async (_name, call) => {
    const fake = await startFake({
      assistants: { GetAssistant: never },
      rotations: { GetRotation: never, WaitRotation: never, ListRotations: never },
      bulks: { unary: { ListBulkRotationItems: never } },
    });
    const failure = await failureOf(call(connect(fake, { deadlineMs: 300 }), new AbortController().signal));
    expect(failure).toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      retryable: true,
      advice: 'Try again. If the response is long or the link slow, set a longer deadlineMs.',
    });
    expect(failure.message).toMatch(/^DEADLINE_EXCEEDED: The gateway did not answer in time\./);
    const aborted = await failureOf(call(connect(fake, { deadlineMs: 5000 }), AbortSignal.timeout(100)));
    expect(aborted.message).toBe('ABORTED: The signal aborted the call.');
    const client = connect(fake, { deadlineMs: 5000 });
    const closed = failureOf(call(client, new AbortController().signal));
    client.close();
    expect((await closed).message).toBe('CLIENT_CLOSED: The client is closed.');
  });

  it('that changes something reports that it may have taken effect', async () => {
    const client = connect(await startFake({ rotations: { RotateSecretKey: never } }), { deadlineMs: 200 });
    expect((await failureOf(client.rotateSecretKey(request))).message).toContain(
      'the call may have taken effect',
    );
  });

  it.each([0, -1, Number.NaN])('refuses a deadline of %p', async (deadlineMs) => {
    const client = connect({ port: 1 });
    await expect(client.getRotation('rot_1', { deadlineMs })).rejects.toThrow(TypeError);
  });

  it('can be aborted, also at the gateway', async () => {
    const gone = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const client = connect(
      await startFake({
        rotations: {
          GetRotation: (_request, { signal }) =>
            new Promise((resolve) => {
              begun.resolve();
              signal.addEventListener('abort', () => {
                gone.resolve();
                resolve(queued);
              });
            }),
        },
      }),
    );
    const controller = new AbortController();
    const failure = failureOf(client.getRotation('rot_1', { signal: controller.signal }));
    await begun.promise;
    controller.abort('enough');
    expect(await failure).toMatchObject({ code: 'ABORTED', cause: 'enough', retryable: false });
    await gone.promise;
    expect(await failureOf(client.getRotation('rot_1', { signal: controller.signal }))).toMatchObject({
      code: 'ABORTED',
    });
  });

  it('fails when the client is closed, as does every later call', async () => {
    const client = connect(await startFake({ rotations: { GetRotation: never } }));
    const failure = failureOf(client.getRotation('rot_1'));
    await sleep(100);
    client.close();
    client.close();
    expect(await failure).toMatchObject({ code: 'CLIENT_CLOSED' });
    expect(await failureOf(client.getRotation('rot_1'))).toMatchObject({ code: 'CLIENT_CLOSED' });
  });

  it('reports an address where nothing answers, without metadata', async () => {
    // With retries, the last try may have no time left, and its error would be the deadline.
    const client = connect({ port: 1 }, { retry: false });
    const failure = await failureOf(client.getStatus());
    expect(failure).toMatchObject({
      code: 'GATEWAY_UNAVAILABLE',
      grpcStatus: 'UNAVAILABLE',
      retryable: true,
    });
    expect(failure.message).toContain('127.0.0.1:1');
    expect(inspect(failure)).not.toMatch(/metadata|grpc-status-details/i);
  });

  it('is not retried at a gateway that does not know the method', async () => {
    const client = connect(await startFake({}));
    expect(await failureOf(client.getRotation('rot_1'))).toMatchObject({
      code: 'UNEXPECTED',
      grpcStatus: 'UNIMPLEMENTED',
      retryable: false,
    });
  });

  it('passes on the error details of the gateway, with the advice for that call', async () => {
    const client = connect(
      await startFake({
        bulks: {
          create: async () => {
            throw new RekeyError('CONSUMERS_MISSING', {
              which: 'billing (GONE)',
              metadata: { consumers: 'billing' },
            });
          },
        },
      }),
    );
    expect(await failureOf(client.createBulkRotation({ orgId: 'org_1', allAssistants: true }))).toMatchObject(
      {
        message: 'CONSUMERS_MISSING: A required consumer is not live or has not caught up: billing (GONE).',
        advice: expect.stringMatching(/^See rekey consumer status/),
        info: { call: 'CreateBulkRotation', consumers: 'billing', retryable: 'false' },
      },
    );
    const withoutRedis = connect(
      await startFake({
        rotations: {
          GetRotation: () => {
            throw new RekeyError('REDIS_UNAVAILABLE');
          },
          RotateSecretKey: () => {
            throw new RekeyError('REDIS_UNAVAILABLE');
          },
        },
      }),
      { retry: false },
    );
    expect((await failureOf(withoutRedis.getRotation('rot_1'))).advice).toBe('Try again.');
    expect((await failureOf(withoutRedis.rotateSecretKey(request))).advice).toBe(
      'Try again with the same request_id; it returns the same rotation.',
    );
  });

  it('reports a response that exceeds the size limit of gRPC', async () => {
    const client = connect(
      await startFake({ rotations: { GetRotation: () => ({ ...queued, reason: 'x'.repeat(34_000_000) }) } }),
    );
    expect(await failureOf(client.getRotation('rot_1'))).toMatchObject({
      code: 'RESPONSE_TOO_LARGE',
      grpcStatus: 'RESOURCE_EXHAUSTED',
      retryable: false,
    });
  });

  it('with a request that is too large is not retried, although its status is retryable', async () => {
    const client = connect(await startFake({ rotations: { RotateSecretKey: inTurn(queued).handler } }), {
      retry: { firstPauseMs: 60_000 },
    });
    expect(await failureOf(client.rotateSecretKey({ ...request, reason: 'x'.repeat(70_000) }))).toMatchObject(
      { code: 'UNEXPECTED', grpcStatus: 'RESOURCE_EXHAUSTED', retryable: false },
    );
  });

  it('sends the wait time in the form of the contract', async () => {
    const { requests, handler } = inTurn(succeeded);
    const client = connect(await startFake({ rotations: { WaitRotation: handler } }));
    await client.waitRotation({ id: 'rot_1', timeoutMs: 1500 });
    expect(requests).toMatchObject([
      {
        id: 'rot_1',
        timeout: { seconds: '1', nanos: 500_000_000 },
        until: 'UNTIL_UNSPECIFIED',
        consumers: [],
      },
    ]);
  });

  it('sends what to wait for, and returns the state of the consumers', async () => {
    const { requests, handler } = inTurn({
      ...succeeded,
      consumers: [
        { consumer: 'billing', state: 'ACKNOWLEDGED' },
        { consumer: 'crm', state: 'GONE' },
      ],
    });
    const client = connect(await startFake({ rotations: { WaitRotation: handler } }));
    expect(
      (await client.waitRotation({ id: 'rot_1', until: 'ACKNOWLEDGED', consumers: ['billing'] })).consumers,
    ).toEqual([
      { name: 'billing', state: 'ACKNOWLEDGED' },
      { name: 'crm', state: 'GONE' },
    ]);
    expect(requests).toMatchObject([{ until: 'ACKNOWLEDGED', consumers: ['billing'] }]);
  });
});

describe('request ids', () => {
  it('are generated, one for all tries of a rotation', async () => {
    const { requests, handler } = inTurn(away(), away(), queued);
    const client = connect(await startFake({ rotations: { RotateSecretKey: handler } }));
    await client.rotateSecretKey(request);
    const ids = new Set(requests.map(({ requestId }) => requestId));
    expect(requests).toHaveLength(3);
    expect(ids.size).toBe(1);
    expect([...ids][0]).toMatch(uuid);
  });

  it('differ for the next rotation, and are used as given', async () => {
    const { requests, handler } = inTurn(queued);
    const client = connect(await startFake({ rotations: { RotateSecretKey: handler } }));
    await client.rotateSecretKey(request);
    await client.rotateSecretKey(request);
    await client.rotateSecretKey({ ...request, requestId: 'given' });
    expect(requests[0].requestId).not.toBe(requests[1].requestId);
    expect(requests[2].requestId).toBe('given');
  });
});

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

describe('createRotationPolicy', () => {
  it('uses one request_id for all tries', async () => {
    const firsts: any[] = [];
    const client = connect(
      await startFake({
        policies: {
          create: async (messages) => {
            for await (const message of messages) firsts.push(message);
            if (firsts.length < 2) throw away();
            return {
              id: 'pol_1',
              everyDays: 90,
              window: { cron: '0 2 * * *', timeZone: 'UTC', length: { seconds: 3600, nanos: 0 } },
            };
          },
        },
      }),
    );
    const policy = await client.createRotationPolicy({
      orgId: 'org',
      allAssistants: true,
      everyDays: 90,
      window: { lengthMs: 3_600_000 },
    });
    expect(policy).toMatchObject({
      id: 'pol_1',
      everyDays: 90,
      window: { cron: '0 2 * * *', lengthMs: 3_600_000 },
    });
    expect(firsts[1]).toEqual(firsts[0]);
    expect(firsts[0]).toMatchObject({
      requestId: expect.stringMatching(uuid),
      window: { length: { seconds: '3600' } },
    });
  });
});

describe('rotateAndWait', () => {
  it('resolves with the rotation after it succeeded', async () => {
    const wait = inTurn(succeeded);
    const client = connect(
      await startFake({ rotations: { RotateSecretKey: inTurn(queued).handler, WaitRotation: wait.handler } }),
    );
    expect(await client.rotateAndWait(request)).toMatchObject({
      state: 'SUCCEEDED',
      version: 1_700_000_000_000,
    });
    expect(wait.requests).toMatchObject([{ id: 'rot_1', timeout: { seconds: '20' } }]);
  });

  it('does not wait for a rotation that has ended', async () => {
    const wait = inTurn(succeeded);
    const client = connect(
      await startFake({
        rotations: { RotateSecretKey: inTurn(succeeded).handler, WaitRotation: wait.handler },
      }),
    );
    await client.rotateAndWait(request);
    expect(wait.requests).toEqual([]);
  });

  it('sends one request, and continues to wait if the gateway dies and restarts', async () => {
    const rotate = inTurn(queued);
    const dying = await startFake({
      rotations: {
        RotateSecretKey: rotate.handler,
        WaitRotation: (...args) => {
          setTimeout(() => dying.kill(), 20);
          return never(...args);
        },
      },
    });
    const ended = connect(dying).rotateAndWait(request);
    await sleep(400);
    await startFake(
      { rotations: { RotateSecretKey: rotate.handler, WaitRotation: inTurn(away(), succeeded).handler } },
      dying.port,
    );
    expect(await ended).toMatchObject({ state: 'SUCCEEDED' });
    expect(rotate.requests).toHaveLength(1);
  });

  it('rejects with the reason of a failed rotation', async () => {
    const failed = {
      ...queued,
      state: 'FAILED',
      error: {
        reason: 'ASSISTANT_NOT_FOUND',
        message: 'Invent has no such assistant in this org (404).',
        advice: 'Check',
        upstreamStatus: 404,
      },
    };
    const client = connect(
      await startFake({
        rotations: { RotateSecretKey: inTurn(queued).handler, WaitRotation: inTurn(failed).handler },
      }),
    );
    const failure = await failureOf(client.rotateAndWait(request));
    expect(failure).toMatchObject({
      code: 'ASSISTANT_NOT_FOUND',
      grpcStatus: 'NOT_FOUND',
      retryable: false,
      rotation: { id: 'rot_1', state: 'FAILED', error: { upstreamStatus: 404 } },
    });
    expect(failure.message).toBe(
      'ASSISTANT_NOT_FOUND: rot_1 has failed; the key was not changed. ' +
        'Invent has no such assistant in this org (404).',
    );
  });

  it('rejects if the rotation was cancelled', async () => {
    const client = connect(
      await startFake({
        rotations: {
          RotateSecretKey: inTurn(queued).handler,
          WaitRotation: inTurn({ ...queued, state: 'CANCELLED' }).handler,
        },
      }),
    );
    expect(await failureOf(client.rotateAndWait(request))).toMatchObject({
      code: 'ROTATION_CANCELLED',
      rotation: { state: 'CANCELLED' },
    });
  });

  it('rejects after the timeout, and reports that the rotation continues', async () => {
    const wait = async (_request: unknown, { signal }: CallContext) => {
      await sleep(300, undefined, { signal }).catch(() => {});
      return { ...queued, state: 'RECONCILING' };
    };
    const client = connect(
      await startFake({ rotations: { RotateSecretKey: inTurn(queued).handler, WaitRotation: wait } }),
    );
    const failure = await failureOf(client.rotateAndWait(request, { timeoutMs: 1500 }));
    expect(failure).toMatchObject({
      code: 'ROTATION_NOT_ENDED',
      retryable: true,
      rotation: { id: 'rot_1', state: 'RECONCILING' },
    });
    expect(failure.message).toBe('ROTATION_NOT_ENDED: rot_1 did not end within the timeout; it continues.');
  });

  it('reports this also if the gateway is unavailable, with the cause', async () => {
    const client = connect(
      await startFake({
        rotations: { RotateSecretKey: inTurn(queued).handler, WaitRotation: inTurn(away()).handler },
      }),
    );
    expect(await failureOf(client.rotateAndWait(request, { timeoutMs: 1500 }))).toMatchObject({
      code: 'ROTATION_NOT_ENDED',
      rotation: { id: 'rot_1' },
      cause: { code: 'REDIS_UNAVAILABLE' },
    });
  });

  it('rejects without a rotation if none is known to be recorded', async () => {
    const client = connect(await startFake({ rotations: { RotateSecretKey: inTurn(away()).handler } }));
    expect(await failureOf(client.rotateAndWait(request, { timeoutMs: 1000 }))).toMatchObject({
      retryable: true,
      rotation: undefined,
      requestId: expect.stringMatching(uuid),
    });
  });

  it('can be aborted while it waits, and the error has the rotation', async () => {
    const client = connect(
      await startFake({ rotations: { RotateSecretKey: inTurn(queued).handler, WaitRotation: never } }),
    );
    expect(
      await failureOf(client.rotateAndWait(request, { signal: AbortSignal.timeout(1000) })),
    ).toMatchObject({ code: 'ABORTED', rotation: { id: 'rot_1' } });
  });

  it('pauses between requests if the response comes too early', async () => {
    const wait = inTurn({ ...queued, state: 'QUEUED' });
    const client = connect(
      await startFake({ rotations: { RotateSecretKey: inTurn(queued).handler, WaitRotation: wait.handler } }),
    );
    await failureOf(client.rotateAndWait(request, { timeoutMs: 1000 }));
    expect(wait.requests.length).toBeLessThan(45);
  });
});

describe('waitUntilSucceeded', () => {
  it('continues the wait of rotateAndWait', async () => {
    const client = connect(
      await startFake({ rotations: { WaitRotation: inTurn(away(), succeeded).handler } }),
    );
    expect(await client.waitUntilSucceeded('rot_1')).toMatchObject({ state: 'SUCCEEDED' });
  });

  it('rejects at once if there is none', async () => {
    const client = connect(
      await startFake({ rotations: { WaitRotation: inTurn(new RekeyError('ROTATION_NOT_FOUND')).handler } }),
    );
    expect(await failureOf(client.waitUntilSucceeded('rot_9'))).toMatchObject({
      code: 'ROTATION_NOT_FOUND',
      rotation: undefined,
    });
  });

  it('does not report that an unknown rotation continues', async () => {
    expect(
      await failureOf(connect({ port: 1 }).waitUntilSucceeded('rot_1', { timeoutMs: 100 })),
    ).toMatchObject({ code: 'GATEWAY_UNAVAILABLE' });
  });
});

describe('acknowledgedBy', () => {
  const reached = (states: Record<string, string>) => ({
    ...succeeded,
    consumers: Object.entries(states).map(([consumer, state]) => ({ consumer, state })),
  });
  /** A gateway whose WaitRotation answers a moment after its timeout. */
  const slowly =
    (answer: unknown, ms = 100): Handler =>
    async (_request, { signal }) => {
      await sleep(ms, undefined, { signal }).catch(() => {});
      return answer;
    };

  it('continues to wait after the end, until the named consumers have acknowledged it', async () => {
    const wait = inTurn(
      queued,
      reached({ billing: 'ACKNOWLEDGED', chat: 'PENDING' }),
      reached({ billing: 'ACKNOWLEDGED', chat: 'PENDING' }),
      away(),
      reached({ billing: 'ACKNOWLEDGED', chat: 'ACKNOWLEDGED', crm: 'PENDING' }),
    );
    const client = connect(
      await startFake({ rotations: { RotateSecretKey: inTurn(queued).handler, WaitRotation: wait.handler } }),
    );
    const names = ['billing', 'chat'];
    expect((await client.rotateAndWait(request, { acknowledgedBy: names })).consumers).toEqual([
      { name: 'billing', state: 'ACKNOWLEDGED' },
      { name: 'chat', state: 'ACKNOWLEDGED' },
      { name: 'crm', state: 'PENDING' },
    ]);
    const [ended, acknowledged] = [
      { until: 'UNTIL_UNSPECIFIED', consumers: [] },
      { until: 'ACKNOWLEDGED', consumers: names, timeout: { seconds: '20' } },
    ];
    expect(wait.requests).toMatchObject([
      ended,
      ended,
      ...Array.from({ length: 3 }, () => ({ ...acknowledged, timeout: expect.anything() })),
    ]);
  });

  it("with 'all' does not wait for a gone consumer, but for one that could not apply it", async () => {
    const wait = inTurn(
      succeeded,
      reached({ billing: 'ACKNOWLEDGED', chat: 'UNAPPLIED' }),
      reached({ billing: 'PENDING', chat: 'ACKNOWLEDGED' }),
      reached({ billing: 'ACKNOWLEDGED', chat: 'ACKNOWLEDGED', crm: 'GONE' }),
    );
    const client = connect(await startFake({ rotations: { WaitRotation: wait.handler } }));
    expect((await client.waitUntilSucceeded('rot_1', { acknowledgedBy: 'all' })).consumers).toContainEqual({
      name: 'crm',
      state: 'GONE',
    });
    expect(wait.requests).toMatchObject([
      { until: 'UNTIL_UNSPECIFIED' },
      ...Array.from({ length: 3 }, () => ({ until: 'ACKNOWLEDGED', consumers: [] })),
    ]);
  });

  it('waits also if the rotation had succeeded before and its response leaves consumers out', async () => {
    const wait = inTurn(reached({ billing: 'ACKNOWLEDGED' }));
    const client = connect(
      await startFake({
        rotations: { RotateSecretKey: inTurn(succeeded).handler, WaitRotation: wait.handler },
      }),
    );
    expect(await client.rotateAndWait(request, { acknowledgedBy: 'all' })).toMatchObject({
      consumers: [{ name: 'billing' }],
    });
    expect(wait.requests).toHaveLength(1);
  });

  it.each([
    ['no consumers at all', {}],
    ['none that is live', { billing: 'GONE', crm: 'GONE' }],
  ])('is not satisfied by %s', async (_what, states) => {
    const client = connect(await startFake({ rotations: { WaitRotation: slowly(reached(states)) } }));
    const failure = await failureOf(
      client.waitUntilSucceeded('rot_1', { acknowledgedBy: 'all', timeoutMs: 500 }),
    );
    expect(failure).toMatchObject({
      code: 'ROTATION_NOT_ACKNOWLEDGED',
      retryable: true,
      rotation: { id: 'rot_1', state: 'SUCCEEDED' },
    });
  });

  it('is satisfied by a consumer that returns in time', async () => {
    const wait = inTurn(succeeded, reached({ billing: 'GONE' }), reached({ billing: 'ACKNOWLEDGED' }));
    const client = connect(await startFake({ rotations: { WaitRotation: wait.handler } }));
    expect((await client.waitUntilSucceeded('rot_1', { acknowledgedBy: 'all' })).consumers).toEqual([
      { name: 'billing', state: 'ACKNOWLEDGED' },
    ]);
  });

  it('names the missing consumers after the timeout, including gone ones that were named', async () => {
    const client = connect(
      await startFake({
        rotations: {
          WaitRotation: slowly(
            reached({ billing: 'ACKNOWLEDGED', chat: 'PENDING', crm: 'GONE', web: 'GONE' }),
          ),
        },
      }),
    );
    const failure = await failureOf(
      client.waitUntilSucceeded('rot_1', { acknowledgedBy: ['billing', 'chat', 'crm'], timeoutMs: 1000 }),
    );
    expect(failure).toMatchObject({
      code: 'ROTATION_NOT_ACKNOWLEDGED',
      grpcStatus: 'DEADLINE_EXCEEDED',
      retryable: true,
      rotation: { id: 'rot_1', state: 'SUCCEEDED', version: 1_700_000_000_000 },
    });
    expect(failure.rotation!.consumers).toContainEqual({ name: 'chat', state: 'PENDING' });
    expect(failure.message).toBe(
      'ROTATION_NOT_ACKNOWLEDGED: rot_1 succeeded, but was not acknowledged within the timeout ' +
        'by chat (PENDING), crm (GONE).',
    );
    expect(
      await failureOf(client.waitUntilSucceeded('rot_1', { acknowledgedBy: 'all', timeoutMs: 500 })),
    ).toMatchObject({ message: expect.stringMatching(/within the timeout by chat \(PENDING\)\.$/) });
  });

  it('rejects with the rotation also if the gateway is silent after it succeeded', async () => {
    const client = connect(
      await startFake({ rotations: { RotateSecretKey: inTurn(succeeded).handler, WaitRotation: never } }),
    );
    const failure = await failureOf(
      client.rotateAndWait(request, { acknowledgedBy: ['billing'], timeoutMs: 500 }),
    );
    expect(failure).toMatchObject({ code: 'ROTATION_NOT_ACKNOWLEDGED', rotation: { state: 'SUCCEEDED' } });
    expect(failure.message).toMatch(/within the timeout by billing\.$/);
  });

  it('pauses between requests if the response comes too early', async () => {
    const wait = inTurn(reached({ chat: 'PENDING' }));
    const client = connect(await startFake({ rotations: { WaitRotation: wait.handler } }));
    await failureOf(client.waitUntilSucceeded('rot_1', { acknowledgedBy: 'all', timeoutMs: 1000 }));
    expect(wait.requests.length).toBeLessThan(45);
  });

  it('does not wait for consumers of a rotation that failed or has not ended', async () => {
    const failed = {
      ...queued,
      state: 'FAILED',
      error: { reason: 'ASSISTANT_NOT_FOUND', message: 'm', advice: 'a', upstreamStatus: 404 },
    };
    const client = connect(
      await startFake({
        rotations: {
          WaitRotation: async ({ id }, context) =>
            id === 'rot_1' ? failed : slowly(queued)(undefined, context),
        },
      }),
    );
    expect(await failureOf(client.waitUntilSucceeded('rot_1', { acknowledgedBy: 'all' }))).toMatchObject({
      code: 'ASSISTANT_NOT_FOUND',
      rotation: { state: 'FAILED' },
    });
    expect(
      await failureOf(client.waitUntilSucceeded('rot_2', { acknowledgedBy: 'all', timeoutMs: 500 })),
    ).toMatchObject({ code: 'ROTATION_NOT_ENDED' });
  });

  it.each(['CONSUMER_NOT_FOUND', 'CONSUMER_MAY_NOT_READ', 'CONSUMERS_MISSING'] as const)(
    'rejects at once with %s and the rotation, whose key is replaced',
    async (reason) => {
      const client = connect(
        await startFake({ rotations: { WaitRotation: inTurn(succeeded, new RekeyError(reason)).handler } }),
      );
      expect(
        await failureOf(client.waitUntilSucceeded('rot_1', { acknowledgedBy: ['biling'] })),
      ).toMatchObject({ code: reason, rotation: { state: 'SUCCEEDED' } });
    },
  );

  it.each([[[]], ['billing']])('cannot be %p: nothing is sent', async (acknowledgedBy) => {
    const rotate = inTurn(queued);
    const client = connect(await startFake({ rotations: { RotateSecretKey: rotate.handler } }));
    await expect(
      client.rotateAndWait(request, { acknowledgedBy: acknowledgedBy as string[] }),
    ).rejects.toThrow(TypeError);
    await expect(
      client.waitUntilSucceeded('rot_1', { acknowledgedBy: acknowledgedBy as string[] }),
    ).rejects.toThrow(TypeError);
    expect(rotate.requests).toEqual([]);
  });
});

describe('consumers', () => {
  it('are listed from all pages', async () => {
    const list = inTurn({ consumers: [{ name: 'a' }, { name: 'b' }], nextPageToken: 't' }, away(), {
      consumers: [{ name: 'c' }],
    });
    const client = connect(await startFake({ consumers: { ListConsumers: list.handler } }));
    expect((await client.listConsumers()).map(({ name }) => name)).toEqual(['a', 'b', 'c']);
    expect(list.requests).toMatchObject([
      { pageSize: 100, pageToken: '' },
      { pageSize: 100, pageToken: 't' },
      { pageSize: 100, pageToken: 't' },
    ]);
  });

  const time = { seconds: '1767225600', nanos: 0 };
  const billing = {
    name: 'billing',
    orgs: ['org'],
    state: 'ACTIVE',
    createTime: time,
    keyType: 'X25519',
    keyId: 'abc',
    live: true,
    lagEvents: '3',
    lag: { seconds: '1', nanos: 500_000_000 },
    instances: [
      {
        id: 'a',
        live: true,
        heardTime: time,
        position: '7-0',
        seq: '7',
        keyCount: '5000',
        unappliedCount: '1',
        unapplied: [{ assistantId: 'ast', version: '0', why: 'forged' }],
        refusedCount: '3',
        refused: [{ assistantId: 'ast', version: '7', why: 'forged' }],
      },
    ],
  };
  const publicJwk = '{"kty":"OKP"}';

  it('have dates and numbers, and no unset fields', async () => {
    const client = connect(
      await startFake({
        consumers: {
          GetConsumer: inTurn(away(), billing).handler,
          ListConsumers: inTurn(away(), {
            consumers: [{ name: 'crm', orgs: ['*'], state: 'PENDING', createTime: time, keyType: 'shared' }],
          }).handler,
        },
      }),
    );
    const date = new Date('2026-01-01T00:00:00Z');
    expect(await client.getConsumer('billing')).toEqual({
      name: 'billing',
      orgs: ['org'],
      state: 'ACTIVE',
      createTime: date,
      keyType: 'X25519',
      keyId: 'abc',
      live: true,
      lagEvents: 3,
      lagMs: 1500,
      instances: [
        {
          id: 'a',
          live: true,
          heardTime: date,
          position: '7-0',
          seq: 7,
          keyCount: 5000,
          unappliedCount: 1,
          unapplied: [{ assistantId: 'ast', why: 'forged' }],
          refusedCount: 3,
          refused: [{ assistantId: 'ast', version: 7, why: 'forged' }],
        },
      ],
    });
    expect(await client.listConsumers()).toEqual([
      {
        name: 'crm',
        orgs: ['*'],
        state: 'PENDING',
        createTime: date,
        keyType: 'shared',
        live: false,
        lagEvents: 0,
        instances: [],
      },
    ]);
  });

  it('are added with a public key, and given orgs, with retries', async () => {
    const [add, set] = [inTurn(away(), billing), inTurn(new RekeyError('CONSUMER_BUSY'), billing)];
    const client = connect(
      await startFake({ consumers: { AddConsumer: add.handler, SetConsumerOrgs: set.handler } }),
    );
    expect(await client.addConsumer({ name: 'billing', orgs: ['org'], publicJwk })).toMatchObject({
      name: 'billing',
      state: 'ACTIVE',
    });
    expect(await client.setConsumerOrgs({ name: 'billing', orgs: ['org', 'c'] })).toMatchObject({
      name: 'billing',
    });
    expect(add.requests).toMatchObject(
      Array.from({ length: 2 }, () => ({ name: 'billing', orgs: ['org'], publicJwk })),
    );
    expect(set.requests).toMatchObject(
      Array.from({ length: 2 }, () => ({ name: 'billing', orgs: ['org', 'c'] })),
    );
  });

  it('are added with a shared key, and removed, without retries', async () => {
    const [add, remove] = [inTurn(away()), inTurn(away(), {})];
    const client = connect(
      await startFake({ consumers: { AddConsumer: add.handler, RemoveConsumer: remove.handler } }),
    );
    expect(
      await failureOf(client.addConsumer({ name: 'billing', orgs: ['org'], sealedSharedJwk: '{}' })),
    ).toMatchObject({ code: 'REDIS_UNAVAILABLE' });
    expect(await failureOf(client.removeConsumer('billing'))).toMatchObject({ code: 'REDIS_UNAVAILABLE' });
    expect([add.requests.length, remove.requests.length]).toEqual([1, 1]);
    expect(await client.removeConsumer('billing')).toBeUndefined();
    expect(remove.requests).toEqual([{ name: 'billing' }, { name: 'billing' }]);
  });

  it('trust a public key, which is requested until a worker has run', async () => {
    const { requests, handler } = inTurn(new RekeyError('NO_WORKER_YET'), {
      jwk: '{"kty":"OKP","crv":"Ed25519"}',
    });
    const client = connect(await startFake({ consumers: { GetPublicKey: handler } }));
    expect(await client.getPublicKey()).toEqual({ jwk: '{"kty":"OKP","crv":"Ed25519"}' });
    expect(requests).toHaveLength(2);
  });

  it('are refused if the name exists', async () => {
    const client = connect(
      await startFake({ consumers: { AddConsumer: inTurn(new RekeyError('CONSUMER_EXISTS')).handler } }),
    );
    expect(await failureOf(client.addConsumer({ name: 'billing', orgs: ['org'], publicJwk }))).toMatchObject({
      code: 'CONSUMER_EXISTS',
      grpcStatus: 'ALREADY_EXISTS',
      retryable: false,
    });
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

describe('lists', () => {
  it('are read page by page with the filter, including empty pages', async () => {
    const list = inTurn(
      { rotations: [{ ...queued, id: 'rot_3' }], nextPageToken: 'a' },
      { rotations: [], nextPageToken: 'b' },
      away(),
      { rotations: [{ ...queued, id: 'rot_1' }], nextPageToken: '' },
    );
    const client = connect(await startFake({ rotations: { ListRotations: list.handler } }));
    const ids: string[] = [];
    for await (const { id } of client.rotations({ orgId: 'org', state: 'QUEUED' })) ids.push(id);
    expect(ids).toEqual(['rot_3', 'rot_1']);
    expect(list.requests.map(({ pageToken }) => pageToken)).toEqual(['', 'a', 'b', 'b']);
    expect(list.requests[3]).toMatchObject({ orgId: 'org', state: 'QUEUED', pageSize: 500 });
  });

  it('request no page that the caller does not read', async () => {
    const list = inTurn({
      items: [
        {
          assistantId: 'ast_1',
          state: 'FAILED',
          error: { reason: 'ASSISTANT_NOT_FOUND', message: 'm', advice: 'a' },
        },
      ],
      nextPageToken: 'a',
    });
    const client = connect(await startFake({ bulks: { unary: { ListBulkRotationItems: list.handler } } }));
    for await (const item of client.bulkItems('blk_1', { state: 'FAILED' })) {
      expect(item).toEqual({
        assistantId: 'ast_1',
        state: 'FAILED',
        error: { reason: 'ASSISTANT_NOT_FOUND', message: 'm', advice: 'a' },
      });
      break;
    }
    expect(list.requests).toMatchObject([{ id: 'blk_1', state: 'FAILED', pageSize: 1000 }]);
  });

  it('return one page with its token', async () => {
    const client = connect(
      await startFake({
        rotations: {
          ListRotations: inTurn(
            { rotations: [queued], nextPageToken: 'a' },
            { rotations: [], nextPageToken: '' },
          ).handler,
        },
      }),
    );
    expect(await client.listRotations({ pageSize: 1 })).toMatchObject({
      rotations: [{ id: 'rot_1' }],
      nextPageToken: 'a',
    });
    expect(await client.listRotations({ pageSize: 1, pageToken: 'a' })).toEqual({ rotations: [] });
  });
});

describe('ready', () => {
  it('rejects if nothing answers within the timeout', async () => {
    expect(await failureOf(connect({ port: 1 }).ready({ timeoutMs: 200 }))).toMatchObject({
      code: 'GATEWAY_UNAVAILABLE',
    });
  });

  it('can be aborted', async () => {
    expect(await failureOf(connect({ port: 1 }).ready({ signal: AbortSignal.timeout(100) }))).toMatchObject({
      code: 'ABORTED',
    });
  });
});

import { inspect } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { RekeyError } from '@rekey/schema';
import type { RekeyClientError } from './calls/client-error.ts';
import type { RekeyClient } from './client.ts';
import {
  type Handler,
  startFake,
  connect,
  failureOf,
  inTurn,
  never,
  away,
  queued,
  succeeded,
  uuid,
  request,
} from './gateway-fixture.ts';

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

import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import type { CallContext } from '@rekey/rpc';
import { RekeyError } from '@rekey/schema';
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
} from '../gateway-fixture.ts';

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

describe('a wait for which the gateway has no room', () => {
  const refusal = (retryAfterMs: number) => new RekeyError('TOO_MANY_CALLS', { retryAfterMs });

  it('continues as often as it is refused, and learns the end', async () => {
    const wait = inTurn(refusal(30), refusal(30), queued, refusal(30), succeeded);
    const client = connect(await startFake({ rotations: { WaitRotation: wait.handler } }));
    expect(await client.waitUntilSucceeded('rot_1', { timeoutMs: 20_000 })).toMatchObject({
      state: 'SUCCEEDED',
    });
    expect(wait.requests).toHaveLength(5);
  });

  it('asks once more before its timeout if it is to come back after it', async () => {
    const wait = inTurn(refusal(30_000), succeeded);
    const client = connect(await startFake({ rotations: { WaitRotation: wait.handler } }));
    const beganMs = performance.now();
    expect(await client.waitUntilSucceeded('rot_1', { timeoutMs: 3000 })).toMatchObject({
      state: 'SUCCEEDED',
    });
    expect(performance.now() - beganMs).toBeGreaterThan(1900);
  });

  it('asks no more than that, and ends with the refusal as the cause', async () => {
    const wait = inTurn(refusal(30_000), refusal(30_000), succeeded);
    const rotations = { RotateSecretKey: inTurn(queued).handler, WaitRotation: wait.handler };
    const client = connect(await startFake({ rotations }));
    expect(await failureOf(client.rotateAndWait(request, { timeoutMs: 1500 }))).toMatchObject({
      code: 'ROTATION_NOT_ENDED',
      cause: { code: 'TOO_MANY_CALLS', retryAfterMs: 30_000 },
    });
    // A timer may fire a moment before its time: what it sends then has no time left.
    const timely = wait.requests.filter(({ timeout }) => Number(timeout.seconds) * 1e9 + timeout.nanos > 1e8);
    expect(timely).toHaveLength(2);
  });
});

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openLedger } from '@rekey/ledger';
import { areTrials, inCheck } from '@rekey/testing';
import { UnrecoverableError, Worker } from 'bullmq';
import { failureOf } from '../support/failure-of.ts';
import { connect, eventually, startSystem, type System } from '../support/system.ts';

let system: System;
const startWithoutWorker = async () => {
  system = await startSystem({ worker: false });
};
afterEach(() => system.stop());

const expectInForce = async (assistantId: string) =>
  expect((await system.openLast(assistantId)).assistant.secret_key).toBe(await system.trueKey(assistantId));
const health = () => system.client.health().catch(() => 'UNKNOWN');

describe('a process that dies', () => {
  beforeEach(startWithoutWorker);

  it('leaves the rotation to the next worker, if the gateway dies right after its response', async () => {
    const { id } = await system.rotate('ast_1');
    await system.gateway.child.kill();
    await system.startWorker();
    await eventually(
      () => system.versions(),
      (events) => events.length === 1,
    );
    expect(await system.redis.hget(`{rekey}:rotation:${id}`, 'state')).toBe('SUCCEEDED');
    await expectInForce('ast_1');
  });

  // In the check, crash-points.spec.ts.
  if (areTrials)
    it.each([
      // The key found may be older than the request: Rekey publishes it and requests another.
      ['hangAfterCommit', 3],
      // The unchanged key is published too: consumers were told that it is uncertain.
      ['hangBefore', 2],
    ])(
      'leaves its POST to another worker, which reads it back and publishes each key once: %s',
      async (kind, changes) => {
        const first = await system.startWorker({ REKEY_TAKEOVER_AFTER_MS: '6000' });
        await system.rotateAndWait('ast_1');
        await system.admin('POST', '/faults', { assistantId: 'ast_1', kind });
        const { id } = await system.rotate('ast_1');
        await eventually(
          () => system.admin('GET', '/counts'),
          ({ rotate }) => rotate === 2,
        );
        await first.child.kill();
        await system.startWorker({ REKEY_TAKEOVER_AFTER_MS: '6000' });
        expect(await system.waitFor(id, 90)).toMatchObject({
          state: 'SUCCEEDED',
          cause: 'ROTATION',
          attemptCount: 2,
        });
        expect((await system.admin('GET', '/assistants/ast_1')).rotations).toBe(changes);
        expect((await system.versions()).map(({ data }) => data.cause)).toEqual([
          'rotation',
          'reconciliation',
          'rotation',
        ]);
        await expectInForce('ast_1');
      },
      120_000,
    );

  it('answers waiting callers when the gateway gets SIGTERM', async () => {
    const { id } = await system.rotate('ast_1');
    const waiting = failureOf(system.client.waitRotation({ id, timeoutMs: 30_000 }, { deadlineMs: 30_000 }));
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await system.gateway.child.stop()).toBe(0);
    expect(await waiting).toMatchObject({ code: 'UNAVAILABLE', reason: 'SHUTTING_DOWN' });
  });
});

describe('lost work', () => {
  beforeEach(startWithoutWorker);

  const losses: [name: string, lose: () => Promise<string>][] = [
    [
      'recorded but never queued',
      async () => {
        const ledger = openLedger(system.redis, { prefix: 'rekey' });
        await ledger.rotations.accept('rot_01ARZ3NDEKTSV4RRFFQ69G5FAV', {
          orgId: 'org_demo',
          assistantId: 'ast_1',
          reason: '',
        });
        return 'rot_01ARZ3NDEKTSV4RRFFQ69G5FAV';
      },
    ],
    [
      'whose job is gone',
      async () => {
        const { id } = await system.rotate('ast_1');
        await system.redis.del(...(await system.redis.keys('{rekey}:bull:*')));
        return id;
      },
    ],
    [
      'whose job has failed',
      async () => {
        const { id } = await system.rotate('ast_1');
        const connection = system.redis.duplicate({ maxRetriesPerRequest: null });
        const taker = new Worker(
          'rotations',
          async () => Promise.reject(new UnrecoverableError('stalled too often')),
          { connection, prefix: '{rekey}:bull' },
        );
        await new Promise((resolve) => taker.once('failed', resolve));
        await taker.close();
        connection.disconnect();
        return id;
      },
    ],
  ];
  it.each(inCheck(['whose job is gone'], losses))(
    'is found and finished: a rotation %s',
    async (_what, lose) => {
      const id = await lose();
      const worker = await system.startWorker({ REKEY_TAKEOVER_AFTER_MS: '2000' });
      expect(await system.waitFor(id)).toMatchObject({
        state: 'SUCCEEDED',
        cause: 'ROTATION',
        attemptCount: 1,
      });
      expect(worker.output()).toContain('rotation_job_restored');
      await expectInForce('ast_1');
    },
  );
});

describe('a backlog', () => {
  it('does not delay a read-back', async () => {
    system = await startSystem({ simulator: ['--latency-ms', '50'], worker: false });
    const worker = await system.startWorker();
    await system.rotateAndWait('ast_1');
    expect(await worker.child.stop()).toBe(0);
    const uncertain = await system.rotate('ast_1');
    await Promise.all(Array.from({ length: 300 }, (_, i) => system.rotate(`ast_${i + 2}`)));
    await system.admin('POST', '/faults', { assistantId: 'ast_1', kind: 'loseResponseAfterCommit' });
    await system.admin('POST', '/faults', { assistantId: 'ast_1', on: 'get', kind: 'failBefore' });
    await system.startWorker({ WORKER_CONCURRENCY: '1' });
    expect(await system.waitFor(uncertain.id, 30)).toMatchObject({
      state: 'SUCCEEDED',
      cause: 'ROTATION',
      attemptCount: 2,
    });
    expect(await system.redis.zcard('{rekey}:rotations:open')).toBeGreaterThan(150);
  });
});

describe('a Redis that is away', () => {
  beforeEach(startWithoutWorker);

  it('makes the gateway NOT_SERVING and its responses UNAVAILABLE, until it is back', async () => {
    await eventually(health, (status) => status === 'SERVING');
    // With persistence: an empty Redis has lost the ledger, and no request would leave until an operator
    // adopts it.
    await system.redis.save();
    await system.redisServer.kill();
    await eventually(health, (status) => status === 'NOT_SERVING');
    for (const call of [
      system.rotate('ast_1'),
      system.client.listRotations(),
      system.client.getAssistant('ast_1'),
    ]) {
      const failure = await failureOf(call);
      expect(failure).toMatchObject({ code: 'UNAVAILABLE', reason: 'REDIS_UNAVAILABLE' });
      expect(failure.message).not.toMatch(/127\.0\.0\.1|ECONN|ioredis| at /);
    }
    await system.redisServer.restart();
    await eventually(health, (status) => status === 'SERVING');
    await system.startWorker();
    expect(await system.rotateAndWait('ast_1')).toMatchObject({ state: 'SUCCEEDED' });
  });

  if (areTrials)
    it('is noticed even if it keeps its connections and answers nothing', async () => {
      await eventually(health, (status) => status === 'SERVING');
      system.redisServer.freeze();
      await eventually(health, (status) => status === 'NOT_SERVING');
      expect(await failureOf(system.rotate('ast_1'))).toMatchObject({
        code: 'UNAVAILABLE',
        reason: 'REDIS_UNAVAILABLE',
      });
      system.redisServer.thaw();
      await eventually(health, (status) => status === 'SERVING');
    });

  it('does not end a gateway that starts before it', async () => {
    await system.redisServer.kill();
    const early = await system.startGateway();
    await system.redisServer.restart();
    const client = connect(early.ready['address']!);
    try {
      const state = () =>
        client.rotateSecretKey({ orgId: 'org_demo', assistantId: 'ast_1' }).then(
          (rotation) => rotation.state,
          (error: Error) => error.message,
        );
      expect(await eventually(state, (answer) => answer === 'QUEUED')).toBe('QUEUED');
    } finally {
      client.close();
    }
  });
});

describe('a POST in flight', () => {
  /** Requests a rotation whose POST takes 2.5 s, and resolves once it has left. */
  const requestSlow = async () => {
    system = await startSystem({
      simulator: ['--latency-ms', '2500'],
      worker: { INVENT_TIMEOUT_MS: '5000', REKEY_LANDING_WINDOW_MS: '5000' },
    });
    const rotation = await system.rotate('ast_1');
    await eventually(
      () => system.client.getRotation(rotation.id),
      ({ state }) => state === 'ROTATING',
    );
    return rotation;
  };

  it('is finished by a worker that gets SIGTERM, which exits with 0', async () => {
    const { id } = await requestSlow();
    expect(await system.worker!.child.stop()).toBe(0);
    expect(await system.client.getRotation(id)).toMatchObject({ state: 'SUCCEEDED', cause: 'ROTATION' });
    expect(await system.gateway.child.stop()).toBe(0);
    expect(await system.simulator.child.stop()).toBe(0);
  });

  it('is not lost, nor its key, while Redis is away', async () => {
    const { id } = await requestSlow();
    system.redisServer.freeze();
    await eventually(
      () => system.admin('GET', '/assistants/ast_1'),
      ({ rotations }) => rotations === 1,
    );
    await new Promise((resolve) => setTimeout(resolve, 500));
    system.redisServer.thaw();
    expect(await system.waitFor(id)).toMatchObject({ state: 'SUCCEEDED', cause: 'ROTATION' });
    await expectInForce('ast_1');
  });
});

import { chmod, copyFile, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openLedger } from '@rekey/ledger';
import { createKeyFile } from '@rekey/sealing';
import { programArguments, startChild, startRedis } from '@rekey/testing';
import { UnrecoverableError, Worker } from 'bullmq';
import { failureOf } from '../support/failure-of.ts';
import { refusal, waitingWorker } from '../support/refusal.ts';
import { connect, eventually, startSystem, type System } from '../support/system.ts';

let system: System;
beforeEach(async () => {
  system = await startSystem({ worker: false });
});
afterEach(() => system.stop());

const expectInForce = async (assistantId: string) =>
  expect((await system.openLast(assistantId)).assistant.secret_key).toBe(await system.trueKey(assistantId));
const health = async (): Promise<string> => {
  const child = startChild(process.execPath, [
    ...programArguments('rekey'),
    'health',
    '--json',
    '--gateway',
    system.gateway.ready['address']!,
  ]);
  let text = '';
  child.process.stdout?.on('data', (chunk) => (text += chunk));
  child.process.stderr?.resume();
  await child.exited;
  return /"status":"(\w+)"/.exec(text)?.[1] ?? text;
};
describe('a process that dies', () => {
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

  it('finishes its POST in flight on SIGTERM, and exits with 0', async () => {
    const slow = await startSystem({ simulator: ['--latency-ms', '2500'], worker: false });
    try {
      const worker = await slow.startWorker({
        INVENT_TIMEOUT_MS: '5000',
        REKEY_LANDING_WINDOW_MS: '5000',
      });
      const { id } = await slow.rotate('ast_1');
      await eventually(
        () => slow.client.getRotation(id),
        ({ state }) => state === 'ROTATING',
      );
      expect(await worker.child.stop()).toBe(0);
      expect(await slow.client.getRotation(id)).toMatchObject({ state: 'SUCCEEDED', cause: 'ROTATION' });
      expect(await slow.gateway.child.stop()).toBe(0);
      expect(await slow.simulator.child.stop()).toBe(0);
    } finally {
      await slow.stop();
    }
  });

  it('answers waiting callers when the gateway gets SIGTERM', async () => {
    const { id } = await system.rotate('ast_1');
    const waiting = failureOf(system.client.waitRotation({ id, timeoutMs: 30_000 }, { deadlineMs: 30_000 }));
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await system.gateway.child.stop()).toBe(0);
    expect(await waiting).toMatchObject({ code: 'UNAVAILABLE', reason: 'SHUTTING_DOWN' });
  });
});

describe('lost work', () => {
  it.each([
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
  ])('is found and finished: a rotation %s', async (_what, lose) => {
    const id = await lose();
    const worker = await system.startWorker({ REKEY_TAKEOVER_AFTER_MS: '2000' });
    expect(await system.waitFor(id)).toMatchObject({
      state: 'SUCCEEDED',
      cause: 'ROTATION',
      attemptCount: 1,
    });
    expect(worker.output()).toContain('rotation_job_restored');
    await expectInForce('ast_1');
  });
});

describe('a backlog', () => {
  it('does not delay a read-back', async () => {
    const busy = await startSystem({ simulator: ['--latency-ms', '50'], worker: false });
    try {
      const worker = await busy.startWorker();
      await busy.rotateAndWait('ast_1');
      expect(await worker.child.stop()).toBe(0);
      const uncertain = await busy.rotate('ast_1');
      await Promise.all(Array.from({ length: 300 }, (_, i) => busy.rotate(`ast_${i + 2}`)));
      await busy.admin('POST', '/faults', { assistantId: 'ast_1', kind: 'loseResponseAfterCommit' });
      await busy.admin('POST', '/faults', { assistantId: 'ast_1', on: 'get', kind: 'failBefore' });
      await busy.startWorker({ WORKER_CONCURRENCY: '1' });
      expect(await busy.waitFor(uncertain.id, 30)).toMatchObject({
        state: 'SUCCEEDED',
        cause: 'ROTATION',
        attemptCount: 2,
      });
      expect(await busy.redis.zcard('{rekey}:rotations:open')).toBeGreaterThan(150);
    } finally {
      await busy.stop();
    }
  });
});

describe('a Redis that is away', () => {
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

  it('does not cost a key that arrives meanwhile', async () => {
    await system.stop();
    system = await startSystem({
      simulator: ['--latency-ms', '2500'],
      worker: { INVENT_TIMEOUT_MS: '5000', REKEY_LANDING_WINDOW_MS: '5000' },
    });
    const { id } = await system.rotate('ast_1');
    await eventually(
      () => system.client.getRotation(id),
      ({ state }) => state === 'ROTATING',
    );
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

describe('an unsuitable Redis', () => {
  it.each(['gateway', 'worker'] as const)('is refused if it evicts keys: %s', async (app) => {
    const evicting = await startRedis({ args: ['--maxmemory-policy', 'allkeys-lru'] });
    const { code, text } = await refusal(app, { ...system.environment, REDIS_URL: evicting.url });
    await evicting.dispose();
    expect(code).toBe(1);
    expect(text).toContain('maxmemory-policy of Redis is allkeys-lru');
  });

  it('leads to a warning if it does not persist, and is refused if persistence is required', async () => {
    expect((await system.startWorker()).output()).toContain('Redis keeps no append-only file');
    const { code, text } = await refusal('worker', {
      ...system.environment,
      REKEY_REQUIRE_DURABLE_REDIS: 'true',
    });
    expect(code).toBe(1);
    expect(text).toContain('Redis keeps no append-only file');
    const durable = await startRedis({ persistence: 'everysec' });
    const worker = await system.startWorker({ REDIS_URL: durable.url, REKEY_REQUIRE_DURABLE_REDIS: 'true' });
    expect(worker.output()).not.toContain('append-only');
    await worker.child.kill();
    await durable.dispose();
  });
});

describe('a bad start', () => {
  it('names the wrong variables, and shows no value', async () => {
    const { code, text } = await refusal('worker', {
      REDIS_URL: 'hunter2',
      INVENT_BASE_URL: 'http://hunter2.example.com',
      INVENT_TIMEOUT_MS: 'hunter2',
      WORKER_CONCURRENCY: '0',
    });
    expect(code).toBe(1);
    for (const name of [
      'REDIS_URL',
      'INVENT_TIMEOUT_MS',
      'WORKER_CONCURRENCY',
      'REKEY_KEY_FILE: is required',
    ])
      expect(text).toContain(name);
    expect(text).not.toContain('hunter2');
  });

  it('requires https except for loopback', async () => {
    const { code, text } = await refusal('worker', {
      ...system.environment,
      INVENT_BASE_URL: 'http://api.example.com',
    });
    expect(code).toBe(1);
    expect(text).toContain('INVENT_BASE_URL: must be https, except on loopback');
  });

  it('waits with a key file that the ledger was not created with, and says why', async () => {
    await system.startWorker();
    const other = `${system.keyFile}.other`;
    await createKeyFile(other);
    const { line, code } = await waitingWorker({ ...system.environment, REKEY_KEY_FILE: other });
    expect([line, code]).toEqual([expect.stringContaining('the ledger names key'), 0]);
  });

  it('refuses a key file that is missing or broken', async () => {
    expect(
      (await refusal('worker', { ...system.environment, REKEY_KEY_FILE: '/no/such/file' })).text,
    ).toContain('rekey key-file create');
    const broken = `${system.keyFile}.broken`;
    await writeFile(broken, 'hunter2', { mode: 0o600 });
    const { code, text } = await refusal('worker', { ...system.environment, REKEY_KEY_FILE: broken });
    expect(code).toBe(1);
    expect(text).toContain('is not JSON');
    expect(text).not.toContain('hunter2');
  });

  it('refuses a key file that other users can read, unless it is mounted', async () => {
    const open = `${system.keyFile}.open`;
    await copyFile(system.keyFile, open);
    await chmod(open, 0o644);
    const env = { ...system.environment, REKEY_KEY_FILE: open };
    const { code, text } = await refusal('worker', env);
    expect(code).toBe(1);
    expect(text).toMatch(/REKEY_KEY_FILE: key file .* can be read by other users \(mode 0644\)/);
    const worker = await system.startWorker({ REKEY_KEY_FILE: open, REKEY_MOUNTED_SECRETS: 'true' });
    await worker.untilOutput(/"event":"key_file_exposed"/);
  });
});

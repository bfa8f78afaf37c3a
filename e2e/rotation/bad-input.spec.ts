import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Queue } from 'bullmq';
import { failureOf } from '../support/failure-of.ts';
import { eventually, startSystem, type System } from '../support/system.ts';

let system: System;
beforeAll(async () => {
  system = await startSystem({ worker: false });
});
afterAll(() => system.stop());

describe('bad requests', () => {
  it.each([
    [{ orgId: '', assistantId: 'ast_1' }, ['org_id']],
    [{ orgId: 'org_demo', assistantId: '' }, ['assistant_id']],
    [{ orgId: 'x'.repeat(257), assistantId: 'x'.repeat(257) }, ['org_id', 'assistant_id']],
    [{ orgId: 'org_demo', assistantId: 'a\u0000b' }, ['assistant_id']],
    [{ orgId: 'org_demo', assistantId: 'a\nb' }, ['assistant_id']],
    [{ orgId: 'org_demo', assistantId: '../../x' }, ['assistant_id']],
    [{ orgId: 'a/b', assistantId: 'ast_1' }, ['org_id']],
    [{ orgId: 'org_demo', assistantId: '%2e%2e' }, ['assistant_id']],
    [{ orgId: '..', assistantId: '.' }, ['org_id', 'assistant_id']],
    [{ orgId: 'org_demo', assistantId: 'ast_1', requestId: 'not-a-uuid' }, ['request_id']],
    [{ orgId: 'org_demo', assistantId: 'ast_1', reason: 'x'.repeat(1025) }, ['reason']],
    [{ orgId: 'org_demo', assistantId: 'ast_1', reason: 'a\u001b[31m' }, ['reason']],
  ])('are refused, with the invalid fields: %j', async (request, fields) => {
    const failure = await failureOf(system.client.rotateSecretKey(request));
    expect(failure).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'INVALID_ARGUMENT', fields });
    for (const value of Object.values(request).filter((text) => text.length > 5 && text !== 'org_demo'))
      expect(failure.message).not.toContain(value);
    expect(await system.redis.keys('{rekey}:rotation:*')).toEqual([]);
  });

  it('are refused in every method', async () => {
    const { client } = system;
    const calls = [
      client.getRotation('x'),
      client.cancelRotation('../x'),
      client.waitRotation({ id: '' }),
      client.getAssistant('..'),
      client.listRotations({ pageSize: -1 }),
      client.listRotations({ pageToken: 'x' }),
      client.listRotations({ state: 77 as never }),
      client.createSweep({ orgId: '..' }),
      client.getSweep('rot_01ARZ3NDEKTSV4RRFFQ69G5FAV'),
      client.listSweeps({ pageSize: -1 }),
      client.freeze({ reason: '' }),
    ];
    for (const call of calls) expect(await failureOf(call)).toMatchObject({ code: 'INVALID_ARGUMENT' });
    const unknown = 'rot_01ARZ3NDEKTSV4RRFFQ69G5FAV';
    for (const call of [
      client.getRotation(unknown),
      client.cancelRotation(unknown),
      client.waitRotation({ id: unknown }),
    ]) {
      expect(await failureOf(call)).toMatchObject({ code: 'NOT_FOUND', reason: 'ROTATION_NOT_FOUND' });
    }
    expect(await failureOf(client.getSweep('swp_01ARZ3NDEKTSV4RRFFQ69G5FAV'))).toMatchObject({
      code: 'NOT_FOUND',
      reason: 'SWEEP_NOT_FOUND',
    });
  });

  it('are refused if they are too large', async () => {
    expect(
      await failureOf(system.client.rotateSecretKey({ orgId: 'x'.repeat(100_000), assistantId: 'ast_1' })),
    ).toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
  });

  it('take no longer than their deadline', async () => {
    const { id } = await system.rotate('ast_1');
    const start = performance.now();
    expect(await system.client.waitRotation({ id, timeoutMs: 60_000 }, { deadlineMs: 700 })).toMatchObject({
      state: 'QUEUED',
    });
    expect(performance.now() - start).toBeLessThan(700);
  });
});

describe('bad jobs', () => {
  it('fail with their reason, and do not stop the worker', async () => {
    const queue = new Queue('rotations', { connection: system.redis, prefix: '{rekey}:bull' });
    const stranger = {
      rotationId: 'rot_01ARZ3NDEKTSV4RRFFQ69G5FAV',
      orgId: 'org_demo',
      assistantId: 'ast_1',
    };
    await queue.add(
      'rotate',
      { rotationId: 'x', orgId: 'org_demo', assistantId: '../y', secret: 'hunter2' },
      { jobId: 'misfit' },
    );
    await queue.add('rotate', stranger, { jobId: 'stranger' });
    // No worker runs yet: this is the rotation that an earlier case left QUEUED.
    const { id } = await system.rotate('ast_1');
    const worker = await system.startWorker();
    expect(await system.waitFor(id)).toMatchObject({ state: 'SUCCEEDED' });
    const failed = await eventually(
      () => queue.getFailed(),
      (jobs) => jobs.length === 2,
    );
    expect(Object.fromEntries(failed.map((job) => [job.id, job.failedReason]))).toEqual({
      misfit: 'the job does not fit the schema: rotationId, assistantId, unrecognized_keys',
      stranger: 'the ledger has no such rotation for this org and assistant',
    });
    expect(worker.output()).not.toContain('hunter2');
    expect((await system.admin('GET', '/counts')).rotate).toBe(1);
    await queue.close();
  });
});

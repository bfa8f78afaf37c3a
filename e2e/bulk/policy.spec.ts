import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { BulkRotation, RotationPolicy } from '@rekey/client';
import { programArguments, repositoryRoot } from '@rekey/testing';
import { Queue } from 'bullmq';
import { expectTruth } from '../support/invariants.ts';
import { eventually, startSystem, type System } from '../support/system.ts';
import { useFolder } from '../support/temporary-folder.ts';

const run = promisify(execFile);
const HOURLY = { cron: '0 * * * *', timeZone: 'Europe/Berlin' };
const ASSISTANTS = 48;

let system: System;
const folder = useFolder('policy');
let jobs: Queue;
beforeAll(async () => {
  system = await startSystem({ simulator: ['--assistants', String(ASSISTANTS)] });
  jobs = new Queue('policies', { connection: system.redis, prefix: '{rekey}:bull' });
});
afterAll(async () => {
  await jobs.close();
  await system.stop();
});

const rekey = async (...args: string[]): Promise<any> => {
  const { stdout } = await run(
    `${repositoryRoot}node_modules/.bin/node`,
    [...programArguments('rekey'), ...args, '--json'],
    {
      env: { ...process.env, GRPC_ADDRESS: system.gateway.ready['address']! },
    },
  );
  return stdout.trim() === '' ? undefined : JSON.parse(stdout);
};
const msOf = (time: RotationPolicy['nextDueTime']): number => time!.getTime();
const create = (more: object = {}) =>
  system.client.createRotationPolicy({
    orgId: 'org_demo',
    allAssistants: true,
    everyDays: 1,
    window: HOURLY,
    reason: 'audit',
    ...more,
  });

/** Makes the next window due now. */
const makeDue = async ({ id, nextDueTime }: RotationPolicy): Promise<void> =>
  (await jobs.getJob(`repeat:${id}:${msOf(nextDueTime)}`))!.promote();
const untilBulkCreated = async (id: string): Promise<RotationPolicy & { lastBulkRotationId: string }> => {
  const policy = await eventually(
    () => system.client.getRotationPolicy(id),
    ({ lastBulkRotationId }) => lastBulkRotationId !== undefined,
  );
  return { ...policy, lastBulkRotationId: policy.lastBulkRotationId! };
};
const untilCompleted = async (id: string): Promise<BulkRotation> =>
  eventually(
    () => system.client.getBulkRotation(id),
    ({ state }) => state === 'COMPLETED',
    30_000,
  );
const bulksOf = async (policyId: string): Promise<BulkRotation[]> =>
  (await system.client.listBulkRotations()).bulkRotations.filter((bulk) => bulk.policyId === policyId);

describe('a policy', () => {
  it('returns its next due time, in its time zone', async () => {
    const policy = await create();
    expect(policy).toMatchObject({
      id: expect.stringMatching(/^pol_/),
      everyDays: 1,
      paused: false,
      maxFailures: { percent: 5 },
    });
    expect(policy).not.toHaveProperty('assistantCount');
    expect(policy).not.toHaveProperty('lastBulkRotationId');
    expect(msOf(policy.nextDueTime) % 3_600_000).toBe(0);
    expect(msOf(policy.nextDueTime) - Date.now()).toBeLessThanOrEqual(3_600_000);
    expect(await system.client.getRotationPolicy(policy.id)).toEqual(policy);
    await system.client.deleteRotationPolicy(policy.id);
  });

  it('rotates an even share of the keys in a window, by one bulk rotation', async () => {
    const policy = await create();
    await makeDue(policy);
    const asked = await untilBulkCreated(policy.id);
    expect(msOf(asked.lastDueTime)).toBe(msOf(policy.nextDueTime));
    const bulk = await untilCompleted(asked.lastBulkRotationId);
    // 48 assistants in 24 or 25 windows.
    expect(bulk).toMatchObject({ policyId: policy.id, explicit: false, reason: 'audit', urgent: false });
    expect([1, 2]).toContain(bulk.counts!.succeeded);
    expect(bulk.counts!.total).toBe(bulk.counts!.succeeded);
    expect(await bulksOf(policy.id)).toHaveLength(1);
    await expectTruth(system);
    await system.client.deleteRotationPolicy(policy.id);
  });

  it('rotates the assistants that it names, and no others', async () => {
    const named = ['ast_11', 'ast_12', 'ast_13'];
    // Half a day ahead: a window that opens within minutes counts as the one that is open.
    const window = { cron: `0 ${(new Date().getUTCHours() + 12) % 24} * * *`, timeZone: 'UTC' };
    const policy = await create({ allAssistants: false, assistantIds: named, window });
    expect(policy.assistantCount).toBe(3);
    const before = (await system.events()).length;
    await makeDue(policy);
    const bulk = await untilCompleted((await untilBulkCreated(policy.id)).lastBulkRotationId);
    // This window and one more until their term ends.
    expect(bulk.counts).toMatchObject({ total: 1, succeeded: 1 });
    const [rotated, ...more] = (await system.events()).slice(before);
    expect(named).toContain(rotated!.subject);
    expect(more).toEqual([]);
    await system.client.deleteRotationPolicy(policy.id);
  });

  it('makes up for windows without a worker by one bulk rotation', async () => {
    const policy = await create();
    const { id } = policy;
    // Makes the policy due for a week, as the next worker finds it.
    const missedMs = msOf(policy.nextDueTime) - 7 * 86_400_000;
    const [job, missed] = [`repeat:${id}:${msOf(policy.nextDueTime)}`, `repeat:${id}:${missedMs}`];
    const fields = await system.redis.hgetall(`{rekey}:bull:policies:${job}`);
    const opts = JSON.stringify({ ...JSON.parse(fields['opts']!), prevMillis: missedMs, jobId: missed });
    await system.redis
      .multi()
      .hset(`{rekey}:bull:policies:${missed}`, { ...fields, opts, delay: 0 })
      .zadd('{rekey}:bull:policies:repeat', missedMs, id)
      .zrem('{rekey}:bull:policies:delayed', job)
      .del(`{rekey}:bull:policies:${job}`)
      .zadd('{rekey}:bull:policies:delayed', missedMs * 4096, missed)
      .exec();
    const other = await system.startWorker();
    const asked = await untilBulkCreated(id);
    expect(msOf(asked.lastDueTime)).toBe(missedMs);
    expect(msOf(asked.nextDueTime)).toBe(msOf(policy.nextDueTime));
    await untilCompleted(asked.lastBulkRotationId);
    expect(await bulksOf(id)).toHaveLength(1);
    await other.child.kill();
    await system.client.deleteRotationPolicy(id);
  });

  it('skips windows while it is paused', async () => {
    const policy = await create();
    const paused = await system.client.pauseRotationPolicy(policy.id);
    expect(paused).toMatchObject({ paused: true });
    expect(paused).not.toHaveProperty('nextDueTime');
    expect(await system.redis.keys(`{rekey}:bull:policies:*${policy.id}*`)).toEqual([]);
    expect((await system.client.resumeRotationPolicy(policy.id)).nextDueTime).toEqual(policy.nextDueTime);
    await system.client.deleteRotationPolicy(policy.id);
  });

  it('is scheduled by a worker if the gateway died first, and unscheduled when it is deleted', async () => {
    const [kept, gone] = [await create(), await create()];
    for (const { id } of [kept, gone])
      for (const key of await system.redis.keys(`{rekey}:bull:policies:*${id}*`)) await system.redis.del(key);
    await system.redis.zrem('{rekey}:bull:policies:repeat', kept.id);
    await system.redis.del(`{rekey}:policy:${gone.id}`);
    await system.redis.zrem('{rekey}:policies', gone.id);
    const other = await system.startWorker();
    expect(await system.client.getRotationPolicy(kept.id)).toEqual(kept);
    expect(await system.redis.zscore('{rekey}:bull:policies:repeat', gone.id)).toBeNull();
    await other.child.kill();
    await system.client.deleteRotationPolicy(kept.id);
  });

  it('that is updated keeps its term and its last window, and is due in the new window', async () => {
    const policy = await create({ everyDays: 2 });
    await makeDue(policy);
    const asked = await untilBulkCreated(policy.id);
    await untilCompleted(asked.lastBulkRotationId!);
    // Half an hour after the window that was due, which is still to come by the clock.
    const dueMs = msOf(policy.nextDueTime) + 30 * 60_000;
    const window = { cron: `30 ${new Date(dueMs).getUTCHours()} * * *`, timeZone: 'UTC' };
    const updated = await system.client.updateRotationPolicy(policy.id, { window, reason: 'another audit' });
    expect(updated).toMatchObject({
      everyDays: 2,
      window: { ...window, lengthMs: 4 * 3_600_000 },
      reason: 'another audit',
      createTime: policy.createTime,
      lastDueTime: asked.lastDueTime,
      lastBulkRotationId: asked.lastBulkRotationId,
    });
    expect(msOf(updated.nextDueTime)).toBe(dueMs);
    await makeDue(updated);
    const again = await eventually(
      () => system.client.getRotationPolicy(policy.id),
      ({ lastBulkRotationId }) => lastBulkRotationId !== asked.lastBulkRotationId,
    );
    expect(await untilCompleted(again.lastBulkRotationId!)).toMatchObject({ reason: 'another audit' });
    expect(await bulksOf(policy.id)).toHaveLength(2);
    await system.client.deleteRotationPolicy(policy.id);
  });

  it('is updated only as a whole: a request with an invalid field changes nothing', async () => {
    const policy = await create({ window: { cron: '0 2 * * *' } });
    for (const changes of [
      { window: { cron: '0 2 1 * *' } },
      { reason: 'x', everyDays: 0 },
      { reason: 'x', window: { timeZone: 'Mars/Olympus' } },
      {},
    ])
      await expect(system.client.updateRotationPolicy(policy.id, changes)).rejects.toMatchObject({
        grpcStatus: 'INVALID_ARGUMENT',
      });
    expect(await system.client.getRotationPolicy(policy.id)).toEqual(policy);
    await system.client.deleteRotationPolicy(policy.id);
    await expect(system.client.updateRotationPolicy(policy.id, { everyDays: 2 })).rejects.toMatchObject({
      grpcStatus: 'NOT_FOUND',
    });
  });

  it('is one for the same request', async () => {
    const requestId = '6f1c2f0e-0000-4000-8000-000000000001';
    const policy = await create({ requestId });
    expect(await create({ requestId })).toEqual(policy);
    await expect(create({ requestId, everyDays: 2 })).rejects.toMatchObject({ grpcStatus: 'ALREADY_EXISTS' });
    await system.client.deleteRotationPolicy(policy.id);
    await expect(system.client.getRotationPolicy(policy.id)).rejects.toMatchObject({
      grpcStatus: 'NOT_FOUND',
    });
  });
});

describe('rekey policy', () => {
  it('creates, shows, updates, pauses, resumes and deletes', async () => {
    const file = join(folder(), 'ids');
    await writeFile(file, 'ast_1\nast_2\r\n\nast_1\n');
    const window = { cron: '30 3 * * 1-5', time_zone: 'Europe/Berlin', length: '7200s' };
    const created = await rekey(
      'policy',
      'create',
      '--org',
      'org_demo',
      '--ids-file',
      file,
      '--every',
      '90d',
      '--window',
      window.cron,
      '--time-zone',
      window.time_zone,
      '--window-length',
      '2h',
      '--max-failures',
      '3',
    );
    expect(created).toMatchObject({
      org_id: 'org_demo',
      assistant_count: 2,
      every_days: 90,
      window,
      max_failures: { count: 3 },
      paused: false,
      next_due_time: expect.any(String),
    });
    expect(await rekey('policy', 'get', created.id)).toEqual(created);
    expect(await rekey('policy', 'list')).toEqual(created);
    expect(await rekey('policy', 'list', '--org', 'org_other')).toBeUndefined();
    expect(await rekey('policy', 'pause', created.id)).toMatchObject({ paused: true });
    expect(await rekey('policy', 'resume', created.id)).toMatchObject({
      paused: false,
      next_due_time: created.next_due_time,
    });
    const every = await rekey('policy', 'update', created.id, '--every', '30d');
    expect(every).toEqual({ ...created, every_days: 30, update_time: expect.any(String) });
    expect(await rekey('policy', 'update', created.id, '--reason', '', '--window-length', '30m')).toEqual({
      ...every,
      window: { ...window, length: '1800s' },
      update_time: expect.any(String),
    });
    const key = `{rekey}:policy:${created.id}`;
    await system.redis.hset(key, 'window_zone', 'Mars/Olympus');
    const next_due_error = {
      reason: 'POLICY_NOT_SCHEDULED',
      message: expect.stringContaining('cannot be computed'),
      advice: expect.any(String),
    };
    expect(await rekey('policy', 'get', created.id)).toMatchObject({ next_due_error });
    expect(await rekey('policy', 'list')).toMatchObject({ next_due_error });
    expect((await system.client.getStatus()).attention).toContainEqual(
      expect.objectContaining({ code: 'POLICY_NOT_SCHEDULED', subject: created.id }),
    );
    await expect(system.client.resumeRotationPolicy(created.id)).rejects.toMatchObject({
      grpcStatus: 'FAILED_PRECONDITION',
    });
    await system.redis.hset(key, 'window_zone', window.time_zone);
    expect(await rekey('policy', 'delete', created.id, '--yes')).toEqual({ id: created.id, deleted: true });
    await expect(rekey('policy', 'get', created.id)).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('POLICY_NOT_FOUND'),
    });
  });

  it.each([
    ['--window', '* * *'],
    ['--window', '*/10 * * * *'],
    ['--time-zone', 'Mars/Olympus'],
    ['--window-length', '1m'],
    ['--every', '0d'],
  ])('names the wrong field: %s %s', async (option, value) => {
    const every = option === '--every' ? [] : ['--every', '90d'];
    const field = {
      '--window': 'window.cron',
      '--time-zone': 'window.time_zone',
      '--window-length': 'window.length',
      '--every': 'every_days',
    }[option]!;
    await expect(
      rekey('policy', 'create', '--org', 'org_demo', ...every, option, value),
    ).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining(field) });
  });
});

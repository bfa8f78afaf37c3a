import { EventEmitter } from 'node:events';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  POLICIES_QUEUE,
  createPolicyQueue,
  ledgerKeys,
  openLedger,
  type Bulks,
  type Policies,
  type PolicyQueue,
} from '@rekey/ledger';
import { type Actor, RequestId, type PolicySpec } from '@rekey/schema';
import { startRedis, type RedisServer } from '@rekey/testing';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { createRecordingLogger, silentLogger } from '@rekey/runtime';
import { alignSchedules } from './align-schedules.ts';
import { openWindow, windowRequestId } from './open-window.ts';
import { createPolicyConsumer } from './policy-consumer.ts';

const HOUR_MS = 3_600_000;
const DUE_MS = Date.parse('2026-06-01T00:00:00Z');
const failures = new EventEmitter();
/** Emits the policies whose windows failed. */
const logger = {
  event: (event: string, fields: { policy_id?: string }) =>
    event === 'policy_window_failed' && failures.emit('failed', fields.policy_id),
} as unknown as typeof silentLogger;
const EACH_SECOND = { cron: '* * * * * *', timeZone: 'UTC' };
let server: RedisServer;
let redis: Redis;
let policies: Policies;
let bulks: Bulks;
let queue: PolicyQueue;
let made = 0;
beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url, { maxRetriesPerRequest: null });
  ({ policies, bulks } = openLedger(redis, { prefix: 'spec' }));
  queue = createPolicyQueue(redis, ledgerKeys('spec'));
});
afterAll(async () => {
  await queue.close();
  redis.disconnect();
  await server.dispose();
});
beforeEach(async () => {
  await redis.flushall();
});

const create = async (more: Partial<PolicySpec> = {}, actor?: Actor) => {
  const spec: PolicySpec = {
    orgId: 'org_1',
    reason: '',
    everyDays: 90,
    window: { cron: '0 2 * * *', timeZone: 'UTC', lengthMs: HOUR_MS },
    maxFailures: { count: 3 },
    ...more,
  };
  return (await policies.create(`pol_${String((made += 1)).padStart(26, '0')}`, spec, undefined, actor))
    .policy;
};
const open = (policyId: string, dueMs: number, more: Partial<Parameters<typeof openWindow>[0]> = {}) =>
  openWindow({ policies, bulks, nowMs: async () => Date.now(), logger: silentLogger, ...more })(
    policyId,
    dueMs,
  );
const all = async () => (await bulks.list({}, { size: 10 })).bulks;

describe('a due window', () => {
  it('requests one bulk rotation, which runs as long as the window', async () => {
    const { id } = await create();
    expect(await open(id, DUE_MS)).toBe('requested');
    const [bulk, ...more] = await all();
    expect(more).toEqual([]);
    expect(bulk).toMatchObject({
      orgId: 'org_1',
      state: 'PREPARING',
      reason: `policy ${id}`,
      selection: { kind: 'org', policyId: id },
      urgent: false,
      validateOnly: false,
      maxFailures: { count: 3 },
    });
    expect(bulk!.untilMs! - bulk!.createdMs).toBeGreaterThan(HOUR_MS - 60_000);
    expect(bulk!.untilMs! - bulk!.createdMs).toBeLessThanOrEqual(HOUR_MS);
    expect(await policies.get(id)).toMatchObject({ lastDueMs: DUE_MS, lastBulkId: bulk!.id });
  });

  it('carries the reason of its policy', async () => {
    await open((await create({ reason: 'audit' })).id, DUE_MS);
    expect((await all())[0]!.reason).toBe('audit');
  });

  it('is requested by whoever requested its policy, and recorded as of the worker', async () => {
    const { id } = await create({}, { by: 'uri:caller' });
    await open(id, DUE_MS);
    const [bulk] = await all();
    expect(bulk!.requestedBy).toBe('uri:caller');
    expect(await open(id, DUE_MS + HOUR_MS)).toBe('busy');
    expect(await open(id, DUE_MS + HOUR_MS)).toBe('busy');
    const entries = await redis.xrange('{spec}:activity', '-', '+');
    expect(entries.map(([, [, type, , by]]) => `${type} ${by}`)).toEqual([
      'policy.created uri:caller',
      'policy.begun system:policies',
      'bulk.created system:policies',
      'policy.skipped system:policies',
    ]);
  });

  it('has no requester but the worker if an earlier version stored the policy', async () => {
    const { id } = await create();
    await redis.hdel(ledgerKeys('spec').policy(id), 'requested_by');
    await open(id, DUE_MS);
    expect((await all())[0]!.requestedBy).toBe('system:policies');
  });

  it('requests no second one when its job is delivered again', async () => {
    const { id } = await create();
    await open(id, DUE_MS);
    expect(await open(id, DUE_MS)).toBe('done');
    expect(await all()).toHaveLength(1);
  });

  it('requests no second one if the first was not recorded in the policy', async () => {
    const { id } = await create();
    const dies = { ...policies, noteBulk: () => Promise.reject(new Error('dead')) };
    await expect(open(id, DUE_MS, { policies: dies })).rejects.toThrow('dead');
    expect(await open(id, DUE_MS)).toBe('requested');
    const [bulk, ...more] = await all();
    expect(more).toEqual([]);
    expect(await policies.get(id)).toMatchObject({ lastBulkId: bulk!.id });
  });

  it('is skipped while the last bulk rotation has not ended, and the next one is not', async () => {
    const { id } = await create();
    await open(id, DUE_MS);
    expect(await open(id, DUE_MS + HOUR_MS)).toBe('busy');
    await bulks.cancel((await all())[0]!.id);
    expect(await open(id, DUE_MS + 2 * HOUR_MS)).toBe('requested');
    expect(await all()).toHaveLength(2);
  });

  it('does not wait for one that was still halted or paused when its window ended', async () => {
    const { id } = await create();
    await open(id, DUE_MS);
    const [halted] = await all();
    await redis.hset(`{spec}:bulk:${halted!.id}`, 'state', 'HALTED');
    expect(await open(id, DUE_MS + HOUR_MS)).toBe('busy');
    expect(await open(id, DUE_MS + HOUR_MS, { nowMs: async () => halted!.untilMs! + 1 })).toBe('requested');
    expect(await bulks.get(halted!.id)).toMatchObject({ state: 'CANCELLED' });
  });

  it('does not wait for one that was removed from history', async () => {
    const { id } = await create();
    await policies.noteBulk(id, DUE_MS, 'blk_00000000000000000000000000');
    expect(await open(id, DUE_MS + HOUR_MS)).toBe('requested');
  });

  it('passes if the policy is paused, deleted, or has begun a later window', async () => {
    const { id } = await create();
    await policies.setPaused(id, true);
    expect(await open(id, DUE_MS)).toBe('paused');
    await policies.setPaused(id, false);
    await policies.begin(id, DUE_MS + 1);
    expect(await open(id, DUE_MS)).toBe('passed');
    await policies.delete(id);
    expect(await open(id, DUE_MS)).toBe('missing');
    expect(await all()).toEqual([]);
  });
});

describe('a window whose policy has no calendar', () => {
  it.each([
    ['window_zone', 'Mars/Olympus'],
    ['window_cron', ''],
  ])('requests nothing, and opens once the calendar is valid again: %s %j', async (field, value) => {
    const { id } = await create();
    const key = ledgerKeys('spec').policy(id);
    const was = (await redis.hget(key, field))!;
    await redis.hset(key, field, value);
    await expect(open(id, DUE_MS)).rejects.toMatchObject({ code: 'POLICY_NOT_SCHEDULED' });
    expect(await all()).toEqual([]);
    expect((await policies.get(id)).lastDueMs).toBeUndefined();
    await redis.hset(key, field, was);
    expect(await open(id, DUE_MS)).toBe('requested');
  });

  it('does not stop the windows of other policies, and is not lost itself', async () => {
    const [broken, whole] = [await create(), await create()];
    const consumer = createPolicyConsumer({
      redis,
      keys: ledgerKeys('spec'),
      policies,
      bulks,
      nowMs: async () => Date.now(),
      takeoverAfterMs: 30_000,
      logger,
    });
    const jobs = new Queue(POLICIES_QUEUE, { connection: redis, prefix: ledgerKeys('spec').bull });
    for (const { id } of [broken, whole]) await queue.schedule(id, EACH_SECOND);
    const dueMs = (await queue.nextDue(broken.id))!;
    await redis.hset(ledgerKeys('spec').policy(broken.id), 'window_zone', 'Mars/Olympus');
    // BullMQ stores the zone that the job was scheduled with. This one is unknown to this worker.
    const jobKey = `${ledgerKeys('spec').bull}:policies:repeat:${broken.id}:${dueMs}`;
    const opts = JSON.parse((await redis.hget(jobKey, 'opts'))!) as { repeat: { tz: string } };
    await redis.hset(
      jobKey,
      'opts',
      JSON.stringify({ ...opts, repeat: { ...opts.repeat, tz: 'Mars/Olympus' } }),
    );
    const tried = new Promise<void>((resolve) => {
      failures.on('failed', (policyId) => policyId === broken.id && resolve());
    });
    consumer.start();
    await tried;
    while ((await policies.get(whole.id)).lastBulkId === undefined)
      await new Promise((resolve) => setTimeout(resolve, 20));
    await consumer.close();
    expect((await policies.get(broken.id)).lastBulkId).toBeUndefined();
    expect((await jobs.getDelayed()).map(({ id }) => id)).toContain(`repeat:${broken.id}:${dueMs}`);
    await jobs.close();
  });
});

describe('windowRequestId', () => {
  it('is a UUID that differs for each policy and window', () => {
    const ids = [windowRequestId('pol_1', 1), windowRequestId('pol_1', 2), windowRequestId('pol_2', 1)];
    expect(ids.map((id) => RequestId.parse(id))).toEqual(ids);
    expect(new Set(ids).size).toBe(3);
    expect(windowRequestId('pol_1', 1)).toBe(ids[0]);
  });
});

describe('alignSchedules', () => {
  it('schedules every policy that is not paused, and no other', async () => {
    const [active, paused] = [await create(), await create()];
    await policies.setPaused(paused.id, true);
    for (const id of [paused.id, 'pol_gone']) await queue.schedule(id, paused.window);
    await alignSchedules(policies, queue, silentLogger);
    expect([...(await queue.nextDues()).keys()]).toEqual([active.id]);
  });

  it('schedules all others if the calendar of one cannot be computed, and logs that one', async () => {
    const [one, broken, other] = [await create(), await create(), await create()];
    await redis.hset(ledgerKeys('spec').policy(broken.id), 'window_zone', 'Mars/Olympus');
    const recording = createRecordingLogger();
    await alignSchedules(policies, queue, recording.logger);
    expect([...(await queue.nextDues()).keys()].toSorted()).toEqual([one.id, other.id].toSorted());
    expect(recording.logged).toMatchObject([
      {
        level: 'error',
        fields: {
          err: expect.objectContaining({ code: 'POLICY_NOT_SCHEDULED' }),
          policy_id: broken.id,
          cron: '0 2 * * *',
          time_zone: 'Mars/Olympus',
        },
      },
    ]);
  });

  it('reads a bounded number of what another client has added, and ends no policy beside it', async () => {
    const { id } = await create();
    await alignSchedules(policies, queue, silentLogger);
    const before = await queue.nextDue(id);
    const { bull, policies: index } = ledgerKeys('spec');
    const names = Array.from({ length: 20_000 }, (_, i) => `z${i}`);
    await redis.zadd(index, ...names.flatMap((name) => [0, name]));
    await redis.zadd(`${bull}:policies:repeat`, ...names.flatMap((name) => [1, name]));
    await alignSchedules(policies, queue, silentLogger);
    expect(await redis.zcard(`${bull}:policies:repeat`)).toBeGreaterThan(18_000);
    expect(await queue.nextDue(id)).toBe(before);
  });

  it('does not change due times', async () => {
    const { id } = await create();
    await alignSchedules(policies, queue, silentLogger);
    const before = await queue.nextDues();
    await alignSchedules(policies, queue, silentLogger);
    expect(await queue.nextDues()).toEqual(before);
    expect(before.get(id)).toBeGreaterThan(Date.now());
  });
});

describe('the consumer', () => {
  it('takes a missed window once, with its due time', async () => {
    const { id } = await create({ window: { cron: '* * * * * *', timeZone: 'UTC', lengthMs: HOUR_MS } });
    await queue.schedule(id, { cron: '* * * * * *', timeZone: 'UTC' });
    const dueMs = (await queue.nextDue(id))!;
    while (Date.now() < dueMs + 2500) await new Promise((resolve) => setTimeout(resolve, 100));
    const consumer = createPolicyConsumer({
      redis,
      keys: ledgerKeys('spec'),
      policies,
      bulks,
      nowMs: async () => Date.now(),
      takeoverAfterMs: 30_000,
      logger: silentLogger,
    });
    consumer.start();
    while ((await policies.get(id)).lastBulkId === undefined)
      await new Promise((resolve) => setTimeout(resolve, 20));
    await consumer.close();
    expect(await policies.get(id)).toMatchObject({ lastDueMs: dueMs });
    expect(await all()).toHaveLength(1);
  });
});

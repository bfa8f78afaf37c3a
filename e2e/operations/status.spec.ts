import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { areTrials } from '@rekey/testing';
import { startRekey, type RekeyOptions, type RekeyResult } from '../support/rekey.ts';
import { eventually, startSystem, type System, type SystemOptions } from '../support/system.ts';

let system: System;

/** Starts a system with a durable Redis and sweeps: without them, status is never clear. */
const start = async (options: SystemOptions = {}): Promise<void> => {
  system = await startSystem({
    simulator: ['--assistants', '6'],
    redis: { persistence: 'everysec' },
    timing: { REKEY_SWEEP_EVERY_MS: '3600000', INVENT_REQUESTS_PER_MINUTE: '60000' },
    ...options,
  });
};
const rekey = (args: string[], options: RekeyOptions = {}): Promise<RekeyResult> =>
  startRekey(system, args, options).result;
const check = (): Promise<RekeyResult> => rekey(['status', '--check']);
interface Attention {
  code: string;
  subject?: string;
  since_time?: string;
  message: string;
  advice: string;
}
const attention = async (): Promise<Attention[]> => (await rekey(['status', '--json'])).json()[0].attention;
/** Polls with the client, which costs less than a process, and then resolves with what `rekey` prints. */
const item = async (code: string, withinMs?: number): Promise<Attention> => {
  await eventually(
    async () => (await system.client.getStatus()).attention,
    (items) => items.some((one) => one.code === code),
    withinMs,
  );
  return (await attention()).find((one) => one.code === code)!;
};
const untilClear = async (withinMs?: number): Promise<RekeyResult> => {
  await eventually(
    async () => (await system.client.getStatus()).attention,
    ({ length }) => length === 0,
    withinMs,
  );
  const result = await check();
  expect(result).toMatchObject({ code: 0 });
  return result;
};
const rotateRequests = async (): Promise<number> => (await system.admin('GET', '/counts')).rotate;
const killWorker = async (): Promise<void> => worker.child.kill();
let worker: Awaited<ReturnType<System['startWorker']>>;
const startWithWorker = async (options: SystemOptions = {}): Promise<void> => {
  await start({ ...options, worker: false });
  worker = await system.startWorker();
};

describe('rekey status --check', () => {
  // One system, in which each test leaves nothing that the next one would see.
  beforeAll(() => start({ worker: false, gateway: { GATEWAY_HEALTH_ADDRESS: '127.0.0.1:0' } }));
  afterAll(() => system.stop());

  it('exits with 0 only if a worker lives and a sweep has succeeded, and names both', async () => {
    expect((await attention()).map(({ code }) => code)).toEqual(['NO_WORKER', 'SWEEP_NEVER']);
    expect((await check()).code).toBe(1);
    await system.startWorker({ WORKER_HEALTH_ADDRESS: '127.0.0.1:0' });
    const { out } = await untilClear();
    expect(out).toMatch(
      /^All clear: 1 live worker; the last sweep SUCCEEDED at \d{4}-\S+Z and compared 6 assistants\.\n/,
    );
    const [json] = (await rekey(['status', '--check', '--json'])).json();
    expect(json).toMatchObject({
      all_clear: true,
      attention: [],
      last_successful_sweep: { state: 'SUCCEEDED', compared_count: 6 },
      last_sweep: { state: 'SUCCEEDED' },
    });
    expect(
      json.processes
        .filter(({ live }: { live: boolean }) => live)
        .map(({ kind, roles }: { kind: string; roles: string[] }) => ({ kind, roles }))
        .toSorted((a: { kind: string }, b: { kind: string }) => (a.kind < b.kind ? -1 : 1)),
    ).toEqual([
      { kind: 'gateway', roles: ['serving'] },
      { kind: 'worker', roles: ['rotating', 'sweeping'] },
    ]);
  });

  it('reports the same as the metrics of the worker', async () => {
    const address = /"address":"(127\.0\.0\.1:\d+)"[^\n]*"concurrency"/.exec(system.output())![1]!;
    const metrics = async (): Promise<string> => (await fetch(`http://${address}/metrics`)).text();
    const before = await metrics();
    expect(before).toContain('rekey_needs_operator{code="FROZEN"} 0\n');
    expect(before).toMatch(/rekey_live_processes\{role="rotating"\} 1\n/);
    expect(before).toMatch(/rekey_last_successful_sweep_timestamp_seconds 1\d{9}/);
    await system.client.freeze({ reason: 'ill' });
    expect(await metrics()).toContain('rekey_needs_operator{code="FROZEN"} 1\n');
    expect(await attention()).toMatchObject([{ code: 'FROZEN', message: expect.stringContaining('ill') }]);
    expect((await system.client.getStatus()).attention).toMatchObject([{ code: 'FROZEN' }]);
    await system.client.unfreeze();
  });

  const get = (path: string) => fetch(`http://${system.gateway.ready['health_address']}${path}`);
  it('is backed by the health and the metrics of the gateway', async () => {
    expect((await get('/healthz')).status).toBe(200);
    await system.rotateAndWait('ast_1');
    await system.client.getRotation('rot_1').catch(() => {});
    const metrics = await (await get('/metrics')).text();
    const call = (method: string, code: string) =>
      `rekey_gateway_calls_total{service="rekey.v1.RotationService",method="${method}",code="${code}"} 1\n`;
    expect(metrics).toContain(call('RotateSecretKey', 'OK'));
    expect(metrics).toContain(call('WaitRotation', 'OK'));
    expect(metrics).toContain(call('GetRotation', 'INVALID_ARGUMENT'));
    expect(metrics).toMatch(/rekey_gateway_redis_round_trip_seconds_count [1-9]/);
    expect(metrics).toContain('rekey_gateway_waiters 0\n');
  });

  it('names a halted bulk rotation, with its reason and advice', async () => {
    const halted = await rekey(
      [
        'bulk',
        'create',
        '--yes',
        '--org',
        'org_demo',
        '--ids-file',
        '-',
        '--max-failures',
        '0',
        '--watch',
        '--json',
      ],
      { stdin: Array.from({ length: 40 }, (_, i) => `nobody_${i}`).join('\\n') },
    );
    const { id } = halted.json().at(-1);
    expect(await item('BULK_HALTED')).toMatchObject({
      subject: id,
      message: expect.stringContaining('TOO_MANY_FAILURES'),
      advice: expect.stringContaining(`rekey bulk resume ${id}`),
    });
    expect((await check()).code).toBe(1);
    await rekey(['bulk', 'cancel', id]);
    await untilClear();
  });

  it('names held orgs and stale reads, and tolerates unreadable entries', async () => {
    await system.redis.hset(
      '{rekey}:held',
      'org_demo',
      JSON.stringify({ since: 1_700_000_000_000, code: 'TOO_MANY_GONE', affected: 30, known: 30 }),
    );
    await system.redis.hset(
      '{rekey}:stale',
      'ast_1',
      JSON.stringify({ since: 1_700_000_000_000, org: 'org_demo' }),
    );
    expect(await item('ORG_HELD')).toMatchObject({
      subject: 'org_demo',
      since_time: '2023-11-14T22:13:20.000Z',
      message: expect.stringMatching(/30 of 30.*TOO_MANY_GONE/),
      advice: expect.stringContaining('--accept-removals'),
    });
    expect(await item('STALE_READS')).toMatchObject({
      subject: 'ast_1',
      since_time: '2023-11-14T22:13:20.000Z',
    });
    expect((await check()).code).toBe(1);
    await system.redis.hset('{rekey}:held', 'org_demo', '{"since":"<b>"');
    await system.redis.hset('{rekey}:stale', 'ast_1', 'null');
    expect(await item('ORG_HELD')).not.toHaveProperty('since_time');
    expect(await check()).toMatchObject({ code: 1, err: '' });
    await system.redis.del('{rekey}:held', '{rekey}:stale');
    await untilClear();
  });

  it('names a rotation that needs an operator, with its id and what to do', async () => {
    await system.rotateAndWait('ast_1');
    await system.admin('POST', '/faults', { on: 'get', kind: 'failBefore', status: 401, times: 0 });
    await system.admin('POST', '/faults', { on: 'rotate', kind: 'loseResponseAfterCommit' });
    const { id } = await system.rotate('ast_1');
    expect(await item('ROTATION_NEEDS_OPERATOR')).toMatchObject({
      subject: id,
      since_time: expect.any(String),
      advice: expect.stringMatching(/API key.*rekey get rot_/),
    });
    expect((await check()).code).toBe(1);
    await system.admin('DELETE', '/faults');
  });

  it('says why the last sweep failed, with advice', async () => {
    await system.admin('POST', '/faults', {
      on: 'list',
      kind: 'failBefore',
      status: 429,
      retryAfter: '3600',
      times: 0,
    });
    await rekey(['sweep', '--timeout', '1']);
    const closed = await item('BUDGET_CLOSED');
    expect(closed.message).toMatch(/closed until \d{4}-/);
    await system.redis.hset(
      '{rekey}:ledger',
      'sweep_ended',
      JSON.stringify({
        id: 'swp_1',
        state: 'FAILED',
        ended: 1_700_000_000_000,
        compared: 0,
        error: 'UPSTREAM_RATE_LIMITED',
      }),
    );
    const failed = await item('SWEEP_FAILED');
    expect(failed).toMatchObject({
      subject: 'swp_1',
      message: expect.stringContaining('UPSTREAM_RATE_LIMITED'),
      advice: expect.stringContaining('rekey sweep'),
    });
    expect(failed.advice).not.toMatch(/^Nothing/);
    expect((await item('SWEEP_OVERDUE')).since_time).toBe('2023-11-14T23:13:20.000Z');
  });

  it('exits with 2 while Redis or the gateway is away', async () => {
    await system.redisServer.kill();
    const healthz = async () => (await get('/healthz')).status;
    expect(await eventually(healthz, (status) => status === 503)).toBe(503);
    expect((await get('/livez')).status).toBe(200);
    expect(await eventually(check, ({ code }) => code === 2)).toMatchObject({
      code: 2,
      err: expect.stringContaining('REDIS_UNAVAILABLE'),
    });
    await system.gateway.child.kill();
    expect(await check()).toMatchObject({ code: 2, err: expect.stringContaining('does not answer') });
  });
});

if (areTrials)
  describe('a bulk rotation whose only worker was killed', () => {
    afterEach(() => system.stop());

    it('is shown as stopped by status, bulk get, bulk watch, rotate --wait and health', async () => {
      await startWithWorker({
        simulator: ['--assistants', '60', '--latency-ms', '300'],
        timing: { REKEY_SWEEP_EVERY_MS: '3600000', INVENT_REQUESTS_PER_MINUTE: '600' },
      });
      const [{ id }] = (
        await rekey(['bulk', 'create', '--yes', '--org', 'org_demo', '--all', '--json'])
      ).json();
      await eventually(
        () => system.client.getBulkRotation(id),
        ({ state, counts }) => state === 'RUNNING' && counts!.succeeded > 2 && counts!.waiting > 20,
        60_000,
      );
      await killWorker();

      expect(await item('NO_WORKER', 20_000)).toMatchObject({
        since_time: expect.any(String),
        advice: expect.stringContaining('Start a worker'),
      });
      expect((await check()).code).toBe(1);
      const [status] = (await rekey(['status', '--json'])).json();
      expect(status.open_rotation_count).toBeGreaterThan(20);
      expect(status.waiting_in_bulks_count).toBeGreaterThan(20);
      expect(status.open_bulk_rotations).toEqual([
        { id, state: 'RUNNING', total_count: 60, done_count: expect.any(Number) },
      ]);

      const [bulk] = (await rekey(['bulk', 'get', id, '--json'])).json();
      expect(bulk).toMatchObject({ state: 'RUNNING', no_live_worker: true });
      expect(bulk).not.toHaveProperty('remaining');
      expect((await rekey(['bulk', 'get', id])).out).toContain('no worker is live');
      const watched = await rekey(['bulk', 'watch', id, '--timeout', '3']);
      expect(watched).toMatchObject({
        code: 3,
        out: expect.stringContaining('no worker is live'),
        err: expect.stringContaining('no worker is live'),
      });
      const rotated = await rekey(['rotate', 'org_demo', 'ast_60', '--wait', '--timeout', '9']);
      expect(rotated).toMatchObject({ code: 3, out: expect.stringContaining('no worker is live') });
      expect(rotated.err.match(/no worker is live/g)).toHaveLength(2);
      expect(watched.err + rotated.err).not.toContain('continues');
      expect(await rekey(['health'])).toMatchObject({
        code: 0,
        out: expect.stringMatching(/^SERVING\nno worker is live/),
      });

      await system.startWorker();
      await eventually(
        () => system.client.getBulkRotation(id),
        ({ state }) => state === 'COMPLETED',
        60_000,
      );
      await untilClear(30_000);
    });
  });

if (areTrials)
  describe('a 429 with Retry-After: 3600', () => {
    afterEach(() => system.stop());

    /** To every request: one that is answered, such as the check of a new key, opens the budget. */
    const refuse = (): Promise<unknown> =>
      system.admin('POST', '/faults', {
        kind: 'failBefore',
        on: 'any',
        status: 429,
        retryAfter: '3600',
        times: 0,
      });
    const refuseNoMore = (): Promise<unknown> => system.admin('DELETE', '/faults');

    it('is shown with its end, can be overridden, and is retried within a minute', async () => {
      await start();
      await untilClear();
      await system.rotateAndWait('ast_1');
      await refuse();
      const { id } = await system.rotate('ast_1');
      const closed = await item('BUDGET_CLOSED');
      expect(closed).toMatchObject({
        subject: 'default',
        since_time: expect.any(String),
        message: expect.stringMatching(/closed until \d{4}-.*429/),
        advice: expect.stringContaining('rekey budget open'),
      });
      const untilMs = Date.parse(/until (\S+Z)/.exec(closed.message)![1]!);
      expect(Math.abs(untilMs - Date.now() - 3_600_000)).toBeLessThan(30_000);
      expect((await check()).code).toBe(1);
      // The refused rotation and a later one both show why they wait.
      const later = await system.rotate('ast_2');
      for (const waiting of [id, later.id]) {
        await eventually(
          () => system.client.getRotation(waiting),
          ({ state, error }) => state === 'QUEUED' && error?.reason === 'UPSTREAM_RATE_LIMITED',
        );
      }

      expect(await rekey(['budget', 'open'])).toMatchObject({
        code: 1,
        err: expect.stringContaining('--yes'),
      });
      await refuseNoMore();
      expect(await rekey(['budget', 'open', '--yes'])).toMatchObject({ code: 0 });
      expect(await rekey(['budget', 'open', '--yes'])).toMatchObject({
        code: 1,
        err: expect.stringContaining('BUDGET_NOT_CLOSED'),
      });
      expect(await system.rotateAndWait('ast_3')).toMatchObject({ state: 'SUCCEEDED' });

      await refuse();
      const again = await system.rotate('ast_4');
      await item('BUDGET_CLOSED');
      await refuseNoMore();
      const before = await rotateRequests();
      expect(await system.waitFor(again.id, 90)).toMatchObject({ state: 'SUCCEEDED' });
      expect(await rotateRequests()).toBeGreaterThan(before);
      await untilClear(20_000);
    });
  });

describe('a lost ledger', () => {
  afterEach(() => system.stop());

  const lost = async (): Promise<Attention> => {
    const found = await item('LEDGER_LOST', 5000);
    expect((await check()).code).toBe(1);
    return found;
  };
  /** Requests a rotation, which must wait. Resolves with its id. */
  const requestWaiting = async (): Promise<string> => {
    const before = await rotateRequests();
    const { id } = await system.rotate('ast_1');
    await eventually(
      () => system.client.getRotation(id),
      ({ state, error }) => state === 'QUEUED' && error?.reason === 'LEDGER_LOST',
    );
    expect(await rotateRequests()).toBe(before);
    return id;
  };

  it('by FLUSHALL: no request leaves until it is adopted, even over restarts', async () => {
    await startWithWorker();
    await untilClear();
    await system.rotateAndWait('ast_1');
    expect(await rekey(['policy', 'create', '--org', 'org_demo', '--every', '90d'])).toMatchObject({
      code: 0,
    });
    // Its contents are counted every few seconds.
    await new Promise((resolve) => setTimeout(resolve, 6000));
    await system.redis.flushall();
    expect(await lost()).toMatchObject({ advice: expect.stringContaining('rekey ledger adopt') });
    const id = await requestWaiting();
    await killWorker();
    worker = await system.startWorker();
    await lost();
    expect(await system.client.getRotation(id)).toMatchObject({ state: 'QUEUED' });

    expect(await rekey(['ledger', 'adopt'])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/assistants +\d+ now, 6 before[^]*policies +0 now, 1 before[^]*--yes/),
    });
    await lost();
    expect(await rekey(['ledger', 'adopt', '--yes'])).toMatchObject({ code: 0 });
    expect(await system.waitFor(id, 30)).toMatchObject({ state: 'SUCCEEDED' });
    await untilClear(30_000);
    expect((await rekey(['status', '--json'])).json()[0].last_successful_sweep).toMatchObject({
      compared_count: 6,
    });
    expect(await rekey(['ledger', 'adopt', '--yes'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('LEDGER_NOT_LOST'),
    });
  });

  if (areTrials)
    it('by the loss of its hash alone is noticed by processes that start later', async () => {
      await startWithWorker();
      await untilClear();
      await system.rotateAndWait('ast_1');
      await killWorker();
      await system.gateway.child.kill();
      await system.redis.del('{rekey}:ledger');
      await system.startWorker();
      expect(await system.redis.hget('{rekey}:ledger', 'lost')).not.toBeNull();
      expect(await system.redis.hget('{rekey}:ledger', 'fingerprint_key')).toBe(
        system.sealer.fingerprintKeyId,
      );
      const gateway = await system.startGateway();
      const found = (await startRekey({ ...system, gateway }, ['status', '--check', '--json'])
        .result) as RekeyResult;
      expect(found.code).toBe(1);
      expect(found.json()[0].attention[0]).toMatchObject({ code: 'LEDGER_LOST' });
    });

  if (areTrials)
    it('starts anew without an operator if that was allowed beforehand', async () => {
      await start({
        timing: {
          REKEY_SWEEP_EVERY_MS: '3600000',
          INVENT_REQUESTS_PER_MINUTE: '60000',
          REKEY_ALLOW_NEW_LEDGER: 'true',
        },
      });
      await untilClear();
      const before = await system.redis.hget('{rekey}:ledger', 'id');
      await system.redis.flushall();
      await eventually(
        () => system.redis.hget('{rekey}:ledger', 'id'),
        (id) => id !== null && id !== before,
      );
      expect(await system.rotateAndWait('ast_2')).toMatchObject({ state: 'SUCCEEDED' });
      expect((await attention()).map(({ code }) => code)).not.toContain('LEDGER_LOST');
    });
});

describe('a Redis that was restarted while sweeps are disabled', () => {
  afterEach(() => system.stop());

  it('is compared with Invent nevertheless, and status says that sweeps are disabled', async () => {
    await start({ timing: { REKEY_SWEEP_EVERY_MS: '0', INVENT_REQUESTS_PER_MINUTE: '60000' } });
    expect(await item('SWEEPS_DISABLED')).toMatchObject({
      advice: expect.stringContaining('REKEY_SWEEP_EVERY_MS'),
    });
    await system.rotateAndWait('ast_1');
    await system.admin('POST', '/assistants/ast_1/rotate');
    await system.redisServer.kill();
    await system.redisServer.restart();
    const published = async () => (await system.openLast('ast_1')).assistant.secret_key;
    const inForce = await system.trueKey('ast_1');
    await eventually(published, (key) => key === inForce, 40_000);
  });
});

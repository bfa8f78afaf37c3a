import { randomUUID } from 'node:crypto';
import { copyFile, mkdtemp, readFile, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { createRotationQueue, openLedger } from '@rekey/ledger';
import { KEY_ROTATED, KeyEvent } from '@rekey/schema';
import { areTrials, inCheck, startRedis } from '@rekey/testing';
import { useCleanup } from '../support/cleanup.ts';
import { patternsOf } from '../support/commands.ts';
import { failureOf } from '../support/failure-of.ts';
import { expectTruth, keysInForce, lastPublished, untilQueuesAreEmpty } from '../support/invariants.ts';
import { eventually, proxyTo, startSystem, type System, type SystemOptions } from '../support/system.ts';

const READ_LAG_MS = 100;
const TIMING = {
  INVENT_TIMEOUT_MS: '800',
  REKEY_LANDING_WINDOW_MS: '1000',
  REKEY_READ_LAG_MS: String(READ_LAG_MS),
  REKEY_TAKEOVER_AFTER_MS: '2000',
};

const cleanUp = useCleanup();
const start = async (options: SystemOptions = {}): Promise<System> => {
  const system = await startSystem({ worker: false, timing: TIMING, ...options });
  cleanUp(() => system.stop());
  return system;
};
const proxied = async (url: string) => {
  const proxy = await proxyTo(url);
  cleanUp(() => proxy.close());
  return proxy;
};
const upstreamOf = (system: System): string => system.environment['INVENT_BASE_URL']!;
/** Rotates an assistant, and waits for the time by which reads may lag. */
const publish = async (system: System, assistantId: string): Promise<void> => {
  await system.rotateAndWait(assistantId);
  await sleep(READ_LAG_MS);
};
const stateOf = (system: System, id: string): Promise<string | null> =>
  system.redis.hget(`{rekey}:rotation:${id}`, 'state');
const requests = (system: System): Promise<{ rotate: number; get: number; list: number }> =>
  system.admin('GET', '/counts');
const untilServing = (system: System): Promise<unknown> =>
  eventually(
    () => system.client.health(),
    (status) => status === 'SERVING',
  );
const untilAllEnded = (system: System, withinMs: number): Promise<unknown> =>
  eventually(
    () => system.redis.zcard('{rekey}:rotations:open'),
    (open) => open === 0,
    withinMs,
  );
const ended = (system: System, state: string): Promise<number> =>
  system.redis.zcard(`{rekey}:rotations:${state}`);

describe('a stopped worker', () => {
  it('sends nothing when it wakes, if it was stopped between its intent and its request', async () => {
    const system = await start();
    const wire = await proxied(system.redisServer.url);
    const sleeper = await system.startWorker({ REDIS_URL: wire.url });
    await publish(system, 'ast_1');
    const ids: string[] = [];
    const stopped = wire.once(patternsOf('claim'), 'held', async () => {
      await eventually(
        async () => ids[0] && (await stateOf(system, ids[0])),
        (state) => state === 'ROTATING',
      );
      sleeper.child.signal('SIGSTOP');
    });
    ids.push((await system.rotate('ast_1')).id);
    await stopped;
    expect((await requests(system)).rotate).toBe(1);

    await system.startWorker();
    expect(await system.waitFor(ids[0]!)).toMatchObject({
      state: 'SUCCEEDED',
      cause: 'ROTATION',
      attemptCount: 2,
    });
    sleeper.child.signal('SIGCONT');
    await sleeper.untilOutput(/SENT_TOO_LATE/);
    await untilQueuesAreEmpty(system);
    expect((await requests(system)).rotate).toBe(2);
    await expectTruth(system);
  });

  it('does not publish its key over one that another worker published since', async () => {
    const system = await start();
    const [wire, upstream] = [await proxied(system.redisServer.url), await proxied(upstreamOf(system))];
    const sleeper = await system.startWorker({ REDIS_URL: wire.url, INVENT_BASE_URL: upstream.url });
    await publish(system, 'ast_1');
    // Its response arrives, but its commit does not reach Redis.
    const stopped = upstream.once('POST /orgs', 'held', () => wire.stall(true));
    const { id } = await system.rotate('ast_1');
    await stopped;
    await eventually(
      () => requests(system),
      ({ rotate }) => rotate === 2,
    );

    await system.startWorker();
    // The key found may be older than the request: Rekey publishes it and requests another.
    expect(await system.waitFor(id)).toMatchObject({
      state: 'SUCCEEDED',
      cause: 'ROTATION',
      attemptCount: 2,
    });
    const { get } = await requests(system);
    wire.stall(false);
    await sleeper.untilOutput(/publication_refused/);
    // The assistant is checked.
    await eventually(
      () => requests(system),
      (counts) => counts.get > get,
    );
    await eventually(
      () => system.redis.zcard('{rekey}:checks'),
      (due) => due === 0,
    );
    await untilQueuesAreEmpty(system);
    expect((await requests(system)).rotate).toBe(3);
    expect((await system.versions()).map(({ data }) => data.cause)).toEqual([
      'rotation',
      'reconciliation',
      'rotation',
    ]);
    await expectTruth(system);
  });
});

describe('a Redis that loses data', () => {
  it('is brought up to date after it was restored from an old copy, with rising versions', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'rekey-restore-'));
    cleanUp(() => rm(dir, { recursive: true }));
    const system = await start({
      redis: { dir },
      simulator: ['--assistants', '30'],
      timing: { ...TIMING, INVENT_TIMEOUT_MS: '8000', REKEY_LANDING_WINDOW_MS: '8000' },
    });
    const upstream = await proxied(upstreamOf(system));
    const worker = await system.startWorker({
      INVENT_BASE_URL: upstream.url,
      REKEY_SWEEP_EVERY_MS: '600000',
    });
    await eventually(
      () => system.versions(),
      ({ length }) => length === 30,
    );
    await sleep(READ_LAG_MS);

    // A consumer keeps the highest version of each assistant, and never returns to an earlier entry.
    const held = new Map<string, KeyEvent & { type: typeof KEY_ROTATED }>();
    let position = '-';
    let fell = 0;
    const consume = async () => {
      for (const [entry, fields] of await system.redis.xrange(
        '{rekey}:events',
        position === '-' ? '-' : `(${position}`,
        '+',
      )) {
        position = entry;
        const event = KeyEvent.parse(JSON.parse(fields[1]!));
        if (event.type !== KEY_ROTATED) continue;
        const before = held.get(event.subject);
        if (before && event.data.version <= before.data.version) fell += 1;
        else held.set(event.subject, event);
      }
    };
    const heldKeys = () => lastPublished(system, [...held.values()]);

    await system.redis.save();
    await copyFile(join(dir, 'dump.rdb'), join(dir, 'copy.rdb'));
    for (let i = 1; i <= 10; i += 1)
      expect(await system.rotateAndWait(`ast_${i}`)).toMatchObject({ state: 'SUCCEEDED' });
    await consume();
    expect(await heldKeys()).toEqual(await keysInForce(system, [...held.keys()]));

    // Meanwhile a request is in flight, of a rotation that the copy does not know.
    const restored = upstream.once('POST /orgs', 'held', async () => {
      await eventually(
        () => system.admin('GET', '/assistants/ast_20'),
        ({ rotations }) => rotations === 1,
      );
      await system.redisServer.kill();
      await copyFile(join(dir, 'copy.rdb'), join(dir, 'dump.rdb'));
      await system.redisServer.restart();
    });
    await system.rotate('ast_20');
    await restored;
    await worker.untilOutput(/redis_restarted/);
    await eventually(
      async () => {
        await consume();
        const [has, inForce] = [await heldKeys(), await keysInForce(system, [...held.keys()])];
        return Object.keys(inForce).filter((id) => has[id] !== inForce[id]);
      },
      (differing) => differing.length === 0,
    );
    expect([held.size, fell]).toEqual([30, 0]);
    expect((await requests(system)).rotate).toBe(11);
  });

  it('ends all fifty rotations after a kill, with a file that is synced at every write', async () => {
    const system = await start({ redis: { persistence: 'always' }, simulator: ['--latency-ms', '100'] });
    await system.startWorker();
    await Promise.all(Array.from({ length: 50 }, (_, i) => system.rotate(`ast_${i + 1}`)));
    await eventually(
      () => ended(system, 'SUCCEEDED'),
      (count) => count >= 5,
    );
    await system.redisServer.kill();
    await system.redisServer.restart();
    await untilAllEnded(system, 30_000);
    expect(await ended(system, 'SUCCEEDED')).toBe(50);
    await untilQueuesAreEmpty(system);
    await expectTruth(system);
  });
});

describe('a Redis killed during a write', () => {
  it('does not execute the first half of that write at its second start', async () => {
    const system = await start({ redis: { persistence: 'always' } });
    const worker = await system.startWorker();
    await publish(system, 'ast_1');
    const [, dir] = (await system.redis.config('GET', 'dir')) as string[];
    const file = join(dir!, 'appendonlydir', 'appendonly.aof.1.incr.aof');
    await system.redisServer.kill();
    // Cuts the file in the middle of the EXEC of the last publishing transaction.
    const text = await readFile(file, 'latin1');
    await truncate(file, text.indexOf('EXEC', text.lastIndexOf('{rekey}:events\r\n')) + 2);
    await system.redisServer.restart();
    await worker.untilOutput(/append_only_file_rewritten/);
    await eventually(
      () => system.redis.info('persistence'),
      (info) => /^aof_rewrites:[1-9]/m.test(info) && /^aof_rewrite_in_progress:0/m.test(info),
    );
    await untilServing(system);
    await publish(system, 'ast_2');
    await system.redisServer.kill();
    await system.redisServer.restart();
    await untilServing(system);
    await publish(system, 'ast_3');
    // Redis has lost the end of the first rotation.
    await untilAllEnded(system, 60_000);
    const numbers = (await system.versions()).map(({ data }) => data.seq);
    expect(numbers).toEqual(numbers.map((_, i) => i + 1));
    await expectTruth(system);
  });
});

describe('a Redis with a replica', () => {
  it('leads to no accepted and no sent rotation that the replica has not confirmed', async () => {
    const waits = { REKEY_WAIT_REPLICAS: '1', REKEY_WAIT_REPLICAS_MS: '300' };
    const system = await start({ gateway: waits, redis: { args: ['--repl-diskless-sync-delay', '0'] } });
    const replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(system.redisServer.port)] });
    cleanUp(() => replica.dispose());
    // Being online is not enough: a new replica confirms nothing for up to a second.
    await eventually(
      () => system.redis.wait(1, 100),
      (confirmed) => confirmed === 1,
    );
    await system.startWorker(waits);
    expect(await system.rotateAndWait('ast_1')).toMatchObject({ state: 'SUCCEEDED', attemptCount: 1 });

    replica.freeze();
    const request = { orgId: 'org_demo', assistantId: 'ast_1', requestId: randomUUID() };
    expect(await failureOf(system.client.rotateSecretKey(request))).toMatchObject({
      code: 'UNAVAILABLE',
      reason: 'REPLICAS_MISSING',
    });
    const [id] = await system.redis.zrange('{rekey}:rotations:open', '0', '-1');
    await eventually(
      () => system.client.getRotation(id!),
      ({ state, error }) => state === 'QUEUED' && error?.reason === 'REPLICAS_MISSING',
    );
    expect((await requests(system)).rotate).toBe(1);

    replica.thaw();
    expect(
      await eventually(
        () =>
          system.client.rotateSecretKey(request).then(
            (rotation) => rotation.id,
            () => undefined,
          ),
        (answer) => answer !== undefined,
      ),
    ).toBe(id);
    expect(await system.waitFor(id!)).toMatchObject({ state: 'SUCCEEDED', cause: 'ROTATION' });
    expect((await requests(system)).rotate).toBe(2);
    await expectTruth(system);
  });
});

describe('a Redis whose replica is gone', () => {
  if (areTrials)
    it('delays 24 concurrent callers, while the gateway serves all other requests', async () => {
      const system = await start({ gateway: { REKEY_WAIT_REPLICAS: '1', REKEY_WAIT_REPLICAS_MS: '1000' } });
      await eventually(
        () => system.client.health(),
        (status) => status === 'SERVING',
      );
      const health: string[] = [];
      const slowest: number[] = [];
      const over = new AbortController();
      const watching = (async () => {
        while (!over.signal.aborted) {
          const began = performance.now();
          health.push(await system.client.health());
          await system.client.listRotations();
          slowest.push(performance.now() - began);
          await sleep(50);
        }
      })();
      const began = performance.now();
      const failures = await Promise.all(
        Array.from({ length: 24 }, (_, i) => failureOf(system.rotate(`ast_${i + 1}`))),
      );
      const tookMs = performance.now() - began;
      await sleep(3000);
      over.abort();
      await watching;
      expect(new Set(failures.map(({ reason }) => reason))).toEqual(new Set(['REPLICAS_MISSING']));
      expect(failures[0]!.message).toContain(
        'try again with the same request_id; it returns the same rotation',
      );
      // Two waits, and a margin for a busy machine.
      expect(tookMs).toBeLessThan(4000);
      expect(new Set(health)).toEqual(new Set(['SERVING']));
      expect(Math.max(...slowest)).toBeLessThan(900);
    });
});

describe('a Redis that is nearly out of memory', () => {
  it('gets no new rotation, then no new request, and takes the keys of all in flight', async () => {
    const system = await start({
      timing: { ...TIMING, INVENT_TIMEOUT_MS: '20000', REKEY_LANDING_WINDOW_MS: '20000' },
    });
    const upstream = await proxied(upstreamOf(system));
    const worker = await system.startWorker({ INVENT_BASE_URL: upstream.url });
    const ledger = openLedger(system.redis, { prefix: 'rekey' });
    const queue = createRotationQueue(system.redis, ledger.keys);
    cleanUp(() => queue.close());
    await publish(system, 'ast_1');
    // Large enough that a few commands are less than a percent of it.
    await system.redis.setrange('ballast', 32 * 1024 * 1024, 'x');
    const limitTo = async (share: number) => {
      const used = Number(/^used_memory:(\d+)/m.exec(await system.redis.info('memory'))![1]);
      await system.redis.config('SET', 'maxmemory', String(Math.round(used / share)));
    };

    const finished = upstream.once('POST /orgs', 'held', async () => {
      await limitTo(0.97);
      // Each process checks every second.
      await system.gateway.untilOutput(/no new rotation is accepted/);
      await worker.untilOutput(/no rotate request leaves/);
      expect(await failureOf(system.rotate('ast_3'))).toMatchObject({
        code: 'RESOURCE_EXHAUSTED',
        reason: 'REDIS_MEMORY_LOW',
      });
      // A rotation that another gateway accepted before it knew.
      const { rotation } = await ledger.rotations.accept('rot_01ARZ3NDEKTSV4RRFFQ69G5FAV', {
        orgId: 'org_demo',
        assistantId: 'ast_2',
        reason: '',
      });
      await queue.add({ rotationId: rotation.id, orgId: 'org_demo', assistantId: 'ast_2' });
      await eventually(
        () => system.client.getRotation(rotation.id),
        ({ state, error }) => state === 'QUEUED' && error?.reason === 'REDIS_MEMORY_LOW',
      );
      await limitTo(2);
      await expect(system.redis.set('more', 'than there is room for')).rejects.toThrow('OOM');
    });
    const { id } = await system.rotate('ast_1');
    await finished;
    await eventually(
      () => stateOf(system, id),
      (state) => state === 'SUCCEEDED',
    );
    expect((await system.openLast('ast_1')).assistant.secret_key).toBe(await system.trueKey('ast_1'));
    await expect(system.redis.set('more', 'than there is room for')).rejects.toThrow('OOM');
    expect((await requests(system)).rotate).toBe(2);

    await system.redis.config('SET', 'maxmemory', '0');
    expect(await system.waitFor('rot_01ARZ3NDEKTSV4RRFFQ69G5FAV')).toMatchObject({
      state: 'SUCCEEDED',
      cause: 'ROTATION',
    });
    const accepted = () =>
      system.rotate('ast_3').then(
        (rotation) => rotation.id,
        () => undefined,
      );
    expect(
      await system.waitFor((await eventually(accepted, (answer) => answer !== undefined))!),
    ).toMatchObject({ state: 'SUCCEEDED' });
    await untilQueuesAreEmpty(system);
    await expectTruth(system);
  });
});

describe('an unreadable entry of the ledger', () => {
  const quarantined = async (system: System) =>
    (await system.client.getStatus()).quarantined.map(({ assistantId }) => assistantId);

  if (areTrials)
    it('is reported and quarantined, and all other work continues', async () => {
      const system = await start();
      const { id } = await system.rotate('ast_1');
      for (const assistantId of ['ast_1', 'ast_2'])
        await system.redis.set(`{rekey}:assistant:${assistantId}`, 'not a hash');
      await system.startWorker();
      expect(await system.waitFor(id)).toMatchObject({
        state: 'FAILED',
        error: { reason: 'LEDGER_CORRUPT' },
      });
      expect(await failureOf(system.rotate('ast_2'))).toMatchObject({
        code: 'INTERNAL',
        reason: 'LEDGER_CORRUPT',
      });
      await eventually(
        () => quarantined(system),
        (ids) => ids.toSorted().join() === 'ast_1,ast_2',
      );
      expect(system.output()).toContain('assistant_quarantined');
      expect((await requests(system)).rotate).toBe(0);
      expect(await system.rotateAndWait('ast_3')).toMatchObject({ state: 'SUCCEEDED' });
      const { id: sweepId } = await system.client.createSweep();
      const swept = await eventually(
        () => system.client.getSweep(sweepId),
        ({ state }) => state !== 'QUEUED' && state !== 'RUNNING',
      );
      expect(swept).toMatchObject({ state: 'SUCCEEDED', counts: { imported: 997, unresolved: 2 } });

      for (const assistantId of ['ast_1', 'ast_2']) {
        await system.redis.del(`{rekey}:assistant:${assistantId}`);
        expect(await system.rotateAndWait(assistantId)).toMatchObject({ state: 'SUCCEEDED' });
        await openLedger(system.redis, { prefix: 'rekey' }).assistants.requestCheck(
          { orgId: 'org_demo', assistantId },
          0,
        );
      }
      await eventually(
        () => quarantined(system),
        (ids) => ids.length === 0,
      );
      await expectTruth(system);
    });
});

describe('an upstream that rotates and answers every POST with 500', () => {
  const reads: [name: string, readsFail: boolean][] = [
    ['reads are answered 500 too', true],
    ['reads are answered', false],
  ];
  it.each(inCheck(['reads are answered 500 too'], reads))(
    'changes at most twenty keys at once, then one in each window: %s',
    async (_what, readsFail) => {
      const system = await start({
        timing: { ...TIMING, INVENT_TIMEOUT_MS: '500', REKEY_LANDING_WINDOW_MS: '1000' },
      });
      await system.startWorker();
      const ids = Array.from({ length: 60 }, (_, i) => `ast_${i + 1}`);
      await Promise.all(ids.map((id) => system.rotateAndWait(id)));
      const { rotate: sent } = await requests(system);
      await sleep(READ_LAG_MS);
      await system.admin('POST', '/faults', { on: 'rotate', kind: 'failAfter', status: 500, times: 0 });
      if (readsFail)
        await system.admin('POST', '/faults', { on: 'get', kind: 'failBefore', status: 500, times: 0 });
      const before = performance.now();
      await Promise.all(ids.map((id) => system.rotate(id)));
      await eventually(
        () => requests(system),
        ({ rotate }) => rotate >= sent + 20,
      );
      await sleep(4000);
      const { rotate } = await requests(system);
      // One in each window, and each window is longer than 1 s.
      const probes = readsFail ? 0 : Math.ceil((performance.now() - before) / 1000);
      expect(rotate).toBeLessThanOrEqual(sent + 20 + probes);
      const halted = await system.client.listRotations({ state: 'QUEUED' });
      expect(new Set(halted.rotations.map(({ error }) => error?.reason))).toEqual(
        new Set(['TOO_MANY_UNKNOWNS']),
      );
      await system.admin('DELETE', '/faults');
      await untilAllEnded(system, 50_000);
      expect(await ended(system, 'SUCCEEDED')).toBe(120);
      await expectTruth(system);
    },
    90_000,
  );
});

describe('a clock that jumps', () => {
  if (areTrials)
    it('back by a day under Redis delays nothing, and versions keep rising', async () => {
      const system = await start();
      const worker = await system.startWorker();
      await publish(system, 'ast_1');
      await system.admin('POST', '/faults', { kind: 'hangAfterCommit' });
      const { id } = await system.rotate('ast_1');
      await eventually(
        () => requests(system),
        ({ rotate }) => rotate === 2,
      );
      await worker.child.kill();
      // Changes the data as if it had been written with the clock a day ahead.
      const key = '{rekey}:assistant:ast_1';
      const DAY_MS = 86_400_000;
      for (const field of ['lease', 'lands', 'intent', 'known', 'verified'])
        await system.redis.hincrby(key, field, DAY_MS);
      for (const field of ['epoch', 'intent_epoch', 'version'])
        await system.redis.hincrby(key, field, DAY_MS * 1000);
      const ahead = Number(await system.redis.hget(key, 'version'));

      await system.startWorker();
      // The ledger no longer knows when the previous key was last in force. The change may be older: one more
      // request.
      expect(await system.waitFor(id)).toMatchObject({
        state: 'SUCCEEDED',
        cause: 'ROTATION',
        attemptCount: 2,
      });
      const [, found] = await system.versions();
      expect(found!.data.cause).toBe('reconciliation');
      expect(found!.data.version).toBeGreaterThan(ahead);
      expect((await requests(system)).rotate).toBe(3);
      await expectTruth(system);
    });

  const jumps: [name: string, byMs: number][] = [
    ['ahead', 86_400_000],
    ['back', -86_400_000],
  ];
  it.each(inCheck(['back'], jumps))(
    'under a worker, a day %s, delays nothing, not even when another worker takes over',
    async (_way, byMs) => {
      const system = await start();
      // Only the wall clock jumps: a monotonic clock measures durations.
      const script = `let by = 0; process.on('SIGUSR2', () => { by = ${byMs}; });
        const now = Date.now; Date.now = () => now() + by;`;
      const worker = await system.startWorker({
        NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(script)}`,
      });
      await publish(system, 'ast_1');
      await publish(system, 'ast_2');
      worker.child.signal('SIGUSR2');
      await system.admin('POST', '/faults', { assistantId: 'ast_1', kind: 'loseResponseAfterCommit' });
      expect(await system.rotateAndWait('ast_1')).toMatchObject({
        state: 'SUCCEEDED',
        cause: 'ROTATION',
        attemptCount: 2,
      });

      await system.admin('POST', '/faults', { assistantId: 'ast_2', kind: 'loseResponseAfterCommit' });
      const { id } = await system.rotate('ast_2');
      await eventually(
        () => system.redis.zcard('{rekey}:bull:rotation-follow-ups:delayed'),
        (jobs) => jobs === 1,
      );
      await worker.child.kill();
      await system.startWorker();
      expect(await system.waitFor(id)).toMatchObject({
        state: 'SUCCEEDED',
        cause: 'ROTATION',
        attemptCount: 2,
      });
      await expectTruth(system);
    },
  );
});

describe('freeze and observe', () => {
  it('a freeze lets no request leave, and queued rotations resume by themselves after it', async () => {
    const system = await start();
    await system.startWorker();
    await system.client.freeze({ reason: 'a test' });
    const { id } = await system.rotate('ast_1');
    await eventually(
      () => system.client.getRotation(id),
      ({ state, error }) => state === 'QUEUED' && error?.reason === 'FROZEN',
    );
    await system.client.unfreeze();
    expect(await system.waitFor(id)).toMatchObject({ state: 'SUCCEEDED', attemptCount: 1 });
    await expectTruth(system);
  });

  it('a worker that only observes sweeps and publishes, but sends no POST', async () => {
    const system = await start({ simulator: ['--assistants', '5'] });
    // The org is named before the first sweep: nothing is published under `c`.
    const { id } = await system.rotate('ast_1');
    const observer = await system.startWorker({ REKEY_OBSERVE_ONLY: 'true', REKEY_SWEEP_EVERY_MS: '1000' });
    await eventually(
      () => system.client.getRotation(id),
      ({ state, error }) => state === 'QUEUED' && error?.reason === 'FROZEN',
    );
    await eventually(
      () => system.versions(),
      ({ length }) => length === 5,
    );
    expect((await system.versions()).map(({ data }) => data.cause)).toEqual(
      Array.from({ length: 5 }, () => 'import'),
    );
    expect((await requests(system)).rotate).toBe(0);
    await observer.child.kill();
    await system.startWorker();
    expect(await system.waitFor(id)).toMatchObject({ state: 'SUCCEEDED', attemptCount: 1 });
    await expectTruth(system);
  });
});

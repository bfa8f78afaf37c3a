import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ORG, closeEvidence, names, openEvidence, orgOf, type Evidence } from '../evidence-fixture.ts';
import { silentLogger } from '@rekey/runtime';
import type { CheckOptions, CheckResult } from './check-assistant.ts';
import { startDueChecks } from './due-checks.ts';

/** The budget lane that due checks use, and when they are repeated. */
let world: Evidence;
let checks: { close(): Promise<void> };
let stop: AbortController;
const check = (target: { assistantId: string }, options: CheckOptions): Promise<CheckResult> =>
  world.check(target.assistantId, options);
const start = (checking = check) => {
  checks = startDueChecks({
    ledger: world.ledger,
    check: checking,
    logger: silentLogger,
    takeoverAfterMs: 60_000,
    stopping: stop.signal,
  });
};
const open = async (options: Parameters<typeof openEvidence>[0]) => {
  world = await openEvidence(options);
};
beforeEach(async () => {
  stop = new AbortController();
  await open({ maxChangedPercent: 100 });
});
afterEach(async () => {
  await checks.close();
  await world.close();
});
afterAll(closeEvidence);

const until = async (isSo: () => boolean | Promise<boolean>): Promise<void> => {
  for (let tries = 0; !(await isSo()); tries += 1) {
    if (tries === 12_000) throw new Error('the condition was not met in time');
    await sleep(5);
  }
};
const waiting = async () => ({
  first: await world.redis.zcard(world.keys.checks),
  sweep: await world.redis.zcard(world.keys.slowChecks),
});
/** The time until the first slow check is due (ms). */
const dueInMs = async () =>
  Number((await world.redis.zrange(world.keys.slowChecks, '0', '0', 'WITHSCORES'))[1]) -
  (await world.ledger.system.nowMs());
const uncertain = async () =>
  (await world.events()).filter(({ type }) => type.includes('uncertain')).map(({ subject }) => subject);

describe('assistants whose reads show an older key', () => {
  const COUNT = 120;
  beforeEach(async () => {
    world.upstream = orgOf(COUNT);
    for (const id of names(COUNT)) await world.check(id);
    for (const id of names(COUNT)) world.upstream.set(id, `hand_${id}`);
    await world.pass(60_000);
    for (const id of names(COUNT)) await world.check(id);
    await world.pass(60_000);
    if ((await world.wrong()).length > 0) throw new Error('the manual rotations are not published');
    // Invent has restored a backup.
    world.upstream = orgOf(COUNT);
    for (const assistantId of names(COUNT))
      await world.ledger.assistants.requestCheck({ orgId: ORG, assistantId }, 0);
    [world.gets, world.lanes] = [[], []];
  });

  it('are read at once, and then from the sweep’s share until the key in force is published', async () => {
    start();
    await until(async () => (await waiting()).first === 0);
    expect(await waiting()).toEqual({ first: 0, sweep: COUNT });
    expect(new Set(await uncertain()).size).toBe(COUNT);
    expect(world.lanes).toEqual(Array.from({ length: COUNT }, () => 'first'));
    expect((await world.wrong()).length).toBe(COUNT);
    for (let i = 0; (await waiting()).sweep > 0; i += 1) {
      expect(i).toBeLessThan(60);
      await world.pass(2000);
      await sleep(550);
    }
    expect(world.lanes.filter((lane) => lane === 'first')).toHaveLength(COUNT);
    expect(world.gets.length).toBe(3 * COUNT);
    expect(await world.wrong()).toEqual([]);
    // Consumers were notified of each once, and its new version ended the doubt.
    expect((await uncertain()).length).toBe(COUNT);
    expect(await world.redis.hlen(world.keys.uncertain)).toBe(0);
    expect(await world.redis.hlen('{spec}:stale')).toBe(0);
  });
});

describe('a check', () => {
  beforeEach(async () => {
    world.upstream = orgOf(8);
    for (const id of names(8)) await world.check(id);
    await world.pass(60_000);
    await world.ledger.orgs.endSweep(ORG);
    await world.ledger.assistants.requestCheck({ orgId: ORG, assistantId: 'ast_0001' }, 0);
  });
  const settled = async () => {
    start();
    await until(async () => (await waiting()).first === 0);
  };

  it('that finds an assistant deleted is repeated later, from the sweep’s share', async () => {
    world.upstream.delete('ast_0001');
    await settled();
    expect(await waiting()).toEqual({ first: 0, sweep: 1 });
    expect(await dueInMs()).toBeGreaterThan(29_900);
    await world.pass(30_001);
    await until(async () => (await world.removed()).length === 1);
    expect(world.lanes.at(-1)).toBe('sweep');
  });

  it('of a held org is repeated after five minutes, from the sweep’s share', async () => {
    world.upstream.set('ast_0001', 'manual');
    await world.ledger.orgs.hold(ORG, { code: 'ORG_CHANGED', affected: 8, known: 8 });
    await settled();
    expect(await waiting()).toEqual({ first: 0, sweep: 1 });
    expect(await dueInMs()).toBeGreaterThan(299_000);
    await world.ledger.orgs.endSweep(ORG);
    await world.pass(300_001);
    await until(async () => (await waiting()).sweep === 0);
    expect(await world.wrong()).toEqual([]);
  });

  it('that fails is repeated from the sweep’s share', async () => {
    world.getFails = () => 'UPSTREAM_UNREACHABLE';
    await settled();
    expect(await waiting()).toEqual({ first: 0, sweep: 1 });
    expect(await dueInMs()).toBeGreaterThan(4000);
  });

  it('that agrees is not repeated', async () => {
    await settled();
    expect(await waiting()).toEqual({ first: 0, sweep: 0 });
  });
});

describe('an assistant whose reads keep disagreeing', () => {
  it('is read at growing intervals', async () => {
    world.upstream = orgOf(1);
    await world.check('ast_0000');
    for (const key of ['k1', 'k2']) {
      await world.pass(60_000);
      world.upstream.set('ast_0000', key);
      await world.check('ast_0000');
    }
    await world.pass(60_000);
    // Two replicas, each restored from another backup.
    let reads = 0;
    world.get = () => ((reads += 1) % 2 ? 'k1' : 'sk_of_ast_0000');
    await world.ledger.assistants.requestCheck({ orgId: ORG, assistantId: 'ast_0000' }, 0);
    start();
    await until(async () => (await waiting()).sweep === 1);
    const pauses: number[] = [];
    for (let i = 0; i < 9; i += 1) {
      const pauseMs = await dueInMs();
      pauses.push(Math.round(pauseMs / 1000));
      const before = reads;
      await world.pass(pauseMs + 1);
      // A check owns it for a minute, and sets the next time when it ends.
      await until(
        async () => reads > before && (await dueInMs()) > 0 && Math.round((await dueInMs()) / 1000) !== 60,
      );
    }
    expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 128]);
    expect((await uncertain()).length).toBe(1);
  });
});

describe('a worker that stops', () => {
  it('finishes the checks that have begun, and leaves the others due', async () => {
    world.upstream = orgOf(40);
    for (const assistantId of names(40))
      await world.ledger.assistants.requestCheck({ orgId: ORG, assistantId }, 0, { slow: true });
    let begun = 0;
    const release = Promise.withResolvers<void>();
    start(async (target, options) => {
      begun += 1;
      await release.promise;
      return check(target, options);
    });
    await until(() => begun === 8);
    stop.abort();
    release.resolve();
    await checks.close();
    expect(begun).toBe(8);
    expect((await waiting()).sweep).toBe(32);
  });
});

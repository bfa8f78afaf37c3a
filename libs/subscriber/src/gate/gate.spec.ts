import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startRedis, type RedisServer } from '@rekey/testing';
import { subscribe, type Applied, type Keys } from '../index.ts';
import type { Publisher } from '../publisher-fixture.ts';
import { createPublisher } from '../subscriber-fixture.ts';
import { until } from '../wait-fixture.ts';

let server: RedisServer;
let rekey: Publisher;
let privateKey: { keys: object[] };
const open: Keys[] = [];
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.dispose());
beforeEach(async () => {
  rekey = createPublisher(server.url);
  await rekey.redis.flushall();
  privateKey = await rekey.enrol('billing');
  await rekey.publish('ast_1', 'sk_1');
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((keys) => keys.close()));
  rekey.close();
});
const begin = async (beforeAcknowledge: (applied: Applied) => Promise<void>) => {
  const keys = await subscribe({
    redis: server.url,
    consumer: 'billing',
    prefix: 'spec',
    privateKey,
    beforeAcknowledge,
    leaseMs: 1000,
  });
  open.push(keys);
  return keys;
};
const lastAck = async () => (await rekey.acks()).at(-1);
const lastEntry = async () => (await rekey.redis.xrevrange('{spec}:events', '+', '-', 'COUNT', 1))[0]![0];

/** A gate whose runs the spec ends. */
const heldGate = () => {
  const runs: { applied: Applied; resolve: () => void; reject: (error: Error) => void }[] = [];
  let most = 0;
  let inProgress = 0;
  return {
    runs,
    most: () => most,
    before: (applied: Applied) =>
      new Promise<void>((resolve, reject) => {
        most = Math.max(most, (inProgress += 1));
        const ended =
          <A extends unknown[]>(end: (...args: A) => void) =>
          (...args: A) => {
            inProgress -= 1;
            end(...args);
          };
        runs.push({ applied, resolve: ended(resolve), reject: ended(reject) });
      }),
  };
};

describe('beforeAcknowledge', () => {
  it('holds the position back until it resolves, while signs of life go on', async () => {
    const gate = heldGate();
    await begin(gate.before);
    await until(() => gate.runs.length === 1, 'the first run');
    expect(gate.runs[0]!.applied).toEqual({ position: await lastEntry(), seq: 1 });
    await until(async () => (await rekey.acks()).length >= 3, 'three signs of life');
    expect(await lastAck()).toMatchObject({ position: '0-0', seq: 0, keys: 1, orgs_sha256: '' });
    gate.runs[0]!.resolve();
    await until(async () => (await lastAck())!.seq === 1, 'the position');
    expect(await lastAck()).toMatchObject({ position: await lastEntry(), unapplied: { count: 0 } });
  });

  it('runs once at a time; one run is for everything that was applied before it', async () => {
    const gate = heldGate();
    const keys = await begin(gate.before);
    await until(() => gate.runs.length === 1, 'the first run');
    for (let i = 2; i <= 50; i += 1) await rekey.publish(`ast_${i}`, `sk_${i}`);
    await until(() => keys.size === 50, 'all keys');
    gate.runs[0]!.resolve();
    await until(() => gate.runs.length === 2, 'the second run');
    expect(gate.runs[1]!.applied.seq).toBe(50);
    expect((await lastAck())!.seq).toBeLessThanOrEqual(1);
    gate.runs[1]!.resolve();
    await until(async () => (await lastAck())!.seq === 50, 'the position');
    expect([gate.runs.length, gate.most()]).toEqual([2, 1]);
  });

  it('reports a failure as unapplied, does not acknowledge, and tries again', async () => {
    let failures = 2;
    await begin(async () => {
      if (failures > 0) throw new Error(`the folder is full (${(failures -= 1)})`);
    });
    await until(async () => (await lastAck())?.unapplied.count === 1, 'a report of the failure');
    const failed = (await rekey.acks()).find(({ unapplied }) => unapplied.count === 1)!;
    expect(failed).toMatchObject({
      position: '0-0',
      unapplied: { first: [{ assistant_id: '', version: 0, why: 'the folder is full (1)' }] },
    });
    await until(async () => (await lastAck())!.seq === 1, 'the position');
    expect(await lastAck()).toMatchObject({ position: await lastEntry(), unapplied: { count: 0 } });
  });

  it('does not acknowledge a position of one Redis in another', async () => {
    const gate = heldGate();
    const keys = await begin(gate.before);
    await until(() => gate.runs.length === 1, 'the first run');
    // The stream begins anew, as after a restored backup. The first run is about the one before.
    await rekey.redis.del('{spec}:events', '{spec}:seq');
    await rekey.publish('ast_2', 'sk_2');
    await until(() => keys.current('ast_2') !== undefined, 'the key of the new stream');
    await until(() => keys.freshness().snapshotDue === undefined, 'the snapshot');
    gate.runs[0]!.resolve();
    await until(() => gate.runs.length === 2, 'the second run');
    expect(gate.runs[1]!.applied).toEqual({ position: await lastEntry(), seq: 1 });
    expect(await lastAck()).toMatchObject({ position: '0-0', seq: 0 });
    gate.runs[1]!.resolve();
    await until(async () => (await lastAck())!.position === (await lastEntry()), 'the position');
  });
});

import { beforeAll, describe, expect, it } from '@jest/globals';
import { connectSimulated, ledger, redis, setNow, useLedger } from '../ledger-fixture.ts';
import { openLedger } from '../open-ledger.ts';
import { isAnyRotating, processId, type Processes } from './processes.ts';

let processes: Processes;
const START_US = 1_800_000_000_000_000;
const SECOND = 1_000_000;
useLedger({ connect: connectSimulated });
beforeAll(() => {
  ({ processes } = ledger);
});

const worker = (id: string) => ({
  id,
  kind: 'worker',
  roles: ['rotating', 'sweeping'],
  version: '1.0.0',
  settings: {
    egress: 'default',
    sweepEveryMs: 1000,
    certificateEndsMs: 2,
    certificateEndsSoonMs: 1,
    certificatesRefusedMs: 3,
    accessFileRefusedMs: 4,
  },
});

describe('a name', () => {
  it.each([
    [{ kind: 'worker', host: 'pod-7f.eu', pid: 17, random: 'a1b2' }, 'worker-pod-7f.eu-17-a1b2'],
    [
      { kind: 'worker', host: `x\n{y}:z/${'h'.repeat(100)}`, pid: 1, random: 'q' },
      `worker-x--y--z-${'h'.repeat(32)}-1-q`,
    ],
    [{ kind: 'gateway', host: '', pid: 1, random: 'q' }, 'gateway-host-1-q'],
  ])('%j has no special characters, and a limited length', (from, id) => {
    expect(processId(from)).toBe(id);
  });
});

describe('a process', () => {
  it('is live for as long as its lease, and gone after it', async () => {
    const real = openLedger(redis, { prefix: 'spec', processLeaseMs: 150 }).processes;
    const [seconds, micros] = (await redis.time()) as unknown as [string, string];
    await setNow(Number(seconds) * SECOND + Number(micros));
    await real.beat(worker('worker-a'));
    expect(await real.list()).toEqual([
      { ...worker('worker-a'), startedMs: expect.any(Number), seenMs: expect.any(Number), live: true },
    ]);
    expect(isAnyRotating(await real.list())).toBe(true);
    await setNow(Number(seconds) * SECOND + Number(micros) + 0.3 * SECOND);
    expect(await real.list()).toMatchObject([{ id: 'worker-a', live: false }]);
    expect(isAnyRotating(await real.list())).toBe(false);
  });

  it('keeps the time of its start, and is not live once it reports its end', async () => {
    await setNow(START_US);
    await processes.beat(worker('worker-a'));
    await setNow(START_US + 4 * SECOND);
    await processes.beat(worker('worker-a'), { leaving: true });
    expect(await redis.hget('{spec}:processes', 'worker-a')).toMatch(
      /^1800000004000 1800000000000 10000 1 \{/,
    );
    expect(await processes.list()).toMatchObject([
      { live: false, startedMs: 1_800_000_000_000, seenMs: 1_800_000_004_000 },
    ]);
  });

  it('is deleted a day after it was last seen; at once if it is from the future or unreadable', async () => {
    await redis.hset('{spec}:processes', {
      long: '1700000000000 1 10000 0 {}',
      ahead: '1900000000000 1 10000 0 {}',
      bad: 'x',
    });
    await setNow(START_US);
    await processes.beat(worker('worker-a'));
    expect(await redis.hkeys('{spec}:processes')).toEqual(['worker-a']);
  });

  it('is left out if it says a moment that no date has: another client wrote it', async () => {
    await setNow(START_US);
    await processes.beat(worker('worker-a'));
    const about = worker('forged');
    const text = JSON.stringify({ ...about, settings: { certificateEndsMs: Number.MAX_SAFE_INTEGER } });
    await redis.hset('{spec}:processes', 'forged', `${START_US / 1000} 1 10000 0 ${text}`);
    expect((await processes.list()).map(({ id }) => id)).toEqual(['worker-a']);
  });

  it('makes room, after a minute, of entries with a longer lease: another client wrote them', async () => {
    await setNow(START_US);
    const about = JSON.stringify({ kind: 'worker', roles: ['rotating'], version: '1', settings: {} });
    const text = `${START_US / 1000} ${START_US / 1000} 31536000000 0 ${about}`;
    for (let i = 0; i < 200; i += 1) await redis.hset('{spec}:processes', `invented-${i}`, text);
    expect(await processes.beat(worker('worker-a'))).toBe(false);
    await setNow(START_US + 61 * SECOND);
    expect(await processes.beat(worker('worker-a'))).toBe(true);
    const live = (await processes.list()).filter((one) => one.live);
    expect(live.map(({ id }) => id)).toEqual(['worker-a']);
  });

  it('never makes more entries than the limit; a live process makes room for none', async () => {
    for (let i = 0; i < 200; i += 1) {
      await setNow(START_US + 1000 * i);
      await processes.beat(worker(`worker-${i}`));
    }
    expect(await processes.beat(worker('worker-late'))).toBe(false);
    expect(await redis.hlen('{spec}:processes')).toBe(200);
    await setNow(START_US + 60 * SECOND);
    expect(await processes.beat(worker('worker-late'))).toBe(true);
    expect(await redis.hlen('{spec}:processes')).toBe(200);
    expect(await redis.hexists('{spec}:processes', 'worker-0')).toBe(0);
  });
});

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startRedis, type RedisServer } from '@rekey/testing';
import type { Redis } from 'ioredis';
import {
  accept,
  claimOf,
  claimed,
  connectSimulated,
  events,
  everything,
  key,
  ledger,
  looked,
  lose,
  openSpecLedger,
  readKey,
  redis,
  setNow,
} from '../ledger-fixture.ts';
import { openLedger, type Ledger } from '../open-ledger.ts';
import {
  createLedgerClock,
  type ClockDoubt,
  type LedgerClock,
  type LedgerClockOptions,
} from './ledger-clock.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const LEDGER = '{spec}:ledger';
const SETTLE_MS = 60_000;

let server: RedisServer;
/** The true time. */
let trueMs: number;
/** The error of the clock of Redis. */
let redisOffMs: number;
let nowMs: number;
let clock: LedgerClock;
let told: (ClockDoubt | undefined)[];
const others: Redis[] = [];

beforeAll(async () => {
  server = await startRedis();
  openSpecLedger(server.url, { connection: connectSimulated(server.url) });
});
afterAll(async () => {
  for (const other of [redis, ...others]) other.disconnect();
  await server.dispose();
});
beforeEach(async () => {
  await redis.flushall();
  [trueMs, nowMs, redisOffMs] = [1_800_000_000_000, 5000, 0];
  await setRedis();
  told = [];
  clock = watch(redis, { onChange: (doubt) => told.push(doubt) });
  await clock.look();
});

const setRedis = () => setNow((trueMs + redisOffMs) * 1000);
const watch = (
  on: Redis,
  more: Partial<LedgerClockOptions> & { wallOffMs?: number; ownOffMs?: () => number } = {},
) => {
  const { wallOffMs = 0, ownOffMs = () => 0, ...options } = more;
  return createLedgerClock({
    redis: on,
    prefix: 'spec',
    name: 'one',
    toleranceMs: 10_000,
    everyMs: 1000,
    settleMs: SETTLE_MS,
    clock: { nowMs: () => nowMs + ownOffMs(), wallMs: () => trueMs + wallOffMs },
    ...options,
  });
};
/** Another process, with connections of its own. */
const process = (more: Parameters<typeof watch>[1] = {}): { clock: LedgerClock; ledger: Ledger } => {
  const own = connectSimulated(server.url);
  others.push(own);
  return {
    clock: watch(own, { name: 'another', ...more }),
    ledger: openLedger(own, { prefix: 'spec' }),
  };
};
const pass = async (ms: number) => {
  trueMs += ms;
  nowMs += ms;
  await setRedis();
};
/** Time passes, and every process looks each second. */
const live = async (ms: number, ...clocks: LedgerClock[]) => {
  for (let passed = 0; passed < ms; passed += 1000) {
    await pass(1000);
    for (const one of clocks) await one.look();
  }
};
const jump = async (ms: number) => {
  redisOffMs += ms;
  await setRedis();
};
const fact = (field: string) => redis.hget(LEDGER, field);
const jumpNoted = async () =>
  JSON.parse((await fact('clock_jump')) ?? 'null') as {
    since: number;
    offset_ms: number;
    noticed_by: string;
  } | null;

describe.each([
  ['ahead', 3 * DAY],
  ['ahead by less than consumers would refuse', 2 * HOUR],
  ['back', -3 * DAY],
])('a clock of Redis that jumps %s', (_where, offsetMs) => {
  it('draws no version in the first moment of the jump, before any process has looked', async () => {
    const waiting = await accept();
    const running = await claimed(await accept({ assistantId: 'ast_2' }));
    await jump(offsetMs);
    const before = await everything();
    expect(await claimOf(waiting)).toEqual({ kind: 'frozen', retryInMs: 1000 });
    expect(await ledger.assistants.beginCheck({ orgId: 'org_1', assistantId: 'ast_1' })).toEqual({
      kind: 'held',
      retryInMs: 1000,
    });
    expect(await claimOf({ id: running.rotationId, ...running }, { leaseMs: 0 })).toMatchObject({
      kind: 'frozen',
    });
    expect(await everything()).toEqual(before);
  });

  it('allows no claim of a bulk, and ends no bulk because of its window', async () => {
    const bulks = openLedger(redis, { prefix: 'spec' }).bulks;
    const work = openLedger(redis, {
      prefix: 'spec',
      budget: { egress: 'spec', requestsPerMinute: 0 },
    }).bulkWork;
    const draft = bulks.draft('blk_1');
    await draft.add(['ast_1']);
    await bulks.create(
      'blk_1',
      {
        orgId: 'org_1',
        reason: '',
        selection: { kind: 'ids' },
        urgent: false,
        validateOnly: false,
        maxFailures: { count: 0 },
        untilMs: trueMs + HOUR,
      },
      draft,
    );
    await jump(offsetMs);
    const job = { rotationId: 'rot_00000000000000000000000000', orgId: 'org_1', assistantId: 'ast_1' };
    expect(
      await work.claim({ bulkId: 'blk_1', orgId: 'org_1' }, [{ index: 0, job }], {
        leaseMs: 1000,
        landingWindowMs: 1000,
        maxOpenIntents: 10,
      }),
    ).toEqual({ kind: 'frozen', retryInMs: 1000 });
    expect(await bulks.get('blk_1')).toMatchObject({ state: 'RUNNING' });
  });

  it('is noted once, with its time and offset, and waiting rotations show it', async () => {
    const waiting = await accept();
    await jump(offsetMs);
    await live(3000, clock);
    expect(told).toEqual([{ offsetMs, why: 'jumped' }]);
    expect(await jumpNoted()).toEqual({ since: trueMs - 2000, offset_ms: offsetMs, noticed_by: 'one' });
    await claimOf(waiting, { holdBack: 'CLOCK_JUMP' });
    expect(await ledger.rotations.get(waiting.id)).toMatchObject({
      state: 'QUEUED',
      errorCode: 'CLOCK_JUMP',
    });
  });

  it('ends within a second of its return: rotations resume, and versions are as expected', async () => {
    const waiting = await accept();
    await jump(offsetMs);
    await live(10_000, clock);
    await jump(-offsetMs);
    await live(1000, clock);
    expect([clock.doubt(), told.length, await jumpNoted()]).toEqual([undefined, 2, null]);
    expect((await claimed(waiting)).epoch).toBe(trueMs * 1000);
  });

  it('loses no key of a POST meanwhile: it is published, with the version and time from before', async () => {
    const claim = await claimed(await accept());
    await jump(offsetMs);
    await live(2000, clock);
    expect(await ledger.assistants.commit(claim, key('f1'))).toMatchObject({ kind: 'committed' });
    expect((await events())[0]!.data).toMatchObject({ version: claim.epoch });
    expect(await ledger.assistants.keyFacts(['ast_1'])).toMatchObject([
      { verifiedMs: claim.atMs, knownMs: trueMs },
    ]);
  });

  it('ends no landing window too early, and makes none longer', async () => {
    const lost = await lose({}, { landingWindowMs: 60_000 });
    await jump(offsetMs);
    await live(10_000, clock);
    expect(await claimOf({ id: lost.rotationId, ...lost })).toMatchObject({ kind: 'frozen' });
    await jump(-offsetMs);
    await live(1000, clock);
    expect(await claimOf({ id: lost.rotationId, ...lost })).toMatchObject({
      kind: 'resumed',
      landsInMs: 49_000,
    });
  });

  it('changes no stored moment: of reads, unknown outcomes, accepted rotations, and expiries', async () => {
    const claim = await claimed(await accept());
    await jump(offsetMs);
    expect(await ledger.system.nowMs()).toBe(trueMs);
    await ledger.rotations.noteUnknown(
      claim,
      { readInMs: 500, holdMs: 1000 },
      { envelope: 'null', revision: '0' },
    );
    expect(await ledger.rotations.get(claim.rotationId)).toMatchObject({
      uncertainSinceMs: trueMs,
      nextReadMs: trueMs + 500,
    });
    expect(await accept({ assistantId: 'ast_2' })).toMatchObject({ createdMs: trueMs });
    await ledger.assistants.requestCheck({ orgId: 'org_1', assistantId: 'ast_1' }, 5000);
    expect(await ledger.assistants.drawChecks(10, 1000)).toEqual([]);
    await pass(5000);
    expect(await ledger.assistants.drawChecks(10, 1000)).toHaveLength(1);
  });

  it('is trusted once it has run evenly for long enough and agrees with the wall clock', async () => {
    const waiting = await accept();
    // Clock and wall clock of the whole host were wrong before.
    await jump(offsetMs);
    trueMs += offsetMs;
    redisOffMs -= offsetMs;
    await live(SETTLE_MS, clock);
    expect([clock.doubt()?.why, (await claimOf(waiting)).kind]).toEqual(['jumped', 'frozen']);
    await live(2000, clock);
    expect([clock.doubt(), await jumpNoted()]).toEqual([undefined, null]);
    expect((await claimed(waiting)).epoch).toBeGreaterThan(1_000_000);
  });

  it('is never trusted against the wall clock', async () => {
    await jump(offsetMs);
    await live(4 * SETTLE_MS, clock);
    expect(clock.doubt()?.why).toBe(Math.abs(offsetMs) > HOUR ? 'jumped' : undefined);
  });

  it('is noticed by a worker that starts meanwhile, from the ledger and its own wall clock', async () => {
    await jump(offsetMs);
    await live(2000, clock);
    const late = process();
    await late.clock.look();
    expect(late.clock.doubt()).toEqual({ offsetMs, why: 'jumped' });
    expect(await late.ledger.assistants.beginCheck({ orgId: 'org_1', assistantId: 'ast_1' })).toMatchObject({
      kind: 'held',
    });
    expect(await late.ledger.system.nowMs()).toBe(trueMs);
    await jump(-offsetMs);
    await live(1000, clock, late.clock);
    expect([clock.doubt(), late.clock.doubt()]).toEqual([undefined, undefined]);
  });

  it('is noticed by a worker that starts when all others are gone', async () => {
    await jump(offsetMs);
    const late = process();
    await late.clock.look();
    expect(late.clock.doubt()).toEqual({ offsetMs, why: 'disagrees' });
    expect(await late.ledger.assistants.beginCheck({ orgId: 'org_1', assistantId: 'ast_1' })).toMatchObject({
      kind: 'held',
    });
    expect(await fact('clock')).toBe('1800000000000');
  });
});

describe('a jump of the whole host, wall clock and all', () => {
  it('is noticed by processes that ran before, and by those that start right after it', async () => {
    await jump(3 * DAY);
    const late = process({ wallOffMs: 3 * DAY });
    await late.clock.look();
    expect(late.clock.doubt()?.why).toBe('new');
    await live(5000, clock, late.clock);
    expect([clock.doubt()?.why, late.clock.doubt()?.why]).toEqual(['jumped', 'jumped']);
    expect(await late.ledger.assistants.beginCheck({ orgId: 'org_1', assistantId: 'ast_1' })).toMatchObject({
      kind: 'held',
    });
  });
});

describe('a worker whose own clock is wrong', () => {
  it('pauses alone if its wall clock is wrong, notes nothing, and resumes when it is right', async () => {
    let wallOffMs = 3 * DAY;
    const own = connectSimulated(server.url);
    others.push(own);
    const wrong = createLedgerClock({
      redis: own,
      prefix: 'spec',
      name: 'wrong',
      clock: { nowMs: () => nowMs, wallMs: () => trueMs + wallOffMs },
    });
    await wrong.look();
    await live(300_000, clock, wrong);
    expect(wrong.doubt()).toEqual({ offsetMs: -3 * DAY, why: 'disagrees' });
    expect([clock.doubt(), await jumpNoted(), (await looked()).epoch]).toEqual([
      undefined,
      null,
      trueMs * 1000,
    ]);
    wallOffMs = 0;
    await live(1000, clock, wrong);
    expect(wrong.doubt()).toBeUndefined();
  });

  it('draws nothing at first if its machine was suspended, and follows the others at once', async () => {
    let stoppedForMs = 0;
    const slept = process({ ownOffMs: () => -stoppedForMs });
    await slept.clock.look();
    stoppedForMs = HOUR;
    await live(HOUR, clock);
    expect(await slept.ledger.assistants.beginCheck({ orgId: 'org_1', assistantId: 'ast_1' })).toMatchObject({
      kind: 'held',
    });
    await slept.clock.look();
    expect([slept.clock.doubt(), clock.doubt(), await jumpNoted()]).toEqual([undefined, undefined, null]);
    expect(await slept.ledger.assistants.beginCheck({ orgId: 'org_1', assistantId: 'ast_1' })).toMatchObject({
      kind: 'begun',
    });
  });
});

describe('a correct clock', () => {
  it('is trusted from the first look on a new ledger, and on one that others use', async () => {
    expect([told, await fact('clock')]).toEqual([[], '1800000000000']);
    await live(2000, clock);
    const other = process();
    await other.clock.look();
    expect(other.clock.doubt()).toBeUndefined();
  });

  it('is trusted a few seconds after the first look on a ledger that was not used for a while', async () => {
    await pass(DAY);
    const first = process();
    await first.clock.look();
    expect(first.clock.doubt()?.why).toBe('new');
    await live(3000, first.clock);
    expect(first.clock.doubt()).toBeUndefined();
    expect((await first.ledger.assistants.beginCheck({ orgId: 'org_1', assistantId: 'ast_1' })).kind).toBe(
      'begun',
    );
  });

  it('may run a little faster or slower than ours, for any time', async () => {
    for (let second = 0; second < 300; second += 1) {
      await jump(100);
      await live(1000, clock);
    }
    expect([told, await jumpNoted()]).toEqual([[], null]);
  });

  it('is not doubted after a slow response', async () => {
    const slow = connectSimulated(server.url);
    others.push(slow);
    let lateMs = 0;
    // Between the call and its sending, and between the response and its reading.
    const wait = () => {
      const atMs = nowMs;
      nowMs += lateMs;
      trueMs += lateMs;
      void slow.hset('simulated-now', { s: Math.floor(trueMs / 1000), us: (trueMs % 1000) * 1000 });
      return atMs;
    };
    const late = watch(slow, {
      clock: { nowMs: wait, wallMs: () => trueMs },
      onChange: (doubt) => told.push(doubt),
    });
    await late.look();
    for (lateMs = 40_000; lateMs > 0; lateMs -= 4000) await late.look();
    expect(told).toEqual([]);
    expect(late.doubt()).toBeUndefined();
  });
});

it('an unwatched jump is not noticed, and the commands work as before', async () => {
  const plain = connectSimulated(server.url);
  others.push(plain);
  const unwatched = openLedger(plain, { prefix: 'spec' });
  await jump(HOUR);
  expect(await unwatched.assistants.beginCheck({ orgId: 'org_1', assistantId: 'ast_1' })).toMatchObject({
    kind: 'begun',
    hold: { epoch: (trueMs + HOUR) * 1000 },
  });
});

it('a read from while the clock was wrong counts from when it was made', async () => {
  await clock.look();
  const hold = await looked();
  await jump(3 * DAY);
  expect(await ledger.assistants.commit(hold, readKey('f1', hold))).toMatchObject({ kind: 'committed' });
  expect(await ledger.assistants.keyFacts(['ast_1'])).toMatchObject([
    { verifiedMs: trueMs, knownMs: trueMs },
  ]);
});

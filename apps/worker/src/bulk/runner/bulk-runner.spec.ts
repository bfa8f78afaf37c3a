import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { BulkDraw, BulkWork, Claim, DrawOptions } from '@rekey/ledger';
import { systemClock } from '../../shared/clock.ts';
import { silentLogger } from '@rekey/runtime';
import { RekeyError } from '@rekey/schema';
import { startBulkRunner } from './bulk-runner.ts';
import type { BulkRunnerOptions } from './runner-options.ts';

interface FakeBulk {
  id: string;
  orgId: string;
  /** As in the ledger, the places of urgent ones are below zero. */
  place: number;
  state: 'PREPARING' | 'RUNNING';
  /** How many assistants wait. */
  left: number;
}

let bulks: FakeBulk[];
let drawnWith: DrawOptions[];
/** The bulk rotation of each claim, in order. */
let claimedOf: string[];
let fullOrgs: Set<string>;
/** The bulk rotations that another client has spoiled. */
let spoiled: Set<string>;
/** The bulk rotations of ranges without waiting assistants, which are drawn before anything else. */
let emptyRanges: string[];
let stopping: AbortController;
let runner: { close(): Promise<void> } | undefined;
beforeEach(() => {
  bulks = [];
  drawnWith = [];
  claimedOf = [];
  fullOrgs = new Set();
  spoiled = new Set();
  emptyRanges = [];
  stopping = new AbortController();
});
afterEach(async () => {
  stopping.abort();
  await runner?.close();
  runner = undefined;
});

const bulk = (id: string, more: Partial<FakeBulk> = {}): FakeBulk => ({
  id: `blk_${id}`,
  orgId: 'org_1',
  place: bulks.length + 1,
  state: 'RUNNING',
  left: 0,
  ...more,
});

/** The ledger's draw, as the runner sees it. */
const draw = async (options: DrawOptions): Promise<BulkDraw> => {
  drawnWith.push(options);
  const { before = Number.POSITIVE_INFINITY, except, ranges, tasks, size } = options;
  for (const one of bulks.toSorted((a, b) => a.place - b.place)) {
    const { id: bulkId, orgId, place } = one;
    const urgent = place < 0;
    if (except.includes(bulkId)) continue;
    if (one.state === 'PREPARING') {
      if (tasks === true || (tasks === 'urgent' && urgent))
        return { kind: 'prepare', bulkId, ...(urgent && { urgent }) };
      continue;
    }
    if (!ranges || place >= before) continue;
    const empty = emptyRanges.indexOf(bulkId);
    if (empty !== -1) {
      emptyRanges.splice(empty, 1);
      return { kind: 'range', range: { bulkId, orgId, from: 0, to: 1, waiting: [] }, place };
    }
    if (one.left === 0) continue;
    const count = Math.min(size, one.left);
    one.left -= count;
    return {
      kind: 'range',
      range: {
        bulkId,
        orgId,
        from: 0,
        to: count,
        waiting: Array.from({ length: count }, (_, index) => ({ index, assistantId: 'ast' })),
      },
      place,
    };
  }
  return { kind: 'nothing' };
};

/** The request budget grants one claim at a time. */
const claim: BulkWork['claim'] = async ({ bulkId, orgId }, [item]) => {
  if (spoiled.has(bulkId)) throw new RekeyError('LEDGER_CORRUPT');
  if (fullOrgs.has(orgId)) return { kind: 'full', retryInMs: 50 };
  claimedOf.push(bulkId);
  return {
    kind: 'claimed',
    items: [{ kind: 'claimed', claim: { ...item!.job, bulkId } as Claim }],
    retryInMs: 1,
  };
};

const start = (more: Partial<BulkRunnerOptions> = {}): void => {
  const work = {
    draw,
    claim,
    renew: async () => true,
    dropRange: async ({ bulkId, waiting }) =>
      void (bulks.find(({ id }) => id === bulkId)!.left += waiting.length),
  } as Pick<BulkWork, 'draw' | 'claim' | 'renew' | 'dropRange'> as BulkWork;
  runner = startBulkRunner({
    work,
    doTask: async () => {},
    send: async () => ({ kind: 'done' }),
    maxIntentsInAll: 1000,
    followUps: {
      add: async () => {},
      revive: async () => {},
      bringForward: async () => 0,
      close: async () => {},
    },
    clock: systemClock,
    logger: silentLogger,
    concurrency: 20,
    maxOpenIntents: 20,
    claimLeaseMs: 1000,
    landingWindowMs: 1000,
    takeoverAfterMs: 60_000,
    holdBack: () => undefined,
    stopping: stopping.signal,
    ...more,
  });
};
const until = async (holds: () => boolean): Promise<void> => {
  for (const giveUpMs = Date.now() + 60_000; !holds(); await systemClock.sleep(2))
    if (Date.now() > giveUpMs) throw new Error('the condition was not met in time');
};

describe('the order of bulk rotations', () => {
  it('is kept while both can proceed: the second begins after the last assistant of the first', async () => {
    bulks = [bulk('old', { left: 250, place: 1 }), bulk('young', { left: 150, place: 2 })];
    start();
    await until(() => claimedOf.length === 400);
    expect(claimedOf).toEqual([
      ...Array.from({ length: 250 }, () => 'blk_old'),
      ...Array.from({ length: 150 }, () => 'blk_young'),
    ]);
  });

  it('lets an urgent one begin at once, however many others are drawn', async () => {
    bulks = ['a', 'b', 'c', 'd'].map((id, i) => bulk(id, { left: 500, place: i + 1 }));
    start();
    await until(() => claimedOf.length >= 20);
    bulks.push(bulk('urgent', { left: 150, place: -1 }));
    const seen = drawnWith.length;
    await until(() => claimedOf.includes('blk_urgent'));
    expect(drawnWith.length - seen).toBeLessThan(10);
    const from = claimedOf.indexOf('blk_urgent');
    await until(() => claimedOf.length >= from + 151);
    expect(claimedOf.slice(from, from + 151)).toEqual([
      ...Array.from({ length: 150 }, () => 'blk_urgent'),
      'blk_a',
    ]);
  });

  it('gives the others the room that the first cannot use', async () => {
    bulks = [bulk('old', { left: 50, orgId: 'org_full' }), bulk('young', { left: 50, place: 2 })];
    fullOrgs.add('org_full');
    start();
    await until(() => claimedOf.length === 50);
    expect(new Set(claimedOf)).toEqual(new Set(['blk_young']));
    fullOrgs.clear();
    await until(() => claimedOf.length === 100);
  });

  it('gives the others the room of one that another client has spoiled, until it is mended', async () => {
    bulks = [bulk('old', { left: 50 }), bulk('young', { left: 50, place: 2 })];
    spoiled.add('blk_old');
    start();
    await until(() => claimedOf.length === 50);
    expect(new Set(claimedOf)).toEqual(new Set(['blk_young']));
    spoiled.clear();
    await until(() => claimedOf.length === 100);
  });

  it('draws nothing of an org whose bulk rotations have used their share of open intents', async () => {
    start();
    await until(() => drawnWith.length > 0);
    expect(drawnWith[0]!.maxOpenIntents).toBe(18);
  });

  it('does not pause a bulk rotation after drawing a range that has ended', async () => {
    bulks = [bulk('a', { left: 1 })];
    emptyRanges = ['blk_a', 'blk_a', 'blk_a'];
    start();
    await until(() => claimedOf.length === 1);
    expect(drawnWith.filter(({ except }) => except.includes('blk_a'))).toEqual([]);
  });
});

describe('preparing and verifying', () => {
  it('runs an urgent one beside one that is not, and no third', async () => {
    const begun: string[] = [];
    const ended = new Promise<void>((resolve) => stopping.signal.addEventListener('abort', () => resolve()));
    const doTask = async (_kind: string, bulkId: string) => {
      begun.push(bulkId);
      await ended;
    };
    bulks = [bulk('large', { state: 'PREPARING', place: 1 })];
    start({ doTask });
    await until(() => begun.length === 1);
    bulks.push(
      bulk('other', { state: 'PREPARING', place: 2 }),
      bulk('urgent', { state: 'PREPARING', place: -2 }),
      bulk('urgent too', { state: 'PREPARING', place: -1 }),
    );
    await until(() => begun.length === 2);
    const seen = drawnWith.length;
    await until(() => drawnWith.length >= seen + 2);
    expect(begun).toEqual(['blk_large', 'blk_urgent']);
  });
});

import { describe, expect, it } from '@jest/globals';
import { openings } from '@rekey/ledger';
import { collectDue, openPolicyShare, type DueOptions, type PolicyCandidate } from './policy-share.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const NIGHTLY = { cron: '0 2 * * *', timeZone: 'Europe/Berlin' };
const T0_MS = Date.parse('2026-06-01T10:00:00Z');

interface Key {
  assistantId: string;
  rotatedMs?: number;
  knownMs?: number;
}

interface Night {
  atMs: number;
  /** How many keys were rotated. */
  count: number;
  /** The ages in days of those whose age was known. */
  ages: number[];
}

interface LiveOptions {
  everyDays: number;
  windows: number;
  missed?: (n: number) => boolean;
  window?: typeof NIGHTLY;
  /** Runs after each window. */
  after?: (atMs: number) => void;
}

const chooseDue = ({
  candidates,
  ...options
}: DueOptions & { candidates: readonly PolicyCandidate[] }): string[] => {
  const due = collectDue(options);
  for (const candidate of candidates) due.add(candidate);
  return due.chosen();
};

/**
 * Runs the windows of a policy that is created at T0, and rotates what it chooses within the hour. Windows
 * for which `missed` is true are skipped.
 */
const live = (
  keys: Key[],
  { everyDays, windows, missed = () => false, window = NIGHTLY, after = () => {} }: LiveOptions,
): Night[] => {
  const byId = new Map(keys.map((key) => [key.assistantId, key]));
  const opening = openings(window, T0_MS);
  const nights: Night[] = [];
  for (let n = 0; n < windows; n += 1) {
    const atMs = opening.next().value;
    if (missed(n)) continue;
    const chosen = chooseDue({ candidates: keys, nowMs: atMs + 50, everyDays, createdMs: T0_MS, window });
    const ages: number[] = [];
    for (const [i, id] of chosen.entries()) {
      const key = byId.get(id)!;
      const rotatedMs = atMs + 1000 + (i * HOUR_MS) / chosen.length;
      if (key.rotatedMs !== undefined) ages.push((rotatedMs - key.rotatedMs) / DAY_MS);
      key.rotatedMs = rotatedMs;
    }
    nights.push({ atMs, count: chosen.length, ages });
    after(atMs);
  }
  return nights;
};

const keysOf = (count: number, more: (i: number) => Omit<Key, 'assistantId'> = () => ({})): Key[] =>
  Array.from({ length: count }, (_, i) => ({ assistantId: `ast_${i}`, ...more(i) }));
const counts = (nights: Night[]): number[] => nights.map(({ count }) => count);
const sum = (numbers: number[]): number => numbers.reduce((a, b) => a + b, 0);
const range = (numbers: number[]): [number, number] => [Math.min(...numbers), Math.max(...numbers)];
const agesOf = (nights: Night[]): number[] => nights.flatMap(({ ages }) => ages);
const idsOf = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, i) => `ast_${i + from}`);

describe('over many windows', () => {
  it('spreads keys of unknown age evenly from the first window on', () => {
    const nights = live(keysOf(300), { everyDays: 30, windows: 70 });
    expect(range(counts(nights))).toEqual([10, 10]);
    const [youngest, oldest] = range(agesOf(nights));
    expect(youngest).toBeGreaterThan(28);
    expect(oldest).toBeLessThanOrEqual(31);
  });

  it.each([317, 40, 33, 3, 1])(
    'does so if the number is no multiple, without rotating earlier and earlier: %i',
    (count) => {
      const nights = live(keysOf(count), { everyDays: 30, windows: 100 });
      const [least, most] = range(counts(nights));
      expect(least).toBeGreaterThanOrEqual(Math.floor(count / 30) - 1);
      expect(most).toBeLessThanOrEqual(Math.ceil(count / 30) + 1);
      const ages = agesOf(nights);
      expect(range(ages)[1]).toBeLessThanOrEqual(31);
      expect(sum(ages) / ages.length).toBeGreaterThan(28);
    },
  );

  it('rotates a few keys on different days', () => {
    const nights = live(keysOf(3), { everyDays: 30, windows: 75 });
    expect(sum(counts(nights))).toBe(6);
    expect(range(counts(nights))).toEqual([0, 1]);
  });

  it('rotates keys that were old when it was created within one term, the oldest first', () => {
    const keys = keysOf(300, (i) => ({ rotatedMs: T0_MS - (1000 - i) * DAY_MS }));
    const nights = live(keys, { everyDays: 30, windows: 30 });
    expect(range(counts(nights))).toEqual([10, 10]);
    const replaced = keys.map(({ rotatedMs }) => rotatedMs!);
    expect(replaced).toEqual(replaced.toSorted((a, b) => a - b));
  });

  it('stays even if an earlier policy had spread them', () => {
    const nights = live(
      keysOf(300, (i) => ({ rotatedMs: T0_MS - (i / 10) * DAY_MS })),
      { everyDays: 30, windows: 60 },
    );
    expect(range(counts(nights))).toEqual([10, 10]);
    expect(range(agesOf(nights))[0]).toBeGreaterThan(28);
    expect(range(agesOf(nights))[1]).toBeLessThanOrEqual(31);
  });

  it('makes up for a missed week at once, and is even again afterwards', () => {
    const nights = live(keysOf(300), { everyDays: 30, windows: 110, missed: (n) => n >= 40 && n < 47 });
    const catchUp = nights[40]!;
    expect(catchUp.count).toBeGreaterThanOrEqual(75);
    expect(catchUp.count).toBeLessThanOrEqual(85);
    expect(range(catchUp.ages)[1]).toBeLessThanOrEqual(38);
    const others = nights.filter((night) => night !== catchUp);
    expect(range(counts(others))[1]).toBeLessThanOrEqual(12);
    expect(range(agesOf(others))[1]).toBeLessThanOrEqual(31);
    expect(range(counts(nights.slice(70)))[0]).toBeGreaterThanOrEqual(8);
  });

  it('spreads a cluster again, none of it much too early and none late', () => {
    const nights = live(
      keysOf(300, () => ({ rotatedMs: T0_MS })),
      { everyDays: 30, windows: 100 },
    );
    // Nothing in the first half of their term, twice the usual number in the second, and even from then on.
    expect(range(counts(nights.slice(0, 14)))).toEqual([0, 0]);
    expect(range(counts(nights.slice(16, 28)))[1]).toBeLessThanOrEqual(21);
    const [least, most] = range(counts(nights.slice(32)));
    expect(least).toBeGreaterThanOrEqual(8);
    expect(most).toBeLessThanOrEqual(12);
    const [youngest, oldest] = range(agesOf(nights));
    expect(youngest).toBeGreaterThanOrEqual(15);
    expect(oldest).toBeLessThanOrEqual(31);
  });

  it('meets every deadline if some are constantly rotated for other reasons', () => {
    const keys = keysOf(500);
    let seed = 7;
    const random = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
    const elsewhere = (atMs: number) => {
      for (const key of keys) if (random() < 0.01) key.rotatedMs = atMs + random() * DAY_MS;
    };
    const nights = live(keys, { everyDays: 30, windows: 100, after: elsewhere });
    expect(range(agesOf(nights))[1]).toBeLessThanOrEqual(31);
    expect(range(counts(nights))[1]).toBeLessThanOrEqual(25);
  });

  it('works with windows on working days only', () => {
    const nights = live(keysOf(90), {
      everyDays: 30,
      windows: 100,
      window: { cron: '0 2 * * 1-5', timeZone: 'UTC' },
    });
    expect(range(counts(nights.slice(1)))[1]).toBeLessThanOrEqual(6);
    expect(range(agesOf(nights))[1]).toBeLessThanOrEqual(33);
  });

  it('extrapolates distant windows from near ones', () => {
    const nights = live(keysOf(8760), {
      everyDays: 365,
      windows: 20,
      window: { cron: '0 * * * *', timeZone: 'UTC' },
    });
    expect(range(counts(nights))).toEqual([1, 1]);
  });
});

describe('due keys', () => {
  const choose = (
    candidates: PolicyCandidate[],
    more: { nowMs?: number; everyDays?: number; createdMs?: number } = {},
  ) =>
    chooseDue({
      candidates,
      nowMs: Date.parse('2027-01-10T01:00:00Z'),
      everyDays: 7,
      createdMs: T0_MS,
      window: NIGHTLY,
      ...more,
    });
  const nowMs = Date.parse('2027-01-10T01:00:00Z');

  it('are none if there are no keys', () => {
    expect(choose([])).toEqual([]);
  });

  it('include all that would be overdue before the next window opens', () => {
    const almost = keysOf(20, () => ({ rotatedMs: nowMs - 6.5 * DAY_MS }));
    const later = [{ assistantId: 'later', rotatedMs: nowMs - 3.6 * DAY_MS }];
    expect(choose([...later, ...almost]).toSorted()).toEqual(idsOf(20).toSorted());
  });

  it('include keys of unknown age at once if they have been known for a term', () => {
    expect(choose(keysOf(5))).toEqual(idsOf(5));
    expect(choose(keysOf(5, () => ({ knownMs: nowMs - 8 * DAY_MS })))).toEqual(idsOf(5));
  });

  it('are spread if they became known only recently', () => {
    expect(choose(keysOf(70, () => ({ knownMs: nowMs - HOUR_MS })))).toHaveLength(10);
  });

  it('count the open window as one, whichever clock is ahead', () => {
    const due = keysOf(4, () => ({ rotatedMs: nowMs - 6.5 * DAY_MS }));
    expect(choose(due, { nowMs: nowMs - 2000 })).toHaveLength(4);
    expect(choose(due, { nowMs: nowMs + 2000 })).toHaveLength(4);
  });
});

describe('the last window before a change of the clock', () => {
  it.each([
    ['a half hour that repeats', 'Australia/Lord_Howe', '0 2 * * *', '2027-04-02T15:00:00Z'],
    ['a midnight that is skipped', 'America/Santiago', '0 0 * * *', '2027-09-04T04:00:00Z'],
  ])('rotates no more keys than others: %s', (_, timeZone, cron, opens) => {
    const nowMs = Date.parse(opens);
    const candidates = keysOf(900, (i) => ({ rotatedMs: nowMs - (i % 90) * DAY_MS }));
    const chosen = chooseDue({
      candidates,
      nowMs,
      everyDays: 90,
      createdMs: T0_MS,
      window: { cron, timeZone },
    });
    expect(chosen.length).toBeGreaterThanOrEqual(9);
    expect(chosen.length).toBeLessThanOrEqual(12);
  });
});

describe('a calendar that cannot be computed', () => {
  it.each([
    ['Mars/Olympus', '0 2 * * *'],
    ['UTC', ''],
    ['UTC', '0 2 30 2 *'],
  ])('chooses nothing and throws: %s, %j', (timeZone, cron) => {
    const choose = () =>
      chooseDue({
        candidates: keysOf(1000),
        nowMs: T0_MS + DAY_MS,
        everyDays: 90,
        createdMs: T0_MS,
        window: { cron, timeZone },
      });
    expect(choose).toThrow(expect.objectContaining({ code: 'POLICY_NOT_SCHEDULED' }));
  });
});

describe('the share of a policy', () => {
  const policy = { everyDays: 7, createdMs: T0_MS, window: { ...NIGHTLY, lengthMs: HOUR_MS } };

  it('is chosen from the members only, however they are paged', async () => {
    const open = openPolicyShare({
      get: async () => policy as never,
      members: async (_id, ids) => ids.map((id) => id !== 'ast_1'),
    });
    const share = await open('pol_1', T0_MS + 8 * DAY_MS);
    await share.consider(keysOf(2));
    await share.consider([{ assistantId: 'ast_2' }]);
    expect(share.chosen()).toEqual(['ast_0', 'ast_2']);
  });

  it('is refused before the org is listed if its calendar cannot be computed', async () => {
    const open = openPolicyShare({
      get: async () => ({ ...policy, window: { ...policy.window, timeZone: 'Mars/Olympus' } }) as never,
      members: async () => [],
    });
    await expect(open('pol_1', T0_MS)).rejects.toMatchObject({ code: 'POLICY_NOT_SCHEDULED' });
  });
});

import { describe, expect, it } from '@jest/globals';
import { areTrials } from '@rekey/testing';
import { nextOpening, openings } from './openings.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const FROM_MS = Date.UTC(2026, 0, 1);
const LAST_YEAR = areTrials ? 2036 : 2029;
const UNTIL_MS = Date.UTC(LAST_YEAR + 1, 0, 1);

const openingsOf = (count: number, cron: string, timeZone: string, after: string): string[] => {
  const found: string[] = [];
  for (const ms of openings({ cron, timeZone }, Date.parse(after))) {
    if (found.push(new Date(ms).toISOString().replace(':00.000Z', 'Z')) === count) break;
  }
  return found;
};

describe('a window in an hour that the clock skips', () => {
  it.each([
    ['America/Santiago', '0 0 * * 0', '2026-09-01T00:00Z', ['2026-09-06T04:00Z', '2026-09-13T03:00Z']],
    ['Africa/Cairo', '30 0 * * *', '2026-04-23T00:00Z', ['2026-04-23T22:00Z', '2026-04-24T21:30Z']],
    ['Asia/Beirut', '0 0 * * *', '2026-03-28T00:00Z', ['2026-03-28T22:00Z', '2026-03-29T21:00Z']],
    ['America/Havana', '0 0 8 3 *', '2026-01-01T00:00Z', ['2026-03-08T05:00Z', '2027-03-08T05:00Z']],
    ['Europe/Berlin', '30 2 * * *', '2026-03-28T12:00Z', ['2026-03-29T01:00Z', '2026-03-30T00:30Z']],
    ['Australia/Lord_Howe', '15 2 * * *', '2026-10-03T12:00Z', ['2026-10-03T15:30Z', '2026-10-04T15:15Z']],
    ['Atlantic/Azores', '0 0 * * *', '2026-03-28T12:00Z', ['2026-03-29T01:00Z', '2026-03-30T00:00Z']],
    ['Pacific/Apia', '0 12 30 * *', '2011-12-01T00:00Z', ['2011-12-30T10:00Z', '2012-01-29T22:00Z']],
  ])('opens when the skipped hour has ended: %s, %s', (timeZone, cron, after, expected) => {
    expect(openingsOf(2, cron, timeZone, after)).toEqual(expected);
  });

  it('opens once if two windows of the skipped hour would open at the same moment', () => {
    expect(openingsOf(3, '0 * * * *', 'Europe/Berlin', '2026-03-29T00:00Z')).toEqual([
      '2026-03-29T01:00Z',
      '2026-03-29T02:00Z',
      '2026-03-29T03:00Z',
    ]);
  });
});

describe('a window in an hour that the clock repeats', () => {
  it.each([
    ['Europe/Berlin', '30 2 * * *', '2026-10-24T12:00Z', ['2026-10-25T00:30Z', '2026-10-26T01:30Z']],
    ['Australia/Lord_Howe', '45 1 * * *', '2026-04-04T00:00Z', ['2026-04-04T14:45Z', '2026-04-05T15:15Z']],
    ['America/Havana', '0 0 * * 0', '2026-10-26T12:00Z', ['2026-11-01T04:00Z', '2026-11-08T05:00Z']],
  ])('opens only the first time: %s, %s', (timeZone, cron, after, expected) => {
    expect(openingsOf(2, cron, timeZone, after)).toEqual(expected);
  });

  it('does not open again if the next one is computed while the hour repeats', () => {
    expect(openingsOf(1, '30 2 * * *', 'Europe/Berlin', '2026-10-25T01:10Z')).toEqual(['2026-10-26T01:30Z']);
  });
});

describe('the ordinary calendar', () => {
  it.each([
    ['30 23 * * *', 'Asia/Kolkata', '2026-12-31T18:00Z', ['2027-01-01T18:00Z', '2027-01-02T18:00Z']],
    ['0 2 29 2 *', 'UTC', '2026-01-01T00:00Z', ['2028-02-29T02:00Z', '2032-02-29T02:00Z']],
    ['0 2 L * *', 'Pacific/Kiritimati', '2026-02-01T00:00Z', ['2026-02-27T12:00Z', '2026-03-30T12:00Z']],
  ])('%s in %s', (cron, timeZone, after, expected) => {
    expect(openingsOf(2, cron, timeZone, after)).toEqual(expected);
  });

  it.each([0, 1, 999])('opens after the given moment: %i ms before', (beforeMs) => {
    const atMs = Date.parse('2026-06-01T02:00:00Z');
    expect(nextOpening({ cron: '0 2 * * *', timeZone: 'UTC' }, atMs - beforeMs)).toBe(
      beforeMs === 0 ? atMs + DAY_MS : atMs,
    );
  });
});

describe('a calendar that cannot be computed', () => {
  it.each([
    ['a zone that no longer exists', '0 2 * * *', 'Mars/Olympus', FROM_MS],
    ['an empty zone', '0 2 * * *', '', FROM_MS],
    ['an expression that the parser would take for every minute', '', 'UTC', FROM_MS],
    ['one with fields missing', '2 * *', 'UTC', FROM_MS],
    ['one of another syntax', '@daily', 'UTC', FROM_MS],
    ['one that is drawn anew whenever it is read', 'H H * * *', 'UTC', FROM_MS],
    ['a day that never comes', '0 2 30 2 *', 'UTC', FROM_MS],
    ['no time to begin at', '0 2 * * *', 'UTC', Number.NaN],
    ['a time past the end of the calendar', '0 2 * * *', 'UTC', 8.64e15],
  ])('is an error: %s', (_, cron, timeZone, afterMs) => {
    expect(() => nextOpening({ cron, timeZone }, afterMs)).toThrow(
      expect.objectContaining({ code: 'POLICY_NOT_SCHEDULED' }),
    );
  });
});

/** The moments at which the offset of a zone changes, to the minute. */
const changesOf = (timeZone: string): { ms: number; key: string }[] => {
  const format = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset', year: 'numeric' });
  const offset = (ms: number) => format.format(ms).replace(/^.*GMT/, '');
  const changes: { ms: number; key: string }[] = [];
  // No two changes of a zone lie within two days of each other.
  for (let ms = FROM_MS; ms < UNTIL_MS; ms += 2 * DAY_MS) {
    if (offset(ms) === offset(ms + 2 * DAY_MS)) continue;
    let [from, to] = [ms, ms + 2 * DAY_MS];
    while (to - from > MINUTE_MS) {
      const middle = from + Math.floor((to - from) / 2 / MINUTE_MS) * MINUTE_MS;
      if (offset(middle) === offset(from)) from = middle;
      else to = middle;
    }
    changes.push({ ms: to, key: `${to} ${offset(from)} ${offset(to)}` });
  }
  return changes;
};

/**
 * A calendar without offsets: a window opens in the first minute in which a wall clock shows its time, or a
 * later one.
 */
const wallOf = (timeZone: string, fromMs: number, untilMs: number): { ms: number; wall: string }[] => {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'short' });
  return Array.from({ length: (untilMs - fromMs) / MINUTE_MS }, (_, i) => ({
    ms: fromMs + i * MINUTE_MS,
    wall: format.format(fromMs + i * MINUTE_MS),
  }));
};

describe(`every change of every zone from 2026 to ${LAST_YEAR}`, () => {
  const around = new Map<string, { timeZone: string; ms: number }>();
  for (const timeZone of Intl.supportedValuesOf('timeZone')) {
    for (const { ms, key } of changesOf(timeZone)) around.set(key, { timeZone, ms });
  }
  const changes = [...around.values()].map(({ timeZone, ms }) => {
    const clock = wallOf(timeZone, ms - 3 * HOUR_MS, ms + 8 * HOUR_MS);
    const local = (label: string) => new Date(`${label.replace(' ', 'T')}Z`);
    return {
      timeZone,
      fromMs: clock[0]!.ms,
      start: local(clock[0]!.wall),
      opens: (at: Date) => clock.find(({ wall }) => local(wall) >= at)!.ms,
    };
  });
  const text = (moments: number[]) => moments.map((ms) => new Date(ms).toISOString()).join(', ');
  const taken = (count: number, cron: string, timeZone: string, afterMs: number): number[] => {
    const found: number[] = [];
    for (const ms of openings({ cron, timeZone }, afterMs)) if (found.push(ms) === count) break;
    return found;
  };

  it('exist', () => {
    expect(changes.length).toBeGreaterThan(areTrials ? 300 : 100);
    const zones = new Set(changes.map(({ timeZone }) => timeZone));
    for (const one of ['Australia/Lord_Howe', 'Africa/Cairo', 'Asia/Beirut']) expect(zones).toContain(one);
  });

  it.each<[string, number, (local: Date) => string]>([
    ['daily', 30, () => '* * *'],
    ['weekly', 90, (local) => `* * ${local.getUTCDay()}`],
    ['monthly', 90, (local) => `${local.getUTCDate()} * *`],
  ])('leaves %s windows at their wall-clock times, every %i minutes', (_, minutes, days) => {
    const wrong = changes.flatMap(({ timeZone, fromMs, start, opens }) =>
      Array.from(
        { length: 360 / minutes },
        (__, i) => new Date(start.getTime() + (i + 1) * minutes * MINUTE_MS),
      ).flatMap((local) => {
        const cron = `${local.getUTCMinutes()} ${local.getUTCHours()} ${days(local)}`;
        const [first, second] = taken(2, cron, timeZone, fromMs);
        // The next one has the same time on another day: nothing opens twice.
        return first === opens(local) && second! - first > 20 * HOUR_MS
          ? []
          : [`${timeZone} ${cron}: ${text([first!, second!])}, and not ${text([opens(local)])}`];
      }),
    );
    expect(wrong).toEqual([]);
  });

  it('leaves hourly windows at their wall-clock times', () => {
    const wrong = changes.flatMap(({ timeZone, fromMs, start, opens }) => {
      const hour = Math.floor(start.getTime() / HOUR_MS + 1) * HOUR_MS;
      const expected = [...new Set(Array.from({ length: 6 }, (_, i) => opens(new Date(hour + i * HOUR_MS))))];
      const found = taken(expected.length, '0 * * * *', timeZone, fromMs);
      return text(found) === text(expected) ? [] : [`${timeZone}: ${text(found)}, and not ${text(expected)}`];
    });
    expect(wrong).toEqual([]);
  });
});

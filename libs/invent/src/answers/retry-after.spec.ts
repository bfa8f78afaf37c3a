import { describe, expect, it } from '@jest/globals';
import { parseRetryAfter } from './retry-after.ts';

const DATE = 'Mon, 23 Nov 2026 10:00:00 GMT';
const parse = (text: string | undefined, date: string | undefined = DATE) => parseRetryAfter(text, date);

describe('Retry-After', () => {
  it.each([
    ['7', 7000],
    [' 7 ', 7000],
    ['0', 0],
    ['120.5', 121_000],
    ['.2', 1000],
    ['+120', 120_000],
    ['120, 60', 120_000],
    ['60,soon,90', 90_000],
    ['0120', 120_000],
  ])('reads the seconds %j', (text, ms) => {
    expect(parse(text)).toEqual({ ms });
  });

  it.each([
    'Mon, 23 Nov 2026 10:00:09 GMT',
    'Monday, 23-Nov-26 10:00:09 GMT',
    'Mon Nov 23 10:00:09 2026',
    '23 Nov 2026 10:00:09 GMT',
    'Mon, 23 Nov 2026 10:00:09',
    'Mon, 23 Nov 2026 11:00:09 +0100',
    'mon, 23 nov 2026 10:00:09 gmt',
    '2026-11-23T10:00:09Z',
    '2026-11-23T10:00:09',
  ])('reads the date %j, in GMT if it names no zone', (text) => {
    expect(parse(text)).toEqual({ ms: 9000 });
  });

  it('counts a date by the clock of the answer only, however wrong that is', () => {
    expect(parse('Mon, 23 Nov 2026 10:00:09 GMT', 'Mon, 23 Nov 2026 10:00:04 GMT')).toEqual({ ms: 5000 });
    expect(parse('Thu, 01 Jan 1970 00:02:00 GMT', 'Thu Jan  1 00:00:00 1970')).toEqual({ ms: 120_000 });
    for (const date of ['not a date', ''])
      expect(parse('Mon, 23 Nov 2026 10:00:09 GMT', date)).toEqual({ ms: 30_000, note: 'unreadable' });
  });

  it('reads a past date as no pause', () => {
    expect(parse('Mon, 23 Nov 2026 09:00:00 GMT')).toEqual({ ms: 0 });
  });

  it.each(['3601', '31536000000000', '9'.repeat(400), 'Mon, 23 Nov 12026 10:00:09 GMT'])(
    'limits %j to an hour',
    (text) => {
      expect(parse(text)).toEqual({ ms: 3_600_000, note: 'bounded' });
    },
  );

  it.each([
    '',
    ' ',
    'soon',
    '-120',
    '1e3',
    '0x10',
    '12 s',
    'NaN',
    'Infinity',
    'PT2M',
    ',x',
    'Mon, 23 Nov 2026',
    'Wed, 01 Jan +1000000 00:00:00 GMT',
    '\u0661\u0662',
  ])('reads %j as half a minute, marked as unreadable', (text) => {
    expect(parse(text)).toEqual({ ms: 30_000, note: 'unreadable' });
  });

  it.each([
    ['digits', `${'1'.repeat(200_000)}x`],
    ['digits after a point', `1.${'1'.repeat(200_000)}x`],
    ['white space', `12:00 Nov${' '.repeat(200_000)}x`],
    ['many values', `${'1'.repeat(100_000)}x,${'1'.repeat(100_000)}x`],
  ])('reads many %s in linear time', (_what, text) => {
    const startMs = performance.now();
    expect(parse(text)).toEqual({ ms: 30_000, note: 'unreadable' });
    // A pattern that backtracks takes a minute.
    expect(performance.now() - startMs).toBeLessThan(5000);
  });

  it('is undefined if the header is absent', () => {
    expect(parse(undefined)).toBeUndefined();
  });
});

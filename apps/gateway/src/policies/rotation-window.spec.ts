import { describe, expect, it } from '@jest/globals';
import { complaintAboutCron, isTimeZone } from './rotation-window.ts';

const NOW_MS = Date.parse('2026-06-01T10:00:00Z');

describe('complaintAboutCron', () => {
  it.each([
    ['0 2 * * *', 1],
    ['0 * * * *', 1],
    ['30 3 * * 1-5', 3],
    ['0 2 1 * *', 31],
    ['0 2 * * MON,THU', 4],
    ['0 2 L * *', 31],
    ['15 0-6 * * *', 1],
    ['0 * 1-2 * *', 30],
    ['0 * 1-30 1-11 *', 32],
    ['0 2 29 2 *', 1461],
    ['0 2 * 6-8 *', 275],
    ['0 23,0 * * 1', 7],
    ['0 2 1 1 *', 3650],
  ])('accepts %s every %i days', (cron, days) => {
    expect(complaintAboutCron(cron, days, NOW_MS)).toBeUndefined();
  });

  it.each([
    '',
    '* * *',
    '0 2 * * * *',
    '@daily',
    'H H * * *',
    '60 2 * * *',
    '0 2 30 2 *',
    'a b c d e',
    '0 2 * * *'.padEnd(300),
  ])('refuses %j', (cron) => {
    expect(complaintAboutCron(cron, 90, NOW_MS)).toMatch(/^must be a cron expression of five fields/);
  });

  it.each(['* * * * *', '*/30 * * * *', '0,59 2 * * *'])(
    'refuses windows that open too often: %s',
    (cron) => {
      expect(complaintAboutCron(cron, 90, NOW_MS)).toBe('must not open more often than once an hour');
    },
  );

  it.each([
    ['0 2 1 1 *', 90],
    ['0 2 * * 1', 6],
    ['0 2 29 2 *', 365],
    ['0 * 1-2 * *', 7],
    ['0 0-23 1-30 1-11 *', 30],
    ['0 2 29 2 *', 1000],
    ['0 2 * 6-8 *', 274],
  ])('refuses windows that open too seldom: %s every %i days', (cron, days) => {
    expect(complaintAboutCron(cron, days, NOW_MS)).toBe('must open at least once in every_days');
  });
});

describe('the cost of complaintAboutCron', () => {
  it.each(['0 * * * *', '0 2 * * *', '0 * 1-30 * 1-6', '0 2 29 2 *', '0 2 * 1 1#5'])(
    'is small for %s',
    (cron) => {
      complaintAboutCron(cron, 3650, NOW_MS);
      const costs = Array.from({ length: 5 }, () => {
        const before = process.cpuUsage();
        complaintAboutCron(cron, 3650, NOW_MS);
        const { user, system } = process.cpuUsage(before);
        return (user + system) / 1000;
      });
      // About 25 ms at most, and twice that on a busy machine.
      expect(Math.min(...costs)).toBeLessThan(60);
    },
  );
});

describe('isTimeZone', () => {
  it.each(['UTC', 'Europe/Berlin', 'America/Argentina/Buenos_Aires'])('knows %s', (name) => {
    expect(isTimeZone(name)).toBe(true);
  });

  it.each(['', 'Mars/Olympus', '+02:00', 'UTC+3', 'system', 'local', 'Europe/Berlin '])(
    'refuses %j',
    (name) => {
      expect(isTimeZone(name)).toBe(false);
    },
  );
});

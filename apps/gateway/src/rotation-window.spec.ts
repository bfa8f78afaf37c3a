import { describe, expect, it } from '@jest/globals';
import { complaintAboutCron, isTimeZone } from './rotation-window.ts';

const NOW_MS = Date.parse('2026-06-01T10:00:00Z');

describe('complaintAboutCron', () => {
  it.each([
    ['0 2 * * *', 1], ['0 * * * *', 1], ['30 3 * * 1-5', 3], ['0 2 1 * *', 31], ['0 2 * * MON,THU', 4], ['0 2 L * *', 31], ['15 0-6 * * *', 1],
  ])('takes %s every %i days', (cron, days) => {
    expect(complaintAboutCron(cron, days, NOW_MS)).toBeUndefined();
  });

  it.each(['', '* * *', '0 2 * * * *', '@daily', 'H H * * *', '60 2 * * *', '0 2 30 2 *', 'a b c d e', '0 2 * * *'.padEnd(300)])('refuses %j', (cron) => {
    expect(complaintAboutCron(cron, 90, NOW_MS)).toMatch(/^must be a cron expression of five fields/);
  });

  it.each(['* * * * *', '*/30 * * * *', '0,59 2 * * *'])('refuses windows that open too often: %s', (cron) => {
    expect(complaintAboutCron(cron, 90, NOW_MS)).toBe('must not open more often than once an hour');
  });

  it.each([['0 2 1 1 *', 90], ['0 2 * * 1', 6], ['0 2 29 2 *', 365]])('refuses windows that open too seldom: %s every %i days', (cron, days) => {
    expect(complaintAboutCron(cron, days, NOW_MS)).toBe('must open at least once in every_days');
  });
});

describe('isTimeZone', () => {
  it.each(['UTC', 'Europe/Berlin', 'America/Argentina/Buenos_Aires'])('knows %s', (name) => {
    expect(isTimeZone(name)).toBe(true);
  });

  it.each(['', 'Mars/Olympus', '+02:00', 'UTC+3', 'system', 'local', 'Europe/Berlin '])('does not take %j', (name) => {
    expect(isTimeZone(name)).toBe(false);
  });
});

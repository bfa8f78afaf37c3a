import { describe, expect, it } from '@jest/globals';
import type { ClockDoubt } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import { clockBounds, clockDoubtToTell, reportClock } from './clock-watch.ts';

describe('what the clock of Redis may do', () => {
  const windows = {
    INVENT_TIMEOUT_MS: 10_000,
    REKEY_LANDING_WINDOW_MS: 90_000,
    REKEY_READ_LAG_MS: 5000,
    REKEY_TAKEOVER_AFTER_MS: 30_000,
  };

  it('is much less than a landing window, and it settles for longer than one lasts', () => {
    expect(clockBounds(windows)).toEqual({ toleranceMs: 10_000, settleMs: 180_000 });
    expect(clockBounds({ ...windows, REKEY_LANDING_WINDOW_MS: 20_000 })).toEqual({
      toleranceMs: 5000,
      settleMs: 180_000,
    });
    expect(clockBounds({ ...windows, REKEY_LANDING_WINDOW_MS: 3_600_000 }).settleMs).toBeGreaterThan(
      3_645_000,
    );
  });
});

describe('a jump', () => {
  const lines: unknown[][] = [];
  const log = (level: string) => (facts: { event: string; why: string }) =>
    void lines.push([level, facts.event, facts.why]);
  const report = reportClock({
    info: log('info'),
    warn: log('warn'),
    error: log('error'),
  } as unknown as Logger);
  const doubt = (why: ClockDoubt['why']): ClockDoubt => ({ offsetMs: 1, why });

  it('is reported when it begins and when it is over; a first look on an old ledger alarms nobody', () => {
    report(doubt('new'), undefined);
    report(undefined, doubt('new'));
    report(doubt('jumped'), undefined);
    report(undefined, doubt('jumped'));
    expect(lines).toEqual([
      ['info', 'clock_jump', 'new'],
      ['error', 'clock_jump', 'jumped'],
      ['warn', 'clock_jump_over', 'jumped'],
    ]);
  });
});

describe('what a worker tells of its doubts', () => {
  it.each<[ClockDoubt['why'], object]>([
    ['alone', { clockDoubt: 'alone' }],
    ['disagrees', { clockDoubt: 'disagrees' }],
    ['jumped', {}],
    ['new', {}],
  ])('is what nobody else knows: %s', (why, told) => {
    expect(clockDoubtToTell({ why, offsetMs: 7 })).toEqual(told);
    expect(clockDoubtToTell(undefined)).toEqual({});
  });
});

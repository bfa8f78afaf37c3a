import { describe, expect, it } from '@jest/globals';
import type { ClockDoubt } from '@rekey/ledger';
import { createRecordingLogger } from '@rekey/runtime';
import { ownClockDoubt, reportClock } from './clock-watch.ts';

describe('a jump', () => {
  const { logger, logged } = createRecordingLogger();
  const report = reportClock(logger);
  const doubt = (why: ClockDoubt['why']): ClockDoubt => ({ offsetMs: 1, why });

  it('is logged when it begins and when it ends; the observation of an old ledger is no alarm', () => {
    report(doubt('new'), undefined);
    report(undefined, doubt('new'));
    report(doubt('jumped'), undefined);
    report(undefined, doubt('jumped'));
    expect(logged.map(({ level, event, fields }) => [level, event, fields['why']])).toEqual([
      ['info', 'clock_observed', 'new'],
      ['error', 'clock_jump', 'jumped'],
      ['warn', 'clock_jump_over', 'jumped'],
    ]);
  });
});

describe('the clock doubt in the presence of a worker', () => {
  it.each<[ClockDoubt['why'], object]>([
    ['alone', { clockDoubt: 'alone' }],
    ['disagrees', { clockDoubt: 'disagrees' }],
    ['jumped', {}],
    ['new', {}],
  ])('is one that the ledger does not hold: %s', (why, expected) => {
    expect(ownClockDoubt({ why, offsetMs: 7 })).toEqual(expected);
    expect(ownClockDoubt(undefined)).toEqual({});
  });
});

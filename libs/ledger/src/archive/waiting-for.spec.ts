import { describe, expect, it } from '@jest/globals';
import { waitingFor } from './archive-watch.ts';

const report = {
  ledger: 'ledger_1',
  archive: 'archive_1',
  at: 1000,
  by: 'w1',
  positions: { events: '9-1', activity: '9-1' },
  behind: { events: 5, activity: 0 },
  lengths: { events: 1000, activity: 100 },
  max_behind: 500,
  number: 1,
};
const waiting = (events: number, nowMs: number) => waitingFor(report, { events, activity: 100, nowMs });

describe('what waits for the archive', () => {
  it('is what was added since its report', () => {
    expect(waiting(1010, 60_000)).toEqual({ events: 15, activity: 0 });
  });

  it('is what waited, if its worker has trimmed the stream since', () => {
    expect(waiting(400, 2000)).toEqual({ events: 5, activity: 0 });
  });

  it('may be all, if its worker is away and the stream has become shorter', () => {
    expect(waiting(400, 60_000)).toEqual({ events: 400, activity: 0 });
  });
});

import { afterEach, expect, it } from '@jest/globals';
import type { ArchiveReport } from '@rekey/schema';
import { startArchiveWatch } from './archive-watch.ts';

const NOW = 1_800_000_000_000;
const reportOf = (more: Partial<ArchiveReport> = {}): string =>
  JSON.stringify({
    ledger: 'led',
    archive: 'archive-1',
    at: NOW,
    by: 'worker-1',
    positions: { events: '1-0', activity: '1-0' },
    behind: { events: 10, activity: 0 },
    lengths: { events: 100, activity: 100 },
    max_behind: 1000,
    number: 1,
    ...more,
  });

let stored: string | undefined;
let length = 100;
const open = () =>
  startArchiveWatch({
    feed: { look: async () => ({ report: stored, events: length, activity: 100, nowMs: NOW }) },
    readReport: (text) => (text === 'forged' ? undefined : (JSON.parse(text) as ArchiveReport)),
    ledgerId: () => 'led',
    onError: () => {},
  });
let watch: ReturnType<typeof open>;
afterEach(() => watch.close());

it('knows how much waits; a lost, forged or earlier report does not count', async () => {
  watch = open();
  expect(watch.waitingShare()).toBeUndefined();
  await watch.look();
  expect([watch.exists(), watch.waitingShare()]).toEqual([false, Infinity]);
  stored = reportOf();
  length = 890;
  await watch.look();
  expect([watch.exists(), watch.waitingShare()]).toEqual([true, 0.8]);
  const earlier = reportOf({ at: NOW - 1, behind: { events: 0, activity: 0 } });
  for (const text of [undefined, 'forged', earlier]) {
    stored = text;
    await watch.look();
    expect([watch.exists(), watch.waitingShare()]).toEqual([true, 0.8]);
  }
});

it('waits for no archive of another ledger, or that has not reported for a week', async () => {
  watch = open();
  stored = reportOf({ ledger: 'other' });
  await watch.look();
  expect([watch.exists(), watch.waitingShare()]).toEqual([false, Infinity]);
  stored = reportOf({ at: NOW - 8 * 86_400_000 });
  await watch.look();
  expect(watch.exists()).toBe(false);
});

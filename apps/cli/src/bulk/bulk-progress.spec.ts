import { describe, expect, it } from '@jest/globals';
import type { BulkRotation } from '@rekey/client';
import { humanDuration } from './bulk-output.ts';
import { createBulkDisplay, progressBlock, progressLine } from './bulk-progress.ts';

const noCounts = {
  total: 0,
  waiting: 0,
  rotating: 0,
  unknown: 0,
  succeeded: 0,
  shared: 0,
  failed: 0,
  cancelled: 0,
  valid: 0,
  duplicates: 0,
};
const bulk = (more: Partial<BulkRotation>): BulkRotation => ({
  id: 'blk_1',
  orgId: 'org_1',
  state: 'RUNNING',
  reason: '',
  createTime: new Date(0),
  updateTime: new Date(0),
  urgent: false,
  validateOnly: false,
  explicit: true,
  maxFailures: { percent: 5 },
  lastFailures: [],
  ...more,
  counts: { ...noCounts, ...more.counts },
});
const running = bulk({
  counts: {
    ...noCounts,
    total: 100_000,
    waiting: 57_888,
    rotating: 2,
    unknown: 1,
    succeeded: 42_000,
    shared: 20,
    failed: 90,
  },
  rate: 8.23,
  remainingMs: 7_031_000,
  lastFailures: [{ assistantId: 'ast_\u001b[31m', reason: 'ASSISTANT_DELETED', time: new Date(0) }],
});

describe('progressBlock', () => {
  it('reports that no worker is live instead of the remaining time', () => {
    const idle = progressBlock({ ...running, noLiveWorker: true }, 200);
    expect(idle).toContain('no worker is live');
    expect(idle).not.toContain('left');
    expect(progressLine({ ...running, noLiveWorker: true })).toContain('no worker is live');
  });

  it('shows progress, rate, remaining time and failures', () => {
    expect(progressBlock(running, 100).split('\n')).toEqual([
      'blk_1  RUNNING',
      `${'█'.repeat(21)}${'░'.repeat(29)}   42.1%`,
      '42,110 of 100,000  8.2/s  about 1 h 57 min left  90 failed  1 with unknown outcome  20 shared',
      '  ASSISTANT_DELETED  "ast_\\u001b[31m"',
    ]);
  });

  it('is never wider than the terminal', () => {
    expect(
      Math.max(
        ...progressBlock(running, 40)
          .split('\n')
          .map(({ length }) => length),
      ),
    ).toBeLessThanOrEqual(40);
  });

  it('shows the current activity if there is nothing to count', () => {
    expect(progressBlock(bulk({ state: 'PREPARING' }), 80)).toContain('PREPARING  listing the assistants');
    expect(
      progressBlock(
        bulk({
          state: 'VERIFYING',
          verification: { verified: 5, repaired: 1, unverified: 0, differingAssistantIds: [] },
        }),
        80,
      ),
    ).toContain('comparing with Invent, 6 compared');
  });

  it('shows the listed number and the count of Invent if the list is incomplete', () => {
    const stop = { reason: 'LIST_INCOMPLETE', message: '', advice: '' };
    const halted = bulk({
      state: 'HALTED',
      stop,
      list: { incomplete: true, listedCount: 450, inventCount: 850, unreadableCount: 1 },
    });
    expect(progressBlock(halted, 200)).toContain(
      'HALTED  LIST_INCOMPLETE  incomplete: 450 listed, 850 counted by Invent, ' +
        '1 left out (unreadable record or invalid id)',
    );
    expect(
      progressLine(
        bulk({ state: 'HALTED', stop, list: { incomplete: true, listedCount: 450, unreadableCount: 0 } }),
      ),
    ).toContain('incomplete: 450 listed, no count from Invent');
  });

  it('does not show 100% before the end', () => {
    expect(
      progressBlock(bulk({ counts: { ...noCounts, total: 1_000_000, waiting: 1, succeeded: 999_999 } }), 80),
    ).toContain('99.9%');
  });
});

describe('progressLine', () => {
  it('shows the whole progress in one line', () => {
    expect(progressLine(running)).toBe(
      'blk_1  RUNNING  42,110 of 100,000  42.1%  8.2/s  about 1 h 57 min left  ' +
        '90 failed  1 with unknown outcome  20 shared',
    );
  });
});

describe('createBulkDisplay', () => {
  const stream = (isTTY: boolean) => {
    const written: string[] = [];
    return {
      written,
      stream: {
        isTTY,
        columns: 80,
        rows: 24,
        write: (text: string) => written.push(text),
      } as unknown as NodeJS.WriteStream,
    };
  };

  it('without a terminal writes a line for each new state, and otherwise every ten seconds', () => {
    const [out, err] = [stream(false), stream(true)];
    let nowMs = 0;
    const display = createBulkDisplay({
      stdout: out.stream,
      stderr: err.stream,
      now: () => nowMs,
    });
    for (const [ms, state] of [
      [0, 'PREPARING'],
      [1000, 'RUNNING'],
      [2000, 'RUNNING'],
      [11_001, 'RUNNING'],
      [11_500, 'VERIFYING'],
    ] as const) {
      nowMs = ms;
      display.show(bulk({ state }));
    }
    display.close();
    expect(out.written.map((line) => line.split('  ')[1]!.trim())).toEqual([
      'PREPARING',
      'RUNNING',
      'RUNNING',
      'VERIFYING',
    ]);
    expect(err.written).toEqual([]);
  });

  it('with --json writes an object for each change', () => {
    const [out, err] = [stream(true), stream(true)];
    const display = createBulkDisplay({ json: true, stdout: out.stream, stderr: err.stream });
    for (const state of ['RUNNING', 'RUNNING', 'COMPLETED'] as const) display.show(bulk({ state }));
    display.away();
    expect(out.written.map((line) => JSON.parse(line).state)).toEqual(['RUNNING', 'COMPLETED']);
    expect(err.written).toEqual([]);
  });

  it('on a terminal updates in place on standard error, and writes nothing to standard output', () => {
    const [out, err] = [stream(true), stream(true)];
    const display = createBulkDisplay({ stdout: out.stream, stderr: err.stream });
    display.show(running);
    display.away();
    display.close();
    expect(out.written).toEqual([]);
    expect(err.written.join('')).toContain('42,110 of 100,000');
    expect(err.written.join('')).toContain('the gateway does not answer');
  });
});

describe('humanDuration', () => {
  it.each([
    [0, '0 s'],
    [1, '1 s'],
    [59_000, '59 s'],
    [60_000, '1 min'],
    [83_000, '1 min 23 s'],
    [3_600_000, '1 h'],
    [7_031_000, '1 h 57 min'],
    [200_000_000, '2 d 7 h'],
  ])('%i ms: %s', (ms, text) => {
    expect(humanDuration(ms)).toBe(text);
  });
});

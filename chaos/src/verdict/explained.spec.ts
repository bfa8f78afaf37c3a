import { describe, expect, it } from '@jest/globals';
import { explain } from './explained.ts';
import type { Verdict } from './verdict.ts';

const figures = {
  divergent: 0,
  lost: 0,
  doneTwice: 0,
  succeededWithoutNewKey: 0,
  removedAlive: 0,
  silentlyWrong: 0,
  leftOut: 0,
  stuckByLog: 0,
  orderViolations: 0,
  concurrentPosts: 0,
  burntBeyondBound: 0,
};
const verdict = (broken: Partial<typeof figures>) => ({ ...figures, ...broken }) as Verdict;

describe('explain', () => {
  it('needs no explanation of a clean verdict', () => {
    expect(explain(verdict({}), {})).toEqual([]);
  });
  it('accepts a lost rotation if status named what was changed, and says what', () => {
    expect(explain(verdict({ lost: 1 }), { LEDGER_DAMAGED: 2, SWEEP_NEVER: 1 })).toEqual(['LEDGER_DAMAGED']);
    expect(explain(verdict({ lost: 1 }), { rotation_corrupt: 1 })).toEqual(['rotation_corrupt']);
  });
  it('does not accept it if nothing named it', () => {
    expect(explain(verdict({ lost: 1 }), { SWEEP_NEVER: 1, worker_stopping: 1 })).toBeUndefined();
  });
  it('never accepts a wrong key after the repair, nor a worker that hangs', () => {
    expect(explain(verdict({ divergent: 1 }), { LEDGER_DAMAGED: 1 })).toBeUndefined();
    expect(explain(verdict({ stuckByLog: 1 }), { LEDGER_DAMAGED: 1 })).toBeUndefined();
  });
});

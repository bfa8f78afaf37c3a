import { describe, expect, it } from '@jest/globals';
import { takeTurns } from './take-turns.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));
/** Work that takes as long as half a slice. */
const work = () => {
  for (const endMs = performance.now() + 1; performance.now() < endMs;);
};

describe('takeTurns', () => {
  it('begins everything in order, in slices between which other work is done', async () => {
    const { take: inTurn } = takeTurns(1000);
    const begun: number[] = [];
    for (let i = 0; i < 50; i += 1)
      inTurn(() => {
        work();
        begun.push(i);
      });
    expect(begun).toEqual([]);
    let turns = 0;
    while (begun.length < 50) {
      await turn();
      turns += 1;
    }
    expect(begun).toEqual(Array.from({ length: 50 }, (_, i) => i));
    expect(turns).toBeGreaterThan(5);
  });

  it('accepts no more than may wait, and more when some have begun', async () => {
    const { take: inTurn } = takeTurns(2);
    const begun: string[] = [];
    const begin = () => void begun.push('one');
    expect([inTurn(begin), inTurn(begin), inTurn(begin)]).toEqual([true, true, false]);
    // A slice has room for all; if the machine pauses this process meanwhile, there is another one.
    while (begun.length < 2) await turn();
    expect(inTurn(begin)).toBe(true);
    while (begun.length < 3) await turn();
    expect(begun).toHaveLength(3);
  });
});

import { beforeEach, describe, expect, it } from '@jest/globals';
import { coalesce } from './coalesce.ts';

let sent: number[][];
let refused: Error | undefined;
const ask = coalesce<number, string>(3, async (numbers) => {
  sent.push(numbers);
  if (refused) throw refused;
  return numbers.map((number) => `${number}!`);
});
beforeEach(() => {
  [sent, refused] = [[], undefined];
});

describe('coalescing', () => {
  it('sends questions in one call, up to the maximum, and each gets its own answer', async () => {
    expect(await Promise.all([1, 2, 3, 4, 5, 6, 7].map(ask))).toEqual([
      '1!',
      '2!',
      '3!',
      '4!',
      '5!',
      '6!',
      '7!',
    ]);
    expect(sent).toEqual([[1, 2, 3], [4, 5, 6], [7]]);
  });

  it('sends a single question too, and later ones again', async () => {
    expect([await ask(1), await ask(2)]).toEqual(['1!', '2!']);
    expect(sent).toEqual([[1], [2]]);
  });

  it('rejects all questions of a call that fails', async () => {
    refused = new Error('away');
    expect(await Promise.allSettled([ask(1), ask(2)])).toEqual([
      { status: 'rejected', reason: refused },
      { status: 'rejected', reason: refused },
    ]);
    refused = undefined;
    expect(await ask(3)).toBe('3!');
  });
});

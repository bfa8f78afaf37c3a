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

describe('what is asked at once', () => {
  it('is sent coalesce, so many at the most, and each gets its own answer', async () => {
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

  it('is sent also where it is alone, and again later', async () => {
    expect([await ask(1), await ask(2)]).toEqual(['1!', '2!']);
    expect(sent).toEqual([[1], [2]]);
  });

  it('is refused coalesce', async () => {
    refused = new Error('away');
    expect(await Promise.allSettled([ask(1), ask(2)])).toEqual([
      { status: 'rejected', reason: refused },
      { status: 'rejected', reason: refused },
    ]);
    refused = undefined;
    expect(await ask(3)).toBe('3!');
  });
});

import { describe, expect, it } from '@jest/globals';
import { placeOfPage } from './page-token.ts';

const id = (time: string, random: string): string => `rot_01ARZ3${time}${random.padEnd(16, '0')}`;
const shown = (...ids: string[]) => ids.map((one) => ({ id: one }));
const [OWN, HIDDEN] = [id('BBBB', 'OWN'), id('AAAA', 'HIDDEN')];
const BEGIN_OF_HIDDEN = id('AAAA', 'Z'.repeat(16));

describe('the place of a page', () => {
  it('is the last id of a page that ended with it, and nothing after the last page', () => {
    expect(placeOfPage(OWN, shown(OWN), undefined)).toBe(OWN);
    expect(placeOfPage(undefined, shown(OWN), undefined)).toBeUndefined();
  });

  it('names no id that its caller has not seen', () => {
    expect(placeOfPage(HIDDEN, shown(), undefined)).toBe(BEGIN_OF_HIDDEN);
    expect(placeOfPage(HIDDEN, shown(OWN), undefined)).toBe(BEGIN_OF_HIDDEN);
  });

  it('comes after every id that was shown, also after one of the same millisecond', () => {
    const own = id('AAAA', 'OWN');
    expect(placeOfPage(HIDDEN, shown(own), undefined)).toBe(own);
  });

  it('moves on, although everything that was read is of one millisecond', () => {
    expect(placeOfPage(HIDDEN, shown(), BEGIN_OF_HIDDEN)).toBe(HIDDEN);
  });
});

import { describe, expect, it } from '@jest/globals';
import { splitJsonArray } from './split-json-array.ts';

describe('splitJsonArray', () => {
  it('returns each element unchanged, digit for digit', () => {
    const elements = [
      '{"id":"a","n":12345678901234567890.10}',
      '{"text":"],[{\\"\\\\","deep":[[1],{"x":"}"}]}',
      '"plain, text"',
      '1e400',
      'null',
    ];
    expect(splitJsonArray(` [${elements.join(' ,\n ')}] \n`)).toEqual(elements);
  });

  it('accepts an empty array', () => {
    expect(splitJsonArray('[ ]')).toEqual([]);
  });

  it.each(['{"a":[]}', 'null', '"[]"', '', '[1,', '<html>[1]</html>'])('rejects %j', (text) => {
    expect(splitJsonArray(text)).toBeUndefined();
  });
});

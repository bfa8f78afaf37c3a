import { describe, expect, it } from '@jest/globals';
import { parseJson } from './parse-json.ts';

describe('parseJson', () => {
  it('gives what a text says', () => {
    expect([parseJson('{"a":[1]}'), parseJson('null'), parseJson('"x"')]).toEqual([{ a: [1] }, null, 'x']);
  });

  it.each([['{'], [''], [null], [undefined]])('gives undefined for %j', (text) => {
    expect(parseJson(text)).toBeUndefined();
  });
});

import { describe, expect, it } from '@jest/globals';
import { parseJson } from './parse-json.ts';

describe('parseJson', () => {
  it('returns the value of a JSON text', () => {
    expect([parseJson('{"a":[1]}'), parseJson('null'), parseJson('"x"')]).toEqual([{ a: [1] }, null, 'x']);
  });

  it.each([['{'], [''], [null], [undefined]])('returns undefined for %j', (text) => {
    expect(parseJson(text)).toBeUndefined();
  });
});

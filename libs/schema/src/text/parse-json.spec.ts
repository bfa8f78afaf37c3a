import { describe, expect, it } from '@jest/globals';
import { parseJson } from './parse-json.ts';

describe('parseJson', () => {
  it('returns the value of a JSON text', () => {
    expect([parseJson('{"a":[1]}'), parseJson('null'), parseJson('"x"')]).toEqual([{ a: [1] }, null, 'x']);
  });

  it.each([['{'], [''], [null], [undefined]])('returns undefined for %j', (text) => {
    expect(parseJson(text)).toBeUndefined();
  });

  it('parses long texts, unless they have very many values', () => {
    const long = JSON.stringify({
      sealed: 'x'.repeat(24_000_000),
      recipients: Array.from({ length: 500 }, () => ({})),
    });
    expect(parseJson(long)).toEqual(JSON.parse(long));
    for (const value of ['{}', '[]', '0', '""'])
      expect(parseJson(`[${`${value},`.repeat(200_000)}0]`)).toBeUndefined();
    expect(parseJson(`${'['.repeat(300_000)}${']'.repeat(300_000)}`)).toBeUndefined();
    expect(parseJson(`[${'0,'.repeat(50_000)}0]`)).toHaveLength(50_001);
  });
});

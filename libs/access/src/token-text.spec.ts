import { describe, expect, it } from '@jest/globals';
import { digestOfToken, isTokenLike, isTokenText, makeToken } from './token-text.ts';

describe('an access token', () => {
  it('has a prefix, 256 random bits and a checksum, in 55 characters', () => {
    const made = Array.from({ length: 200 }, makeToken);
    for (const token of made) expect(token).toMatch(/^rekey_[0-9A-Za-z]{49}$/);
    expect(made.every(isTokenText)).toBe(true);
    expect(new Set(made).size).toBe(made.length);
    expect(new Set(made.map(digestOfToken)).size).toBe(made.length);
  });

  it('keeps its form: tokens of earlier versions stay valid', () => {
    const token = 'rekey_0000000000000000000000000000000000000000001';
    expect(isTokenText(`${token}${'0'.repeat(6)}`)).toBe(false);
    expect(isTokenText(`rekey_${'0'.repeat(43)}0QzaqG`)).toBe(true);
  });

  it('is refused with any one character changed, and with two swapped', () => {
    const token = makeToken();
    for (let i = 6; i < token.length; i += 1) {
      const other = token[i] === 'a' ? 'b' : 'a';
      expect(isTokenText(token.slice(0, i) + other + token.slice(i + 1))).toBe(false);
    }
    const [first, second] = Array.from({ length: 48 }, (_, i) => i).filter(
      (i) => token[i + 6] !== token[i + 7],
    );
    for (const i of [first!, second!]) {
      const at = i + 6;
      expect(isTokenText(token.slice(0, at) + token[at + 1] + token[at] + token.slice(at + 2))).toBe(false);
    }
  });

  it.each<[string, string]>([
    ['nothing', ''],
    ['the prefix', 'rekey_'],
    ['other letters', `rekey_${'é'.repeat(49)}`],
    ['a megabyte', `rekey_${'a'.repeat(1_000_000)}`],
    ['a token after a space', ` ${makeToken()}`],
    ['a token before a newline', `${makeToken()}\n`],
  ])('is not %s', (_, text) => {
    expect(isTokenText(text)).toBe(false);
  });

  it('is taken for none of another issuer', () => {
    expect(isTokenLike(makeToken())).toBe(true);
    expect(isTokenLike('eyJhbGciOiJFUzI1NiJ9.e30.x')).toBe(false);
  });
});

import { describe, expect, it } from '@jest/globals';
import { seconds } from './follow.ts';

describe('the value of --timeout', () => {
  it.each([
    ['0', 0],
    ['0.5', 0.5],
    ['120', 120],
    ['2147483', 2_147_483],
  ])('accepts %s', (text, value) => {
    expect(seconds(text)).toBe(value);
  });

  it.each(['', ' ', '-1', 'x', '5s', 'NaN'])('refuses %j', (text) => {
    expect(() => seconds(text)).toThrow('must be a number of seconds');
  });

  it.each(['Infinity', '1e400', '2592000', '2147484'])(
    'refuses %s, which is longer than a timer can wait',
    (text) => {
      expect(() => seconds(text)).toThrow('must be at most 2147483 seconds');
    },
  );
});

import { describe, expect, it } from '@jest/globals';
import { isBefore } from './stream-id.ts';

describe('the entries of a stream', () => {
  it.each([
    ['5-0', '5-1', true],
    ['5-9', '5-10', true],
    ['9-0', '10-0', true],
    ['5-1', '5-1', false],
    ['1795474210063-3', '1795474210063-2', false],
  ])('%s before %s: %s', (a, b, before) => {
    expect(isBefore(a, b)).toBe(before);
  });
});

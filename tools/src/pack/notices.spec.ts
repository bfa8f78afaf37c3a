import { describe, expect, it } from '@jest/globals';
import { noticesText } from './notices.ts';

describe('the notices of a package', () => {
  it('say that the code is changed, as the Apache licence asks of who changes it', async () => {
    expect(await noticesText([])).toContain('changed');
  });
});

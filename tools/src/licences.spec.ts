import { readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { complaints, type LockFile } from './licences.ts';

const lock = (license: string | undefined, more: object = {}): LockFile => ({
  packages: {
    'node_modules/a/node_modules/@x/b': { version: '1.0.0', ...(license && { license }), ...more },
  },
});

describe('licences of dependencies', () => {
  it('are all allowed', async () => {
    const text = await readFile(new URL('../../package-lock.json', import.meta.url), 'utf8');
    expect(complaints(JSON.parse(text) as LockFile)).toEqual([]);
  });

  it.each(['MIT', '(MIT OR GPL-3.0-only)', 'Apache-2.0 AND MIT'])('may be %s', (license) => {
    expect(complaints(lock(license))).toEqual([]);
  });

  it.each(['GPL-3.0-only', 'MIT AND GPL-3.0-only', 'SEE LICENSE IN x', '(MIT OR (X AND Y))', 'Python-2.0'])(
    'may not be %s',
    (license) => {
      expect(complaints(lock(license))).toEqual([
        `@x/b@1.0.0: ${license} is not in the list of tools/src/licences.ts`,
      ]);
    },
  );

  it('may not be missing', () => {
    expect(complaints(lock(undefined))).toHaveLength(1);
  });

  it('may be of more kinds for tools, and count for no package of this repository', () => {
    expect(complaints(lock('Python-2.0', { dev: true }))).toEqual([]);
    expect(complaints({ packages: { '': {}, 'libs/x': {}, 'node_modules/x': { link: true } } })).toEqual([]);
  });
});

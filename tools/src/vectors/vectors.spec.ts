import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { vectorFiles } from './files.ts';

const folder = new URL('../../../docs/reference/vectors/', import.meta.url);
const files = vectorFiles();
const read = (name: string) => readFileSync(new URL(name, folder), 'utf8');

describe('docs/reference/vectors', () => {
  it.each(Object.keys(files))('has %s as npm run generate writes it', (name) => {
    expect(read(name) === files[name]).toBe(true);
  });

  it('has no other file, and a README that names each', () => {
    expect(readdirSync(folder).toSorted()).toEqual(['README.md', ...Object.keys(files)].toSorted());
    const readme = read('README.md');
    expect(Object.keys(files).filter((name) => !readme.includes(`\`${name}\``))).toEqual([]);
  });

  it('has a name for each case, once in its file', () => {
    for (const text of Object.values(files)) {
      const names = ((JSON.parse(text) as { cases?: { name?: string }[] }).cases ?? []).flatMap(
        ({ name }) => name ?? [],
      );
      expect(new Set(names).size).toBe(names.length);
    }
  });
});

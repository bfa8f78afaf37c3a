import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { repositoryRoot } from '@rekey/testing';
import { textOf } from './asyncapi.ts';
import { brokenLinks } from './markdown-links.ts';

const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: repositoryRoot,
  encoding: 'utf8',
})
  .split('\n')
  .filter((path) => path !== '' && existsSync(join(repositoryRoot, path)));
const pages = files.filter((path) => path.endsWith('.md'));
const names = new Set(files.map((path) => path.slice(path.lastIndexOf('/') + 1)));

describe('the documents', () => {
  it.each(pages)('link to files and headings that exist: %s', (page) => {
    expect(brokenLinks(join(repositoryRoot, page))).toEqual([]);
  });

  it.each(pages.filter((page) => page.startsWith('docs/') || page === 'CONTRIBUTING.md'))(
    'name source files that exist: %s',
    (page) => {
      const named = [...textOf(page).matchAll(/`([\w./@-]+\.(?:lua|spec\.ts|ts))`/g)].map(
        ([, name]) => name!,
      );
      expect(named.filter((name) => !names.has(name.slice(name.lastIndexOf('/') + 1)))).toEqual([]);
    },
  );
});

import { execFileSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { repositoryRoot } from '@rekey/testing';
import { textOf } from './asyncapi.ts';

const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: repositoryRoot,
  encoding: 'utf8',
})
  .split('\n')
  .filter((path) => path !== '' && existsSync(join(repositoryRoot, path)));
const pages = files.filter((path) => path.endsWith('.md'));
const names = new Set(files.map((path) => path.slice(path.lastIndexOf('/') + 1)));

/** A page without what stands in fences and in code. */
const proseOf = (text: string): string =>
  text.replaceAll(/^```.*?^```$/gms, '').replaceAll(/`[^`\n]*`/g, '`');

/** The anchors that GitHub makes of the headings of a page. */
const anchorsOf = (path: string): string[] =>
  [
    ...textOf(path)
      .replaceAll(/^```.*?^```$/gms, '')
      .matchAll(/^#+ (.*)$/gm),
  ].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );

const isBroken = (page: string, target: string): boolean => {
  const [path = '', anchor] = target.split('#');
  const file = path === '' ? page : normalize(join(dirname(page), path));
  const full = join(repositoryRoot, file);
  if (!existsSync(full)) return true;
  return anchor !== undefined && (statSync(full).isDirectory() || !anchorsOf(file).includes(anchor));
};

describe('the documents', () => {
  it.each(pages)('link to files and headings that exist: %s', (page) => {
    const targets = [...proseOf(textOf(page)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!);
    const local = targets.filter((target) => !/^[a-z]+:/.test(target));
    expect(local.filter((target) => isBroken(page, target))).toEqual([]);
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

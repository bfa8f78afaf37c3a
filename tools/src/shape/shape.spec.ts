import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

const repository = fileURLToPath(new URL('../../../', import.meta.url));
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rekey-shape-spec-'));
  cpSync(join(repository, 'tools/src/shape'), join(folder, 'tools/src/shape'), {
    recursive: true,
    filter: (path) => !path.endsWith('.spec.ts'),
  });
  symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'));
  write('.gitignore', 'node_modules\n');
  write('tools/src/shape/limits.ts', limitsWithoutLongFiles());
  git('init', '--quiet');
  commit();
});
afterEach(() => rmSync(folder, { recursive: true }));

/** This tree has none of the long files that the limits allow. */
const limitsWithoutLongFiles = (): string =>
  readFileSync(join(repository, 'tools/src/shape/limits.ts'), 'utf8').replace(
    /(?<=const longFiles: [^=]+= )\{.*?\};/s,
    '{};',
  );

const write = (path: string, text: string): void => {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
};
const git = (...args: string[]): void => {
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.com', ...args], { cwd: folder });
};
const commit = (): void => {
  git('add', '--all');
  git('commit', '--quiet', '--message', 'a');
};
const shape = (...args: string[]) => {
  const { status, stdout } = spawnSync(process.execPath, ['tools/src/shape/main.ts', ...args], {
    cwd: folder,
    encoding: 'utf8',
  });
  return { status, stdout };
};

describe('npm run shape', () => {
  it('holds for a tree within the limits', () => {
    const { status, stdout } = shape('--check');
    expect(stdout).toMatch(/^lines over 110 columns +0 +0$/m);
    expect(status).toBe(0);
  });

  it('names what is over a limit, and fails only when asked to check', () => {
    write('src/wide.ts', `// ${'x'.repeat(110)}\n`);
    write('src/long.ts', `export const long = () => {\n${'\n'.repeat(300)}};\n`);
    for (let i = 0; i < 16; i += 1) write(`full/${i}.txt`, '');
    write('prose.md', `${'word '.repeat(30)}\n`);
    const { status, stdout } = shape();
    expect(status).toBe(0);
    for (const line of [
      'src/wide.ts:1: 113 columns',
      'src/long.ts:1: long, 302 lines',
      'src/long.ts: 302 lines, and no reason in limits.ts',
      'src/long.ts: long',
      'full: 16 files',
      'prose.md:1: 150 columns',
    ])
      expect(stdout).toContain(`  ${line}\n`);
    expect(shape('--check').status).toBe(1);
  });

  it('leaves out what is ignored, deleted or generated', () => {
    write('gone.ts', `// ${'x'.repeat(110)}\n`);
    commit();
    rmSync(join(folder, 'gone.ts'));
    write('.gitignore', 'node_modules\nignored.ts\n');
    write('ignored.ts', `// ${'x'.repeat(110)}\n`);
    write('src/generated/a.ts', `// ${'x'.repeat(110)}\n`);
    expect(shape('--check').status).toBe(0);
  });

  it('measures a commit, whatever the working tree holds', () => {
    write('src/wide.ts', `// ${'x'.repeat(110)}\n`);
    commit();
    rmSync(join(folder, 'src/wide.ts'));
    expect(shape('--check').status).toBe(0);
    expect(shape('--check', '--at', 'HEAD')).toEqual({
      status: 1,
      stdout: expect.stringContaining('src/wide.ts:1: 113 columns'),
    });
  });
});

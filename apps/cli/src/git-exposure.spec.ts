import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { isExposedToGit } from './git-exposure.ts';

let folder: string;
let outside: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rekey-git-'));
  outside = await mkdtemp(join(tmpdir(), 'rekey-no-git-'));
  await promisify(execFile)('git', ['init', '--quiet'], { cwd: folder });
  await mkdir(join(folder, 'keys'));
  await writeFile(join(folder, '.gitignore'), '/keys/\n');
});
afterAll(() => Promise.all([folder, outside].map((path) => rm(path, { recursive: true }))));

describe('isExposedToGit, for a file', () => {
  it.each([
    ['in a work tree that does not ignore it', () => join(folder, 'billing.json'), true],
    ['in an ignored folder', () => join(folder, 'keys/billing.json'), false],
    ['outside of any work tree', () => join(outside, 'billing.json'), false],
    ['in a folder that does not exist', () => join(folder, 'nowhere/billing.json'), false],
    ['whose name looks like an option', () => join(folder, '--stdin'), true],
  ])('%s', async (_where, path, exposed) => {
    expect(await isExposedToGit(path())).toBe(exposed);
  });
});

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { digestOfSources } from './sources.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'rekey-sources-'));
  await write('apps/gateway/src/main.ts');
});
afterEach(() => rm(root, { recursive: true }));

const write = async (path: string, text = ''): Promise<void> => {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text);
};

describe('the digest of what programs are built from', () => {
  it.each([
    'apps/gateway/src/pipeline/pipeline.ts',
    'apps/cli/src/main.ts',
    'apps/worker/package.json',
    'libs/ledger/src/rotations/commands/accept.lua',
    'libs/rpc/src/generated/contract.ts',
    'libs/runtime/check-node.js',
    'libs/runtime/health-thread.cjs',
    'tools/src/programs/build.ts',
    'package-lock.json',
    'node_modules/.package-lock.json',
    'tsconfig.base.json',
    'libs/ledger/tsconfig.json',
  ])('changes with each of them: %s', async (path) => {
    const before = digestOfSources(root);
    await write(path, 'a');
    const added = digestOfSources(root);
    await write(path, 'b');
    expect(new Set([before, added, digestOfSources(root)]).size).toBe(3);
  });

  it.each(['libs/ledger/src/keys.spec.ts', 'apps/gateway/dist/main.js', 'docs/glossary.md'])(
    'does not change with what is in none: %s',
    async (path) => {
      const before = digestOfSources(root);
      await write(path, 'a');
      expect(digestOfSources(root)).toBe(before);
    },
  );
});

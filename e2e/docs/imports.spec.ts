import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { repositoryRoot, startChild } from '@rekey/testing';
import { useFolder } from '../support/temporary-folder.ts';

const folder = useFolder('imports');
/** A small tree with the repository's layout, to which a case adds a file that breaks a rule. */
beforeAll(async () => {
  await mkdir(join(folder(), 'node_modules/@rekey'), { recursive: true });
  for (const lib of ['schema', 'ledger', 'testing']) {
    await file(
      `libs/${lib}/package.json`,
      JSON.stringify({
        name: `@rekey/${lib}`,
        type: 'module',
        exports: { '.': { '@rekey/source': './src/index.ts' } },
        dependencies: { '@rekey/schema': '*', '@rekey/ledger': '*', '@rekey/testing': '*' },
      }),
    );
    await file(`libs/${lib}/src/index.ts`, 'export const a = 1;\n');
    await file(`libs/${lib}/src/inner.ts`, 'export interface B { b: 1 }\n');
    await symlink(join(folder(), 'libs', lib), join(folder(), 'node_modules/@rekey', lib));
  }
  for (const app of ['worker', 'gateway'])
    await file(
      `apps/${app}/package.json`,
      JSON.stringify({
        name: `@rekey/${app}`,
        type: 'module',
        dependencies: { '@rekey/schema': '*', '@rekey/ledger': '*', '@rekey/testing': '*' },
      }),
    );
  await file('apps/worker/src/part.ts', 'export const part = 1;\n');
});

const file = async (path: string, text: string) => {
  await mkdir(dirname(join(folder(), path)), { recursive: true });
  await writeFile(join(folder(), path), text);
};

/** Checks the tree with one more file. */
const cruise = async (path: string, text: string) => {
  await file(path, text);
  const child = startChild(
    process.execPath,
    [
      join(repositoryRoot, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs'),
      '--config',
      join(repositoryRoot, '.dependency-cruiser.js'),
      'apps',
      'libs',
    ],
    { cwd: folder() },
  );
  let out = '';
  child.process.stdout?.on('data', (chunk) => (out += chunk));
  child.process.stderr?.resume();
  const { code } = await child.exited;
  await rm(join(folder(), path));
  return { code, out };
};

describe('the direction of imports', () => {
  it('lets an app import a lib that it may', async () => {
    expect(
      await cruise('apps/gateway/src/x.ts', "import { a } from '@rekey/ledger';\nexport const x = a;\n"),
    ).toMatchObject({ code: 0 });
  });

  it.each([
    [
      'a lib that imports a higher one, even only a type',
      'libs/schema/src/x.ts',
      "import type { a } from '@rekey/ledger';\nexport type X = typeof a;\n",
      'libs-schema-imports',
    ],
    [
      'an app that imports another',
      'apps/gateway/src/x.ts',
      "import { part } from '../../worker/src/part.ts';\nexport const x = part;\n",
      'apps-gateway-imports',
    ],
    [
      'a deep import',
      'apps/gateway/src/x.ts',
      "import type { B } from '../../../libs/ledger/src/inner.ts';\nexport type X = B;\n",
      'apps-gateway-imports',
    ],
    [
      'the test library in production code',
      'apps/gateway/src/x.ts',
      "import { a } from '@rekey/testing';\nexport const x = a;\n",
      'apps-gateway-imports',
    ],
  ])('refuses %s', async (_what, path, text, rule) => {
    const { code, out } = await cruise(path, text);
    expect(code).not.toBe(0);
    expect(out).toContain(rule);
  });
});

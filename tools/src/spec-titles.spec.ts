import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from '@jest/globals';

it('lists each case of each spec, also those of tables, and runs none', () => {
  const repository = fileURLToPath(new URL('../../', import.meta.url));
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'rekey-titles-spec-')));
  symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'));
  mkdirSync(join(folder, 'libs/a'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(folder, 'libs/a/package.json'), '{ "type": "module" }');
  writeFileSync(join(folder, 'libs/a/jest.config.js'), "export default { testMatch: ['**/*.spec.js'] };");
  writeFileSync(
    join(folder, 'libs/a/a.spec.js'),
    `import { describe, it } from '@jest/globals';
describe('outer', () => {
  it.each([1, 2])('takes %i', () => {
    throw new Error('this case runs');
  });
});
it('stands alone', () => {});
`,
  );
  const script = join(repository, 'tools/src/spec-titles.ts');
  const { stdout } = spawnSync(process.execPath, [script, folder], { encoding: 'utf8' });
  expect(stdout).toBe(
    `libs/a/a.spec.js: outer › takes 1
libs/a/a.spec.js: outer › takes 2
libs/a/a.spec.js: stands alone
`,
  );
  rmSync(folder, { recursive: true });
});

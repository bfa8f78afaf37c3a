import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { repositoryRoot } from './packages.ts';

const node = promisify(execFile);
/** In a process of its own: the bundler refuses values of the realm of a spec. */
const BUNDLE = `const [folder, into] = process.argv.slice(1);
import(${JSON.stringify(import.meta.resolve('./bundle.ts'))}).then(({ externalOf, writeModules }) =>
  writeModules(
    { folder, entries: { program: 'program.js' }, isLibrary: false },
    { version: '1.0.0', external: externalOf([]), into },
  ),
);`;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rekey-bundle-'));
  await mkdir(join(folder, 'from'));
});
afterEach(() => rm(folder, { recursive: true }));

/** Bundles a program of these modules, and runs it. */
const run = async (modules: Record<string, string>): Promise<string> => {
  for (const [name, text] of Object.entries(modules)) await writeFile(join(folder, 'from', name), text);
  const into = join(folder, 'into');
  await node(process.execPath, ['-e', BUNDLE, relative(repositoryRoot, join(folder, 'from')), into]);
  const { stdout } = await node(process.execPath, [join(into, 'program.js')]);
  return stdout;
};

describe('the modules of a program', () => {
  it('load what is imported later, and what these import of the program itself', async () => {
    const out = await run({
      'program.js': "export const name = 'program'; void import('./later.js');",
      'later.js': "import { name } from './program.js'; console.log(name, 'and later');",
    });
    expect(out).toBe('program and later\n');
    expect(await readdir(join(folder, 'into'))).toContain('chunks');
  });

  it('are refused with an await at the top level: modules would wait for each other', async () => {
    await expect(
      run({
        'program.js': "export const name = 'program'; await import('./later.js');",
        'later.js': "import { name } from './program.js'; console.log(name);",
      }),
    ).rejects.toThrow(/[Tt]op-level await/);
  });

  it('are ASCII, and print what the sources say', async () => {
    const text = 'Gr\u00fc\u00dfe \u2026 \u{1F511} \ufeff';
    const program = `const name = '${text}';
console.log(name, \`${text}\`, /^[\u00c0-\u00ff]$/.test('\u00fc'), /^[\u{1F511}]$/u.test('\u{1F511}'));`;
    expect(await run({ 'program.js': program })).toBe(`${text} ${text} true true\n`);
    expect(await readFile(join(folder, 'into/program.js'), 'utf8')).toMatch(/^[\0-\x7f]*$/);
  });

  it('run the client of gRPC without process.getBuiltinModule, which Node 22.0 to 22.2 lack', async () => {
    const out = await run({
      'program.js': "process.getBuiltinModule = undefined; void import('./later.js');",
      'later.js': "import { status } from '@grpc/grpc-js'; console.log(status.UNKNOWN);",
    });
    expect(out).toBe('2\n');
  });

  it('are refused with a String.raw that would change in ASCII', async () => {
    const program = 'console.log(String.raw`\u00fc${process.pid}`);';
    await expect(run({ 'program.js': program })).rejects.toThrow('String.raw');
  });
});

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

const node = promisify(execFile);
/** In a process of its own: the bundler refuses values of the realm of a spec. */
const BUNDLE = `const [input, into] = process.argv.slice(1);
const { keepPlaces } = await import(${JSON.stringify(import.meta.resolve('./places.ts'))});
const { rolldown } = await import(${JSON.stringify(import.meta.resolve('rolldown'))});
const bundle = await rolldown({ input, platform: 'node', plugins: [keepPlaces(into)] });
await bundle.write({ dir: into, format: 'es', entryFileNames: '[name].js' });`;

let folder: string;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'rekey-places-')));
});
afterEach(() => rm(folder, { recursive: true }));

/** Bundles `app/main.ts` of these files, and runs it. */
const run = async (files: Record<string, string>): Promise<string> => {
  for (const [name, text] of Object.entries({ 'out/package.json': '{"type":"module"}', ...files })) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  const bundle = ['--input-type=module', '-e', BUNDLE, join(folder, 'app/main.ts'), join(folder, 'out')];
  await node(process.execPath, bundle);
  return (await node(process.execPath, [join(folder, 'out/main.js')])).stdout
    .replaceAll(folder, '')
    .replaceAll('/out/..', '');
};

describe('a module in a program', () => {
  it('finds itself as an ES module does', async () => {
    const text = `const a: string = import.meta.url; // import.meta.url
console.log(new URL('x', a).pathname, import.meta.dirname, import.meta.filename, 'import.meta.url');`;
    expect(await run({ 'app/main.ts': text })).toBe('/app/x /app /app/main.ts import.meta.url\n');
  });

  it('finds itself as a CommonJS module of a package does', async () => {
    const text = `/* __dirname */ const has = { __dirname: 1 };
module.exports = [\`\${__dirname}/x\`, __filename, has.__dirname, typeof __filename, '__dirname'].join(' ');`;
    const main = `import text from '../node_modules/one/lib/index.js'; console.log(text);`;
    const expected = '/node_modules/one/lib/x /node_modules/one/lib/index.js 1 string __dirname\n';
    expect(await run({ 'app/main.ts': main, 'node_modules/one/lib/index.js': text })).toBe(expected);
  });

  it.each([
    "import.meta.resolve('./x')",
    "import.meta['url']",
    'const { url } = import.meta',
    'import . meta . env',
    "const __dirname = '/tmp'",
    'exports.x = { __dirname }',
    "exports.x = (__filename) => __filename + 'x'",
  ])('is refused if it looks for itself in another way: %s', async (text) => {
    const main = `import '../node_modules/one/index.js';`;
    await expect(run({ 'app/main.ts': main, 'node_modules/one/index.js': text })).rejects.toThrow(
      /one\/index\.js finds files in a way that tools\/src\/programs\/places\.ts does not know/,
    );
  });
});

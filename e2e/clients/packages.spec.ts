import { cp, mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { writeRunningStart } from '@rekey/runtime';
import { baseEnvironment, findNode, lineOf, repositoryRoot, resultOf, startChild } from '@rekey/testing';
import { brokenLinks, localLinks } from '../docs/markdown-links.ts';
import { startSystem, type System } from '../support/system.ts';
import { useFolder } from '../support/temporary-folder.ts';
import { missingBuiltins } from './missing-builtins.ts';
import { startPackageRegistry } from './package-registry.ts';

const VERSION = (
  JSON.parse(await readFile(join(repositoryRoot, 'apps/cli/package.json'), 'utf8')) as { version: string }
).version;
const folder = useFolder('packages');
const service = () => join(folder(), 'service');
const installed = (name: string) => join(service(), 'node_modules/@rekey', name);

const run = async (command: string, args: string[], env: Record<string, string> = {}): Promise<string> => {
  const environment = { ...baseEnvironment(), ...env };
  const { code, out, err } = await resultOf(startChild(command, args, { cwd: service(), env: environment }));
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${out}${err}`);
  return out.trim();
};

let system: System;
/** The environment of programs that are far from this repository, on this Node. */
const elsewhere = (node: string): Record<string, string> => ({
  ...baseEnvironment(),
  PATH: [dirname(node), join(folder(), 'global/bin'), process.env['PATH']].join(delimiter),
  NODE_OPTIONS: '',
  HOME: folder(),
  GRPC_ADDRESS: system.gateway.ready['address']!,
  REDIS_URL: system.redisServer.url,
});
const rekey = (node: string, ...args: string[]) =>
  resultOf(startChild('rekey', args, { cwd: service(), env: elsewhere(node) }));

const read = (path: string): Promise<string> => readFile(join(repositoryRoot, path), 'utf8');

beforeAll(async () => {
  await mkdir(service());
  const packed = ['cli', 'client', 'subscriber'].map((name) => join(folder(), `packed/${name}.tgz`));
  const packing = async () => {
    const inRepository = (...args: string[]) =>
      resultOf(startChild(process.execPath, args, { cwd: repositoryRoot, env: baseEnvironment() }));
    for (const args of [
      ['node_modules/typescript/bin/tsc', '--build', 'libs/client', 'libs/subscriber'],
      ['tools/src/pack/main.ts', '--into', join(folder(), 'packed')],
    ])
      expect(await inRepository(...args)).toMatchObject({ code: 0 });
  };
  [system] = await Promise.all([startSystem({ simulator: ['--assistants', '20'] }), packing()]);
  const registry = await startPackageRegistry();
  const npm = (...args: string[]) =>
    run('npm', args, {
      npm_config_registry: registry.url,
      npm_config_cache: join(folder(), 'npm-cache'),
      npm_config_audit: 'false',
      npm_config_fund: 'false',
      npm_config_update_notifier: 'false',
    });
  await writeFile(join(service(), 'package.json'), '{"type":"module"}');
  const [cli, ...sdks] = packed;
  await npm('install', '--global', '--prefix', join(folder(), 'global'), cli!);
  await npm('install', ...sdks, 'ioredis');
  registry.close();
});
afterAll(() => system.stop());

describe.each([
  ['the Node of this repository', async () => process.execPath],
  ['the oldest supported Node', () => findNode('20')],
])('the packages, installed in an empty folder, on %s', (title, find) => {
  const consumer = title.startsWith('the oldest') ? 'oldest' : 'newest';
  let node: string;
  beforeAll(async () => {
    node = await find();
  });

  it('rekey shows its version, its commands, and the help of each', async () => {
    expect(await rekey(node, '--version')).toEqual({ code: 0, out: `${VERSION}\n`, err: '' });
    const { out } = await rekey(node, '--help');
    expect(out).toMatch(
      /^ {2}rotate \[options\] <org> <assistant>  rotate the secret key of one assistant$/m,
    );
    expect((await rekey(node, 'bulk', 'create', '--help')).out).toMatch(/^Usage: rekey bulk create /);
    expect((await rekey(node, 'completion', 'bash')).out).toContain('--ids-file');
    expect(await rekey(node, 'rotat')).toMatchObject({ code: 1, err: expect.stringContaining('rotate?') });
  });

  it('rekey rotates a key, and shows and opens its event', async () => {
    const rotated = await rekey(node, 'rotate', 'org_demo', 'ast_1', '--wait');
    expect(rotated).toMatchObject({ code: 0, out: expect.stringMatching(/SUCCEEDED/) });
    expect((await rekey(node, 'list', '--limit', '1', '--json')).out).toContain('"SUCCEEDED"');
    const open = ['--from', 'last', '--count', '1', '--open', '--key-file', system.keyFile, '--json'];
    expect((await rekey(node, 'events', ...open)).out).toContain(await system.trueKey('ast_1'));
  });

  it('rekey doctor reaches all, with the commands in Lua and the client of Invent', async () => {
    const env = { ...elsewhere(node), ...system.environment, GRPC_ADDRESS: elsewhere(node)['GRPC_ADDRESS']! };
    const { out } = await resultOf(startChild('rekey', ['doctor'], { cwd: service(), env }));
    expect(out).toMatch(/^ok {4}gateway /m);
    expect(out).toMatch(/^ok {4}key file /m);
    expect(out).toMatch(/^ok {4}redis rights? /m);
    expect(out).toMatch(/^ok {4}invent /m);
  });

  it('the subscriber signs with the key that the client has rotated', async () => {
    const keyFile = join(service(), `${consumer}.json`);
    expect(await rekey(node, 'consumer', 'keygen', keyFile)).toMatchObject({ code: 0 });
    const added = await rekey(node, 'consumer', 'add', consumer, '--key-file', keyFile, '--org', 'org_demo');
    expect(added).toMatchObject({ code: 0, out: expect.stringMatching(/ACTIVE/) });
    const [, program] = /```js\n([\s\S]*?)```/.exec(await read('libs/subscriber/README.md'))!;
    await writeFile(join(service(), 'service.js'), program!.replace("'billing'", `'${consumer}'`));
    await writeFile(join(service(), 'rotate.js'), await read('examples/node/rotate-and-wait.ts'));
    const env = { ...elsewhere(node), REKEY_CONSUMER_KEY_FILE: keyFile };
    const signing = startChild(node, ['service.js'], { cwd: service(), env });
    const lineWith = (start: string) =>
      lineOf(signing, (line) => (line.startsWith(start) ? line : undefined), start);
    expect(await lineWith('user-42')).toMatch(/^user-42 [0-9a-f]{64} under version \d+$/);
    const news = lineWith('ast_1 has a new key');
    const rotated = await resultOf(startChild(node, ['rotate.js'], { cwd: service(), env }));
    expect(rotated).toMatchObject({ code: 0, err: '' });
    const [, version] = /version (\d+) is in force/.exec(rotated.out)!;
    expect(await news).toBe(`ast_1 has a new key: ${version}`);
    expect(await signing.stop()).toBe(0);
  });
});

describe('the packed command line', () => {
  it.each([
    ['the npm start that runs in the folder', 'service', ['start']],
    ['no running npm start in its own folder', 'global/lib', []],
  ])('takes %s', async (_which, where, names) => {
    const data = join(folder(), where, '.rekey');
    await mkdir(data);
    const environment = { GRPC_ADDRESS: '127.0.0.1:1' };
    await writeRunningStart(join(data, 'running.json'), { pid: process.pid, environment, withheld: [] });
    const { code, out, err } = await rekey(
      process.execPath,
      'profile',
      'list',
      '--json',
      '--columns',
      'name',
    );
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toBe(names.map((name) => `{"name":"${name}"}\n`).join(''));
    await rm(data, { recursive: true });
  });

  it('reads few files for a call, and no parser of what others write', async () => {
    const show = join(folder(), 'show.cjs');
    await writeFile(
      show,
      `process.on('exit', () => process._rawDebug(JSON.stringify(Object.keys(require.cache))));`,
    );
    const env = { ...elsewhere(process.execPath), NODE_OPTIONS: `--require=${show}` };
    const { out, err } = await resultOf(
      startChild('rekey', ['list', '--json', '--limit', '1'], { cwd: service(), env }),
    );
    expect(out).toContain('"state":');
    const files = (JSON.parse(err) as string[]).filter((file) => file !== show);
    const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
    expect(files.length).toBeLessThan(15);
    expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(700_000);
    for (const file of files) expect(await readFile(file, 'utf8')).not.toContain('ZodError');
  });

  it('works without a place for compiled code', async () => {
    const copy = join(folder(), 'copy');
    await cp(join(folder(), 'packed/cli'), copy, { recursive: true });
    await writeFile(join(copy, '.cache'), 'not a folder');
    const { out } = await resultOf(
      startChild(process.execPath, [join(copy, 'rekey.js'), '--version'], { cwd: service() }),
    );
    expect(out).toBe(`${VERSION}\n`);
  });

  it('has only its own files, and the licences of what is in them', async () => {
    const own = join(folder(), 'global/lib/node_modules/@rekey/cli');
    expect((await readdir(own)).filter((name) => name !== '.cache').toSorted()).toEqual([
      'README.md',
      'THIRD-PARTY-NOTICES.txt',
      'chunks',
      'docs',
      'package.json',
      'rekey.js',
    ]);
    const notices = await readFile(join(own, 'THIRD-PARTY-NOTICES.txt'), 'utf8');
    for (const name of ['@grpc/grpc-js', 'commander', 'ioredis', 'jose', 'undici', 'zod'])
      expect(notices).toMatch(new RegExp(`^${name} \\d+\\.\\d+\\.\\d+ \\((MIT|Apache-2\\.0)\\)$`, 'm'));
    expect(notices).not.toContain('has no file with a licence');
  });
});

describe('the oldest Node', () => {
  it.each([
    ['cli', 'apps/cli', 'global/lib/node_modules/@rekey/cli'],
    ['client', 'libs/client', 'service/node_modules/@rekey/client'],
    ['subscriber', 'libs/subscriber', 'service/node_modules/@rekey/subscriber'],
  ])('has all that %s uses, and is named in its README and for npm', async (name, source, path) => {
    const { engines } = JSON.parse(await read('package.json')) as { engines: { node: string } };
    const packed = JSON.parse(await readFile(join(folder(), path, 'package.json'), 'utf8')) as object;
    expect([engines, packed]).toMatchObject([{ node: '>=20.16' }, { engines }]);
    expect(await read(`${source}/README.md`)).toMatch(/needs\s+Node\s+20\.16\s+or\s+later/);
    const start = name === 'cli' ? join(repositoryRoot, 'tools/src/pack/start-of-package.js') : '';
    const { missing, uses } = await missingBuiltins(await findNode('20'), join(folder(), path), start);
    expect(missing).toEqual([]);
    expect(uses).toBeGreaterThan(name === 'cli' ? 100 : -1);
  });

  it('is required by rekey', async () => {
    const older = join(folder(), 'older.cjs');
    await writeFile(older, "Object.defineProperty(process.versions, 'node', { value: '20.15.1' });");
    const env = { ...elsewhere(process.execPath), NODE_OPTIONS: `--require=${older}` };
    const err = 'rekey needs Node 20.16 or newer; this is Node 20.15.1.\n';
    const child = startChild('rekey', ['--version'], { cwd: service(), env });
    expect(await resultOf(child)).toEqual({ code: 1, out: '', err });
  });
});

describe('the packed documents', () => {
  it.each([
    'global/lib/node_modules/@rekey/cli',
    'service/node_modules/@rekey/client',
    'service/node_modules/@rekey/subscriber',
  ])('of %s lead to files that are beside them', async (path) => {
    const own = join(folder(), path);
    const files = await readdir(own, { recursive: true });
    const pages = files.filter((name) => name.endsWith('.md')).map((name) => join(own, name));
    expect(localLinks(join(own, 'README.md')).length).toBeGreaterThan(1);
    expect(pages.length).toBeGreaterThan(3);
    for (const page of pages) expect([page, brokenLinks(page)]).toEqual([page, []]);
    const within = pages.flatMap((page) => localLinks(page).map((link) => join(dirname(page), link)));
    expect(within.filter((one) => !one.startsWith(own))).toEqual([]);
  });
});

describe('the packed SDKs', () => {
  it.each(['client', 'subscriber'])('%s imports only Node, and what its package.json names', async (name) => {
    const manifest = JSON.parse(await readFile(join(installed(name), 'package.json'), 'utf8')) as {
      dependencies?: object;
      peerDependencies?: object;
    };
    const declared = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
    const files = await readdir(installed(name), { recursive: true });
    expect(files).toEqual(expect.arrayContaining(['README.md', 'THIRD-PARTY-NOTICES.txt', 'index.d.ts']));
    for (const file of files.filter((one) => one.endsWith('.js'))) {
      const text = await readFile(join(installed(name), file), 'utf8');
      const imports = [...text.matchAll(/\bfrom ?"([^"]+)"/g)].map(([, from]) => from!);
      const foreign = imports.filter((from) => !from.startsWith('node:') && !from.startsWith('.'));
      expect(declared).toEqual(expect.arrayContaining(foreign));
    }
  });

  it('have types that check a service', async () => {
    for (const name of ['@types/node', 'undici-types'])
      await cp(join(repositoryRoot, 'node_modules', name), join(service(), 'node_modules', name), {
        recursive: true,
      });
    const check = async (name: string, lines: string[]) => {
      await writeFile(join(service(), name), `${lines.join('\n')}\n`);
      const tsc = join(repositoryRoot, 'node_modules/typescript/bin/tsc');
      const options = '--noEmit --strict --module nodenext --target es2024 --types node'.split(' ');
      return run(process.execPath, [tsc, ...options, '--skipLibCheck', name]);
    };
    const head = [
      "import { createRekeyClient } from '@rekey/client';",
      "import { subscribe } from '@rekey/subscriber';",
      "const options = { redis: 'redis://localhost', consumer: 'billing', privateKey: 'billing.json' };",
      'const keys = await subscribe(options);',
      "const rekey = createRekeyClient({ address: 'localhost:50051' });",
    ];
    await check('right.ts', [
      ...head,
      "keys.on('key', ({ version }) => version.toFixed());",
      "const key = keys.current('ast_1');",
      "if (key?.state === 'held') key.secretKey.length;",
      "const { state } = await rekey.rotateAndWait({ orgId: 'org_1', assistantId: 'ast_1' });",
      "if (state === 'SUCCEEDED') state.length;",
    ]);
    const wrong = check('wrong.ts', [
      ...head,
      "keys.current('ast_1')?.secretKey;",
      "await rekey.rotateAndWait({ orgId: 'org_1' });",
      "if ((await rekey.getRotation('rot_1')).state === 'DONE') keys;",
    ]);
    const lines = await wrong.catch(({ message }: Error) => message.match(/wrong\.ts\(\d+/g));
    expect(lines).toEqual(['wrong.ts(6', 'wrong.ts(7', 'wrong.ts(8']);
  });
});

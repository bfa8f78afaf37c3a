import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { findNode, lineOf, repositoryRoot, startChild, startRedis, type RedisServer } from '@rekey/testing';
import type { Publisher } from './publisher-fixture.ts';
import { createPublisher } from './subscriber-fixture.ts';

const project = join(repositoryRoot, 'libs/subscriber');
const modules = join(repositoryRoot, 'node_modules');
let folder: string;
let server: RedisServer;
let rekey: Publisher;

const run = async (command: string, args: string[], cwd: string) => {
  const child = startChild(command, args, { cwd });
  let out = '';
  for (const stream of [child.process.stdout, child.process.stderr])
    stream?.on('data', (chunk) => (out += chunk));
  const { code } = await child.exited;
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${out}`);
  return out.trim();
};

/** Installs a package and its dependencies, as npm would. */
const install = async (name: string): Promise<void> => {
  await cp(join(modules, name), join(folder, 'node_modules', name), { recursive: true });
  const { dependencies = {} } = JSON.parse(await readFile(join(modules, name, 'package.json'), 'utf8')) as {
    dependencies?: object;
  };
  for (const dependency of Object.keys(dependencies)) await install(dependency);
};

beforeAll(async () => {
  server = await startRedis();
  rekey = createPublisher(server.url);
  folder = await mkdtemp(join(tmpdir(), 'rekey-plain-service-'));
  await run(join(modules, '.bin/tsc'), ['--build', project], repositoryRoot);
  await run(process.execPath, [join(project, 'pack.mjs'), join(folder, 'package')], project);
  const installed = join(folder, 'node_modules/@rekey/subscriber');
  await mkdir(installed, { recursive: true });
  await run('tar', ['-xzf', join(folder, 'package.tgz'), '--strip-components=1', '-C', installed], folder);
  await install('ioredis');
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  const privateKey = JSON.stringify(await rekey.enrol('billing'));
  await writeFile(join(folder, 'billing.json'), privateKey, { mode: 0o600 });
}, 120_000);
afterAll(async () => {
  rekey.close();
  await server.dispose();
  await rm(folder, { recursive: true });
});

const example = async (): Promise<string> => {
  const readme = await readFile(join(project, 'README.md'), 'utf8');
  return /```js\n([\s\S]*?)```/.exec(readme)![1]!;
};

describe('the package in a plain service outside this repository', () => {
  it.each([
    ['the Node of this repository', async () => process.execPath],
    ['the oldest supported Node', () => findNode(20)],
  ])(
    'runs the README example with only ioredis, on %s',
    async (which, node) => {
      const keyFile = join(folder, 'billing.json');
      const { prefix: _none, ...environment } = process.env;
      // The specs publish under a prefix, which the example does not set.
      const text = (await example()).replace("consumer: 'billing',", "consumer: 'billing', prefix: 'spec',");
      await writeFile(join(folder, 'service.js'), text);
      const version = await rekey.publish('ast_1', `sk_1 of ${which}`);
      const service = startChild(await node(), ['service.js'], {
        cwd: folder,
        env: { ...environment, NODE_OPTIONS: '', REDIS_URL: server.url, REKEY_CONSUMER_KEY_FILE: keyFile },
      });
      const signed = await lineOf(
        service,
        (line) => (line.startsWith('user-42') ? line : undefined),
        'the signature',
      );
      expect(signed).toMatch(new RegExp(`^user-42 [0-9a-f]{64} under version ${version}$`));
      const news = lineOf(
        service,
        (line) => (line.startsWith('ast_1 has a new key') ? line : undefined),
        'the new key',
      );
      const second = await rekey.publish('ast_1', `sk_2 of ${which}`);
      expect(await news).toBe(`ast_1 has a new key: ${second}`);
      expect(await service.stop()).toBe(0);
      expect((await rekey.acks()).at(-1)).toMatchObject({ consumer: 'billing', leaving: true });
    },
    60_000,
  );

  it('imports only ioredis and Node', async () => {
    const installed = join(folder, 'node_modules/@rekey/subscriber');
    const imports = [
      ...(await readFile(join(installed, 'index.js'), 'utf8')).matchAll(
        /^(?:import|export)[^;]*? from "([^"]+)";$/gm,
      ),
    ].map(([, from]) => from!);
    expect(imports.filter((from) => !from.startsWith('node:'))).toEqual(['ioredis']);
    expect((await readdir(installed)).toSorted()).toEqual([
      'README.md',
      'index.d.ts',
      'index.js',
      'keys.d.ts',
      'options.d.ts',
      'package.json',
      'subscribe-error.d.ts',
      'subscribe.d.ts',
    ]);
    expect(
      Object.keys(
        (JSON.parse(await readFile(join(installed, 'package.json'), 'utf8')) as { peerDependencies: object })
          .peerDependencies,
      ),
    ).toEqual(['ioredis']);
  });

  it('has types that check a service', async () => {
    await cp(join(modules, '@types/node'), join(folder, 'node_modules/@types/node'), { recursive: true });
    await cp(join(modules, 'undici-types'), join(folder, 'node_modules/undici-types'), { recursive: true });
    const check = (name: string, lines: string[]) =>
      writeFile(join(folder, name), `${lines.join('\n')}\n`).then(() =>
        run(
          join(modules, '.bin/tsc'),
          [
            '--noEmit',
            '--strict',
            '--skipLibCheck',
            '--module',
            'nodenext',
            '--target',
            'es2024',
            '--types',
            'node',
            name,
          ],
          folder,
        ),
      );
    const head = [
      "import { subscribe } from '@rekey/subscriber';",
      "const options = { redis: 'redis://localhost', consumer: 'billing', privateKey: 'billing.json' };",
      'const keys = await subscribe(options);',
    ];
    await check('right.ts', [
      ...head,
      "keys.on('key', ({ version }) => version.toFixed());",
      "const key = keys.current('ast_1');",
      "if (key?.state === 'held') key.secretKey.length;",
    ]);
    await expect(check('wrong.ts', [...head, "keys.current('ast_1')?.secretKey;"])).rejects.toThrow(
      'secretKey',
    );
  }, 60_000);
});

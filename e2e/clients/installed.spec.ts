import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  baseEnvironment,
  findNode,
  lineOf,
  repositoryRoot,
  resultOf,
  startChild,
  type Child,
} from '@rekey/testing';
import { blocksOf } from '../support/documents.ts';
import { FREE_PORTS, freshCopy } from '../support/fresh-copy.ts';
import { useFolder } from '../support/temporary-folder.ts';
import { onTerminal, plain, type Answer } from '../support/terminal.ts';
import { missingBuiltins } from './missing-builtins.ts';

/*
 * The packed command line, installed far from the repository: the commands of the README and of the guide,
 * as they are written, from an empty folder, against an `npm start` that runs elsewhere.
 */

const folder = useFolder('installed');
let copy: Awaited<ReturnType<typeof freshCopy>>;
let start: Child;
/** What `npm start` prints for other programs. */
let variables: Record<string, string>;

const installed = () => join(folder(), 'global/bin');

beforeAll(async () => {
  copy = await freshCopy();
  start = startChild('npm', ['start'], {
    cwd: copy.folder,
    env: { ...baseEnvironment(), ...FREE_PORTS },
    ownGroup: true,
  });
  const needed = lineOf(start, (line) => /^Other programs need: (.*)$/.exec(line)?.[1], 'npm start', 90_000);
  const packing = async () => {
    const run = async (command: string, args: string[]) =>
      expect(
        await resultOf(startChild(command, args, { cwd: repositoryRoot, env: baseEnvironment() })),
      ).toMatchObject({ code: 0 });
    await run(process.execPath, ['tools/src/pack/main.ts', '--into', folder(), 'cli']);
    const prefix = join(folder(), 'global');
    await run('npm', ['install', '--global', '--offline', '--prefix', prefix, join(folder(), 'cli.tgz')]);
  };
  const [line] = await Promise.all([needed, packing()]);
  variables = Object.fromEntries(
    [...line.matchAll(/(\w+)=(\S+)/g)].map(([, name, value]) => [name!, value!]),
  );
});
afterAll(async () => {
  process.kill(-start.pid, 'SIGINT');
  await start.exited;
  await copy.dispose();
});

/** The first cells of the rows of a table that are commands of `rekey`. */
const commandsOf = (page: string): string[] =>
  [...page.matchAll(/^\| `(rekey [^`]*)`/gm)].map(([, command]) => command!);

describe.each([
  ['20.16.0', () => findNode('20.16.0')],
  ['24', async () => process.execPath],
])('the installed command line, on Node %s', (version, find) => {
  let node: string;
  let own: string;
  beforeAll(async () => {
    node = await find();
    own = join(folder(), `empty-${version}`);
    await mkdir(own);
  });

  const environment = (more: Record<string, string> = {}) => ({
    ...Object.fromEntries(Object.entries(baseEnvironment()).filter(([name]) => !name.startsWith('REKEY_'))),
    PATH: [dirname(node), installed(), process.env['PATH']].join(delimiter),
    NODE_OPTIONS: '',
    HOME: join(folder(), `home-${version}`),
    XDG_CONFIG_HOME: '',
    ...more,
  });
  const shell = async (
    text: string,
    { cwd = own, env = {} }: { cwd?: string; env?: Record<string, string> } = {},
  ) => {
    const { code, out, err } = await resultOf(
      startChild('bash', ['-c', text], { cwd, env: environment(env) }),
    );
    return { code, out, err };
  };
  const works = async (text: string, options = {}): Promise<string> => {
    const { code, out, err } = await shell(text, options);
    expect([text, code, err.replace(/^note: .*\n/gm, '')]).toEqual([text, 0, '']);
    return out;
  };
  /** A command of the guide for this `npm start`, which serves no TLS on loopback. */
  const here = (text: string): string =>
    text.replace('rekey.example.com:443 --tls', variables['GRPC_ADDRESS']!);
  const ofReadme = async (beginning: string): Promise<string> => {
    const block = (await blocksOf('README.md', 'sh')).find((one) => one.startsWith(`npx ${beginning}`));
    if (block === undefined) throw new Error(`the README has no ${beginning}`);
    return block.replace(/^npx /, '').replace('.rekey/', `${copy.folder}/.rekey/`);
  };

  it('uses nothing that this Node lacks', async () => {
    const first = join(repositoryRoot, 'tools/src/pack/start-of-package.js');
    const packed = join(installed(), '../lib/node_modules/@rekey/cli');
    expect((await missingBuiltins(node, packed, first)).missing).toEqual([]);
  });

  it('is of this Node, and of no repository', async () => {
    expect(await works('node --version && command -v rekey')).toBe(
      `${(await works(`${node} --version`)).trim()}\n${installed()}/rekey\n`,
    );
    expect(await readdir(own)).toEqual([]);
    const { code, err } = await shell('rekey status');
    expect([code, err]).toEqual([2, expect.stringContaining('127.0.0.1:50051 does not answer')]);
  });

  it('logs in as the guide says, in a script and on a terminal', async () => {
    const page = await readFile(join(repositoryRoot, 'docs/guides/cli.md'), 'utf8');
    const commands = commandsOf(page.slice(0, page.indexOf('## Output')));
    expect(commands.length).toBeGreaterThan(5);
    const [asks, inScript, ...others] = commands;
    expect([asks, inScript]).toEqual(['rekey login', expect.stringMatching(/--token-stdin$/)]);
    const token = (await readFile(variables['REKEY_TOKEN_FILE']!, 'utf8')).trim();
    const answers: Answer[] = [
      ['HOST:PORT', variables['GRPC_ADDRESS']!],
      ['(y or n)', 'n'],
      ['Token', token],
    ];
    const { code, screen } = await onTerminal(asks!.split(' '), { answers, cwd: own, env: environment() });
    expect([code, plain(screen)]).toEqual([0, expect.stringContaining('The profile default is stored in')]);
    expect(screen).not.toContain(token);
    await writeFile(join(folder(), 'token'), token, { mode: 0o600 });
    const stored = await works(`${here(inScript!)} < ${join(folder(), 'token')}`);
    expect(stored).toContain('You are jwt:npm-start#admin');
    for (const command of others) expect(await works(here(command))).not.toContain(token);
    expect(await works('rekey profile list')).toMatch(/^production +yes +127/m);
  });

  it.each([
    ['rekey rotate', /^state +SUCCEEDED$/m],
    ['rekey activity', /rotation\.requested +jwt:npm-start#admin/],
  ])('runs %s of the README', async (beginning, printed) => {
    expect(await works(await ofReadme(beginning))).toMatch(printed);
  });

  it('opens an event and examines the setup with the variables that npm start prints', async () => {
    const events = await ofReadme('rekey events');
    expect(await works(events, { env: { REDIS_URL: variables['REDIS_URL']! } })).toMatch(/secret_key "sk_/);
    const { out } = await shell(await ofReadme('rekey doctor'), {
      env: { ...variables, REKEY_KEY_FILE: join(copy.folder, '.rekey/key.json') },
    });
    for (const what of ['gateway', 'registry', 'key file', 'redis', 'ledger'])
      expect(out).toMatch(new RegExp(`^ok +${what} `, 'm'));
  });

  it('has the demo where npm start runs, and says so elsewhere', async () => {
    const demo = `${await ofReadme('rekey demo')} --fast`;
    const { code, err } = await shell(demo);
    expect([code, err]).toEqual([1, expect.stringContaining('No npm start runs in this folder')]);
    const out = await works(demo, {
      cwd: copy.folder,
      env: { XDG_CONFIG_HOME: join(folder(), 'none') },
    });
    expect(out.match(/Invent computes the same with the key in force/g)).toHaveLength(2);
  });

  it('prints what a script can parse, and ends with the code of the outcome', async () => {
    const lines = (await works('rekey list --json')).trim().split('\n');
    for (const line of lines) expect(JSON.parse(line)).toHaveProperty('state');
    const { code, err } = await shell('rekey get rot_00000000000000000000000000 --json');
    expect([code, JSON.parse(err)]).toEqual([
      1,
      { error: expect.objectContaining({ reason: 'ROTATION_NOT_FOUND' }) },
    ]);
    expect(await readdir(own)).toEqual([]);
  });
});

import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findNode, repositoryRoot } from '@rekey/testing';
import { median } from '../system/measure.ts';
import { startSystem } from '../system/system.ts';
import { ratioOf, table, whole } from '../system/table.ts';
import type { Part } from './part.ts';

const run = promisify(execFile);
const RUNS = 21;

/** Has a process write its highest resident memory, in kB, to stderr. */
const SHOW_MEMORY =
  "data:text/javascript,process.on('exit',()=>process._rawDebug('kB='+process.resourceUsage().maxRSS))";

interface Start {
  ms: number[];
  mb: number;
}

/** Runs each command of `commands` in turn, so that the noise of the machine meets all. */
const measureStarts = async (
  node: string,
  commands: Record<string, string[]>,
  env: NodeJS.ProcessEnv,
): Promise<Record<string, Start>> => {
  const starts: Record<string, Start> = {};
  for (const [name, args] of Object.entries(commands)) {
    // Also fills the cache of compiled code.
    const { stderr } = await run(node, ['--import', SHOW_MEMORY, ...args], { env });
    starts[name] = { ms: [], mb: Number(/kB=(\d+)/.exec(stderr)![1]) / 1024 };
    await run(node, args, { env });
  }
  for (let i = 0; i < RUNS; i++)
    for (const [name, args] of Object.entries(commands)) {
      const begun = performance.now();
      await run(node, args, { env });
      starts[name]!.ms.push(performance.now() - begun);
    }
  return starts;
};

/** How long the packed command line takes from its start to its end, beside Node that runs nothing. */
export const cli: Part = async (_size, progress) => {
  const folder = await mkdtemp(join(tmpdir(), 'rekey-bench-cli-'));
  progress('packing');
  const pack = join(repositoryRoot, 'tools/src/pack/main.ts');
  await run(process.execPath, [pack, '--into', folder, 'cli'], { cwd: repositoryRoot });
  const rekey = join(folder, 'cli/rekey.js');
  const system = await startSystem({ assistants: 10 });
  const gateway = await system.startGateway();
  const env = { PATH: process.env['PATH'], GRPC_ADDRESS: gateway.app.ready['address'] };
  const commands = {
    'node -e 0': ['-e', '0'],
    'rekey --version': [rekey, '--version'],
    'rekey --help': [rekey, '--help'],
    'rekey list, a unary call': [rekey, 'list', '--limit', '1'],
  };
  const rows: string[][] = [];
  for (const [title, node] of [
    [`Node ${process.versions.node}`, process.execPath],
    ['Node 20', await findNode('20')],
  ] as const) {
    progress(title);
    const starts = await measureStarts(node, commands, env);
    const bare = median(starts['node -e 0']!.ms);
    for (const [name, { ms, mb }] of Object.entries(starts))
      rows.push([`${title}, ${name}`, whole(median(ms)), ratioOf(median(ms), bare), whole(mb)]);
  }
  await gateway.stop();
  await system.stop();
  await rm(folder, { recursive: true });
  return table(['the packed rekey, from start to end', 'ms', '/ node -e 0', 'MB'], rows);
};

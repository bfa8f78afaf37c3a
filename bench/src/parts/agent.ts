import { execFile } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { watch } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { RekeyClient } from '@rekey/client';
import { lineOf, repositoryRoot, startChild, type Child } from '@rekey/testing';
import { publishAll, register } from '../system/consumer.ts';
import { cpuSeconds, percentile, rssBytes } from '../system/measure.ts';
import { ORG, assistant, firstAssistants, startSystem, waitUntil, type System } from '../system/system.ts';
import { bold, table, whole } from '../system/table.ts';
import type { Part } from './part.ts';

const ASSISTANTS = 100_000;
const CONNECTIONS = [8, 32];
const SECONDS = 10;
/** Keys in the file whose changes are measured, and rotations of them. */
const IN_FILE = 1000;
const ROTATIONS = 200;
const HASHES = 200_000;

type Progress = (text: string) => void;

const packRekey = async (folder: string): Promise<string> => {
  const pack = join(repositoryRoot, 'tools/src/pack/main.ts');
  await promisify(execFile)(process.execPath, [pack, '--into', folder, 'cli'], { cwd: repositoryRoot });
  return join(folder, 'cli/rekey.js');
};

/** Starts the packed `rekey agent`, and resolves when it serves. */
const startAgent = async (rekey: string, folder: string, config: object, env = {}): Promise<Child> => {
  const path = join(folder, 'agent.yaml');
  await writeFile(path, JSON.stringify({ consumer: 'bench', key_file: 'bench.json', ...config }));
  const child = startChild(process.execPath, [rekey, 'agent', '--config', path], {
    env: { PATH: process.env['PATH'], ...env },
  });
  await lineOf(child, (line) => (line.includes('"event":"ready"') ? true : undefined), 'rekey agent');
  return child;
};

interface Load {
  perSecond: number;
  p50: number;
  p99: number;
  cpuUs: number;
  rssMb: number;
}

const MB = 1024 * 1024;

/** Has a process of its own ask a server for user hashes. */
const measureLoad = async (
  system: System,
  server: Child,
  path: string,
  connections: number,
): Promise<Load> => {
  const { child } = await system.startProgram('hash-client', {
    PATH_OF_SOCKET: path,
    CONNECTIONS: String(connections),
    SECONDS: String(SECONDS),
    ASSISTANTS: String(ASSISTANTS),
  });
  await lineOf(child, (line) => (line.startsWith('{"begin"') ? true : undefined), 'the client');
  const before = cpuSeconds(server.pid);
  const { result } = await lineOf(
    child,
    (line) =>
      line.startsWith('{"result"')
        ? (JSON.parse(line) as { result: { answered: number; seconds: number; p50: number; p99: number } })
        : undefined,
    'the client',
  );
  const cpuUs = ((cpuSeconds(server.pid) - before) * 1e6) / result.answered;
  const rssMb = rssBytes(server.pid) / MB;
  await child.stop();
  return { ...result, perSecond: result.answered / result.seconds, cpuUs, rssMb };
};

const rowOf = (name: string, { perSecond, p50, p99, cpuUs, rssMb }: Load): string[] => [
  name,
  whole(perSecond),
  p50.toFixed(2),
  p99.toFixed(2),
  cpuUs.toFixed(1),
  whole(1e6 / cpuUs),
  whole(rssMb),
];

/** The limit: the hash alone, in this process. */
const inProcessRow = (): string[] => {
  const sign = (i: number) => createHmac('sha256', 'sk_0123456789abcdef').update(`user-${i}`).digest('hex');
  for (let i = 0; i < HASHES / 10; i += 1) sign(i);
  const start = performance.now();
  for (let i = 0; i < HASHES; i += 1) sign(i);
  const each = ((performance.now() - start) * 1000) / HASHES;
  return [
    '`createHmac` in a loop, no socket',
    whole(1e6 / each),
    '',
    '',
    each.toFixed(1),
    whole(1e6 / each),
    '',
  ];
};

/** Signs with 100,000 keys over a UNIX socket, beside a server that does nothing else. */
const measureHashes = async (
  system: System,
  rekey: string,
  env: object,
  progress: Progress,
): Promise<string> => {
  const path = join(system.folder, 'agent.sock');
  const rows = [inProcessRow()];
  const bare = await system.startProgram('bare-hash-server', { PATH_OF_SOCKET: `${path}.bare` });
  for (const count of CONNECTIONS) {
    progress(`agent: hashes of a bare server over ${count} connections`);
    rows.push(
      rowOf(
        `bare node:http, ${count} connections`,
        await measureLoad(system, bare.child, `${path}.bare`, count),
      ),
    );
  }
  await bare.child.stop();
  progress(`agent: a start with ${whole(ASSISTANTS)} keys`);
  const agent = await startAgent(rekey, system.folder, { http: { socket: { path } } }, env);
  await sleep(15_000);
  const idleMb = rssBytes(agent.pid) / MB;
  for (const count of CONNECTIONS) {
    progress(`agent: hashes over ${count} connections`);
    const load = await measureLoad(system, agent, path, count);
    rows.push(rowOf(`rekey agent, ${count} connections`, load).map(bold));
  }
  await sleep(15_000);
  const afterMb = rssBytes(agent.pid) / MB;
  await agent.stop();
  const memory =
    `Resident memory of the agent with ${whole(ASSISTANTS)} keys: ${whole(idleMb)} MB idle, ` +
    `${whole(afterMb)} MB after the load.`;
  const head = [
    'user hashes over a UNIX socket',
    'a second',
    'p50 ms',
    'p99 ms',
    'CPU µs each',
    'a second on one core',
    'MB under load',
  ];
  return `${table(head, rows)}\n\n${memory}`;
};

const nowMs = (): number => performance.timeOrigin + performance.now();

/** From upstream's change of a key until the file that has it was renamed, in ms. */
const measureRenames = async (system: System, client: RekeyClient, path: string): Promise<number[]> => {
  const found = new Map<string, number>();
  let renamedAtMs = nowMs();
  const watcher = watch(system.folder, (_event, name) => {
    if (name === 'keys.json') renamedAtMs = nowMs();
  });
  const delays: number[] = [];
  for (let i = 0; i < ROTATIONS; i += 1) {
    await sleep(50 + Math.random() * 30);
    const assistantId = assistant(i);
    const before = renamedAtMs;
    await client.rotateSecretKey({ orgId: ORG, assistantId });
    await waitUntil(async () => renamedAtMs > before, 1);
    found.set(assistantId, renamedAtMs);
  }
  watcher.close();
  const history = (await system.admin('GET', '/history')) as Record<string, { atMs: number; key: string }[]>;
  const { assistants } = JSON.parse(await readFile(path, 'utf8')) as {
    assistants: Record<string, { secret_key: string }>;
  };
  for (const [assistantId, atMs] of found) {
    const last = history[assistantId]!.at(-1)!;
    if (assistants[assistantId]?.secret_key !== last.key) throw new Error(`${assistantId}: not the last key`);
    delays.push(atMs - last.atMs);
  }
  return delays;
};

const measurePropagation = async (
  system: System,
  client: RekeyClient,
  rekey: string,
  sources: Record<string, { config: object; env: object }>,
  progress: Progress,
): Promise<string> => {
  const path = join(system.folder, 'keys.json');
  const rows: string[][] = [];
  for (const [name, { config, env }] of Object.entries(sources)) {
    progress(`agent: a key until its file is renamed, over ${name}`);
    const files = [{ path, format: 'json', assistants: firstAssistants(IN_FILE) }];
    const agent = await startAgent(rekey, system.folder, { files, ...config }, env);
    await waitUntil(async () => (await readFile(path).catch(() => Buffer.alloc(0))).length > 0, 20);
    // The first are not measured: V8 compiles meanwhile.
    await measureRenames(system, client, path);
    const delays = await measureRenames(system, client, path);
    rows.push([name, ...[0.5, 0.99].map((share) => bold(percentile(delays, share).toFixed(1)))]);
    await agent.stop();
  }
  const head = [
    `upstream has changed the key → the file of ${whole(IN_FILE)} keys is renamed, ms`,
    'idle p50',
    'p99',
  ];
  return table(head, rows);
};

/** Measures `rekey agent` as it is packed: hashes, memory, files. */
export const agent: Part = async (_size, progress) => {
  const system = await startSystem({ assistants: ASSISTANTS });
  progress('agent: packing');
  const rekey = await packRekey(system.folder);
  const { app, client, stop } = await system.startGateway();
  const [worker] = await system.startWorkers(1);
  progress(`agent: a sweep publishes ${whole(ASSISTANTS)} records`);
  await publishAll(client);
  await register(system, client, 'bench');
  const { host, port } = system.redis.options;
  const env = { REDIS_URL: `redis://${host}:${port}` };
  const hashes = await measureHashes(system, rekey, env, progress);
  const sources = {
    Redis: { config: {}, env },
    'a gateway': { config: { gateway: { address: app.ready['address'] } }, env: {} },
  };
  const propagation = await measurePropagation(system, client, rekey, sources, progress);
  await worker!.child.stop();
  await stop();
  await system.stop();
  return `${hashes}\n\n${propagation}`;
};

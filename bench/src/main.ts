import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectGateway } from '@rekey/rpc';
import { createKeyFile } from '@rekey/sealing';
import { launchApp, lineOf, repositoryRoot, startChild, startRedis, type App, type Child } from '@rekey/testing';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { Pool } from 'undici';
import { cpuSeconds, inFlight, median, percentile, redisCpuSeconds } from './measure.ts';

/*
 * npm run bench [-- ROTATIONS [ROUNDS]]: a raw undici loop, the tutorial stack and Rekey against one simulator and one Redis on
 * this machine, in turns; medians of the rounds. Ratios are what counts: the figures themselves are this machine's.
 */

const rotations = Number(process.argv[2] ?? 20_000);
const rounds = Number(process.argv[3] ?? 3);
const CONCURRENCY = 50;
const API_KEY = 'simulator-api-key';

interface Figures {
  perSecond: number;
  /** Microseconds of CPU an operation. */
  cpuUs: number;
  redisCpuUs: number;
  requests: number;
}

const folder = await mkdtemp(join(tmpdir(), 'rekey-bench-'));
const keyFile = join(folder, 'key.json');
await createKeyFile(keyFile);
const redisServer = await startRedis();
const redis = new Redis(redisServer.url);
const simulator = await launchApp('simulator', { args: ['--port', '0', '--admin-port', '0', '--requests-per-minute', '0', '--assistants', String(rotations)] });
const environment = {
  REDIS_URL: redisServer.url,
  INVENT_BASE_URL: simulator.ready['address'],
  INVENT_API_KEY: API_KEY,
  INVENT_REQUESTS_PER_MINUTE: '0',
  REKEY_KEY_FILE: keyFile,
  GRPC_ADDRESS: '127.0.0.1:0',
  LOG_LEVEL: 'warn',
  WORKER_CONCURRENCY: String(CONCURRENCY),
  REKEY_KEEP_EVENTS: '1000000',
  // Nothing but rotations is measured.
  REKEY_SWEEP_EVERY_MS: '0',
};

const progress = (text: string) => process.stderr.write(process.stderr.isTTY ? `\r\u001b[K${text}` : `${text}\n`);
const requestsSoFar = async (): Promise<number> => ((await (await fetch(`${simulator.ready['adminAddress']}/counts`)).json()) as { rotate: number }).rotate;
const assistant = (index: number) => `ast_${index + 1}`;

/** Measures what `work` costs a process of ours, Redis and the clock. */
const timed = async (pid: number, count: number, work: () => Promise<void>): Promise<Figures> => {
  const [cpu, redisCpu, requests, start] = [cpuSeconds(pid), await redisCpuSeconds(redis), await requestsSoFar(), performance.now()];
  await work();
  const seconds = (performance.now() - start) / 1000;
  return {
    perSecond: count / seconds,
    cpuUs: ((cpuSeconds(pid) - cpu) / count) * 1e6,
    redisCpuUs: (((await redisCpuSeconds(redis)) - redisCpu) / count) * 1e6,
    requests: ((await requestsSoFar()) - requests) / count,
  };
};

const startBenchProcess = async (name: string): Promise<{ child: Child; ready: Record<string, string> }> => {
  const child = startChild(process.execPath, ['--conditions=@rekey/source', `${repositoryRoot}bench/src/${name}.ts`], { env: { ...process.env, ...environment } });
  const ready = await lineOf(child, (line) => (line.startsWith('{') ? (JSON.parse(line) as Record<string, string>) : undefined), name);
  return { child, ready };
};

const untilCount = async (target: number, count: () => Promise<number>): Promise<void> => {
  while ((await count()) < target) await sleep(5);
};

const rawLoop = async (): Promise<Figures> => {
  const pool = new Pool(simulator.ready['address']!, { connections: CONCURRENCY });
  const figures = await timed(process.pid, rotations, () =>
    inFlight(rotations, CONCURRENCY, async (i) => {
      const { body } = await pool.request({ method: 'POST', path: `/orgs/org_demo/assistants/${assistant(i)}/rotate-secret-key`, headers: { authorization: `Bearer ${API_KEY}` } });
      JSON.parse(await body.text());
    }),
  );
  await pool.close();
  return figures;
};

const tutorial = async (): Promise<Figures> => {
  const queue = new Queue('tutorial', { connection: redis });
  for (let from = 0; from < rotations; from += 1000) {
    const slice = Array.from({ length: Math.min(1000, rotations - from) }, (_, i) => assistant(from + i));
    await queue.addBulk(slice.map((assistantId) => ({ name: 'rotate', data: { orgId: 'org_demo', assistantId } })));
  }
  await queue.pause();
  const { child } = await startBenchProcess('tutorial-worker');
  const figures = await timed(child.pid, rotations, async () => {
    await queue.resume();
    await untilCount(rotations, () => redis.zcard('bull:tutorial:completed'));
  });
  await child.stop();
  await queue.close();
  return figures;
};

/** Accepts all rotations over gRPC, from one client, so many calls in flight. */
const accept = async (address: string, pid: number): Promise<Figures & { p50Ms: number; p99Ms: number }> => {
  const client = connectGateway(address);
  const latencies: number[] = [];
  const call = async (i: number) => {
    const start = performance.now();
    await client.rotateSecretKey({ orgId: 'org_demo', assistantId: assistant(i), requestId: crypto.randomUUID() }, { deadlineMs: 60_000 });
    latencies.push(performance.now() - start);
  };
  await inFlight(200, 1, () => client.getRotation({ id: 'x' }).then(() => {}, () => {}));
  const figures = await timed(pid, rotations, () => inFlight(rotations, 100, call));
  client.close();
  return { ...figures, p50Ms: percentile(latencies, 0.5), p99Ms: percentile(latencies, 0.99) };
};

const bareAccept = async () => {
  const { child, ready } = await startBenchProcess('bare-gateway');
  const figures = await accept(ready['address']!, child.pid);
  await child.stop();
  return figures;
};

const rekey = async () => {
  const gateway: App = await launchApp('gateway', { env: environment });
  const accepted = await accept(gateway.ready['address']!, gateway.child.pid);
  await gateway.child.stop();
  const pause = new Queue('rotations', { connection: redis, prefix: '{rekey}:bull' });
  await pause.pause();
  const worker = await launchApp('worker', { env: environment });
  const rotated = await timed(worker.child.pid, rotations, async () => {
    await pause.resume();
    await untilCount(rotations, () => redis.zcard('{rekey}:rotations:SUCCEEDED'));
  });
  await worker.child.stop();
  await pause.close();
  return { accepted, rotated };
};

const results = { raw: [] as Figures[], tutorial: [] as Figures[], rekey: [] as Figures[], bare: [] as Awaited<ReturnType<typeof accept>>[], accept: [] as Awaited<ReturnType<typeof accept>>[] };
const fresh = () => redis.flushall();
for (let round = 1; round <= rounds; round += 1) {
  progress(`round ${round} of ${rounds}: raw undici loop …`);
  results.raw.push(await rawLoop());
  progress(`round ${round} of ${rounds}: tutorial stack …`);
  await fresh();
  results.tutorial.push(await tutorial());
  await fresh();
  progress(`round ${round} of ${rounds}: bare gRPC handler …`);
  results.bare.push(await bareAccept());
  await fresh();
  progress(`round ${round} of ${rounds}: Rekey …`);
  const { accepted, rotated } = await rekey();
  results.accept.push(accepted);
  results.rekey.push(rotated);
  await fresh();
}
progress('');

redis.disconnect();
await simulator.child.stop();
await redisServer.dispose();
await rm(folder, { recursive: true });

const of = <T>(list: T[], pick: (figures: T) => number) => median(list.map(pick));
const whole = (value: number) => Math.round(value).toLocaleString('en');
const row = (name: string, list: Figures[]) =>
  `| ${name} | ${whole(of(list, (f) => f.perSecond))} | ${of(list, (f) => f.cpuUs).toFixed(0)} | ${of(list, (f) => f.redisCpuUs).toFixed(0)} | ${of(list, (f) => f.requests).toFixed(2)} |`;
const ratio = (list: Figures[], base: Figures[], pick: (figures: Figures) => number) => (of(list, pick) / of(base, pick)).toFixed(2);

console.log(`Node ${process.versions.node}, ${rotations} rotations, medians of ${rounds} rounds\n`);
console.log('| rotating | a second | worker CPU µs | Redis CPU µs | upstream requests |\n| --- | --- | --- | --- | --- |');
console.log([row('raw undici loop', results.raw), row('tutorial stack', results.tutorial), row('Rekey', results.rekey)].join('\n'));
console.log(`| **Rekey / tutorial** | **${ratio(results.rekey, results.tutorial, (f) => f.perSecond)}** | **${ratio(results.rekey, results.tutorial, (f) => f.cpuUs)}** | ${ratio(results.rekey, results.tutorial, (f) => f.redisCpuUs)} | |\n`);
const acceptRow = (name: string, list: typeof results.accept) =>
  `| ${name} | ${whole(of(list, (f) => f.perSecond))} | ${of(list, (f) => f.cpuUs).toFixed(0)} | ${of(list, (f) => f.redisCpuUs).toFixed(0)} | ${of(list, (f) => f.p50Ms).toFixed(1)} | ${of(list, (f) => f.p99Ms).toFixed(1)} |`;
console.log('| accepting over gRPC, 100 in flight | a second | gateway CPU µs | Redis CPU µs | p50 ms | p99 ms |\n| --- | --- | --- | --- | --- | --- |');
console.log([acceptRow('bare handler, only queue.add', results.bare), acceptRow('Rekey', results.accept)].join('\n'));
console.log(`| **Rekey / bare** | **${ratio(results.accept, results.bare, (f) => f.perSecond)}** | ${ratio(results.accept, results.bare, (f) => f.cpuUs)} | ${ratio(results.accept, results.bare, (f) => f.redisCpuUs)} | | |`);

import { setTimeout as sleep } from 'node:timers/promises';
import type { RekeyClient } from '@rekey/client';
import { lineOf, type Child } from '@rekey/testing';
import { createBulkOf, waitForBulk } from '../system/bulk.ts';
import { delaysOf, publishAll, register, spreadOf, startConsumer, type Mode } from '../system/consumer.ts';
import { cpuSeconds, median, runInFlight } from '../system/measure.ts';
import { ORG, assistant, firstAssistants, startSystem, waitUntil, type System } from '../system/system.ts';
import { bold, table, whole } from '../system/table.ts';
import type { Part } from './part.ts';

const WARM_UP = 2000;
const TURNS = 3;
const SINGLES_A_TURN = 150;
const SNAPSHOT = 100_000;
const STARTS = 3;
const INSTANCES = 200;
/** The number of consumers that each rotation is sealed for. They share the instances. */
const WATCHED_BY = [1, 10];
const SINGLES = 1000;
const PACED_MS = 20;

type Gateway = Awaited<ReturnType<System['startGateway']>>;

/** How a consumer gets its keys. */
interface Way {
  name: string;
  mode: Mode;
  env: Record<string, string>;
}
const waysOf = ({ app }: Gateway): [Way, Way, Way] => [
  { name: 'plain `SUBSCRIBE` loop, which opens nothing', mode: 'channel', env: {} },
  { name: 'libs/subscriber over Redis', mode: 'sdk', env: {} },
  { name: 'libs/subscriber over gRPC', mode: 'sdk', env: { GATEWAY: app.ready['address']! } },
];

/** Rotates one assistant after the other, with pauses. */
const rotateIdly = async (client: RekeyClient, ids: readonly string[]): Promise<void> => {
  for (const assistantId of ids) {
    await sleep(40 + Math.random() * 20);
    await client.rotateSecretKey({ orgId: ORG, assistantId });
  }
  await sleep(500);
};

const measurePropagation = async (progress: (text: string) => void): Promise<string> => {
  const system = await startSystem({ assistants: WARM_UP });
  const gateway = await system.startGateway();
  const { client } = gateway;
  const [worker] = await system.startWorkers(1);
  const keyFile = await register(system, client, 'bench');
  const ways = waysOf(gateway);
  const delays = ways.map((): number[] => []);
  for (let turn = 1; turn <= TURNS; turn += 1)
    for (const [i, { name, mode, env }] of ways.entries()) {
      progress(`events: propagation, turn ${turn} of ${TURNS}: ${name}`);
      const { child } = await startConsumer(system, mode, keyFile, env);
      // V8 compiles the code of the consumer meanwhile.
      const { id } = await createBulkOf(client, firstAssistants(WARM_UP));
      await waitForBulk(client, id, ['COMPLETED'], 100);
      await delaysOf(system, child, []);
      const ids = firstAssistants(SINGLES_A_TURN);
      await rotateIdly(client, ids);
      delays[i]!.push(...(await delaysOf(system, child, ids)));
      await child.stop();
    }
  await worker!.child.stop();
  await gateway.stop();
  await system.stop();
  const spreads = delays.map(spreadOf);
  const ratio = (of: 'p50' | 'p99') => bold((spreads[2]![of] / spreads[1]![of]).toFixed(2));
  return table(
    ['upstream has changed the key → the consumer has it, idle, ms', 'p50', 'p99'],
    [
      ...ways.map(({ name }, i) => [name, spreads[i]!.p50.toFixed(2), spreads[i]!.p99.toFixed(2)]),
      ['**gRPC / Redis**; target of p99: ≤ 1.5', ratio('p50'), ratio('p99')],
    ],
  );
};

const measureStart = async (progress: (text: string) => void): Promise<string> => {
  const system = await startSystem({ assistants: SNAPSHOT });
  const gateway = await system.startGateway();
  const [worker] = await system.startWorkers(1);
  progress(`events: a sweep publishes ${whole(SNAPSHOT)} records`);
  await publishAll(gateway.client);
  const keyFile = await register(system, gateway.client, 'bench');
  const [, ...ways] = waysOf(gateway);
  const readyMs = ways.map((): number[] => []);
  const gatewayMs: number[] = [];
  for (let turn = 1; turn <= STARTS; turn += 1)
    for (const [i, { name, mode, env }] of ways.entries()) {
      progress(`events: a start with ${whole(SNAPSHOT)} assistants, turn ${turn} of ${STARTS}: ${name}`);
      const cpu = cpuSeconds(gateway.app.child.pid);
      const { child, ready } = await startConsumer(system, mode, keyFile, env);
      if (Number(ready['keys']) !== SNAPSHOT) throw new Error(`it holds ${ready['keys']} keys`);
      readyMs[i]!.push(Number(ready['readyMs']));
      if (env['GATEWAY']) gatewayMs.push((cpuSeconds(gateway.app.child.pid) - cpu) * 1000);
      await child.stop();
    }
  await worker!.child.stop();
  await gateway.stop();
  await system.stop();
  const [redis, grpc] = readyMs.map(median);
  return table(
    [`a consumer starts with ${whole(SNAPSHOT)} assistants`, 'ready after, s', 'gateway CPU, s'],
    [
      [ways[0]!.name, (redis! / 1000).toFixed(2), ''],
      [ways[1]!.name, (grpc! / 1000).toFixed(2), (median(gatewayMs) / 1000).toFixed(2)],
      ['**gRPC / Redis**; target: ≤ 1.5', bold((grpc! / redis!).toFixed(2)), ''],
    ],
  );
};

const ARRIVES_WITHIN_MS = 60_000;

/** Resolves when each instance has received every event. */
const untilAllArrived = async (child: Child, events: number): Promise<void> => {
  const untilMs = performance.now() + ARRIVES_WITHIN_MS;
  await waitUntil(async () => {
    const reply = lineOf(
      child,
      (line) =>
        line.startsWith('{"arrived"') ? (JSON.parse(line) as { arrived: number[] }).arrived : undefined,
      'the watchers',
    );
    child.signal('SIGUSR2');
    if (performance.now() > untilMs) throw new Error('not every instance has received every event');
    return (await reply).every((count) => count >= events);
  }, 100);
};

/** The CPU of the gateway that a rotation costs, in ms: paced, and as fast as it goes. */
const measureRotations = async (
  system: System,
  keyFiles: Record<string, string>,
  mode: 'none' | 'watch' | 'sdk',
): Promise<{ paced: number; fast: number }> => {
  const { app, client, stop } = await system.startGateway();
  const watchers =
    mode === 'none'
      ? undefined
      : await system.startProgram('watchers', {
          GATEWAY: app.ready['address']!,
          MODE: mode,
          COUNT: String(INSTANCES),
          KEY_FILES: JSON.stringify(keyFiles),
        });
  let rotated = 0;
  const measure = async (count: number, pauseMs: number): Promise<number> => {
    await sleep(1000);
    const cpu = cpuSeconds(app.child.pid);
    await runInFlight(count, pauseMs > 0 ? 1 : 50, async (index) => {
      await client.rotateAndWait({ orgId: ORG, assistantId: assistant(index % SINGLES) });
      if (pauseMs > 0) await sleep(pauseMs);
    });
    rotated += count;
    if (watchers) await untilAllArrived(watchers.child, rotated);
    return ((cpuSeconds(app.child.pid) - cpu) * 1000) / count;
  };
  // V8 compiles the code of the gateway meanwhile.
  await measure(SINGLES, 0);
  const result = { fast: await measure(SINGLES, 0), paced: await measure(SINGLES / 4, PACED_MS) };
  await watchers?.child.stop();
  await stop();
  return result;
};

const measureWatching = async (consumers: number, progress: (text: string) => void): Promise<string> => {
  const system = await startSystem({ assistants: SINGLES });
  const gateway = await system.startGateway();
  const [worker] = await system.startWorkers(1);
  const keyFiles: Record<string, string> = {};
  for (let i = 0; i < consumers; i += 1)
    keyFiles[`bench-${i}`] = await register(system, gateway.client, `bench-${i}`);
  await gateway.stop();
  const modes = { none: 'none', watch: 'that watch', sdk: 'of libs/subscriber, which also acknowledge' };
  const rows: string[][] = [];
  const base = { paced: 0, fast: 0 };
  for (const mode of ['none', 'watch', 'sdk'] as const) {
    progress(`events: ${INSTANCES} instances, consumers: ${consumers}, ${modes[mode]}`);
    const { paced, fast } = await measureRotations(system, keyFiles, mode);
    if (mode === 'none') Object.assign(base, { paced, fast });
    const added = (ms: number, of: number) => (mode === 'none' ? '' : bold((ms - of).toFixed(2)));
    rows.push([
      mode === 'none' ? 'nobody watches' : `${INSTANCES} instances ${modes[mode]}`,
      fast.toFixed(2),
      added(fast, base.fast),
      paced.toFixed(2),
      added(paced, base.paced),
    ]);
  }
  await worker!.child.stop();
  await system.stop();
  return table(
    [
      `gateway CPU ms a rotation, ${consumers === 1 ? 'one consumer' : `${consumers} consumers`}`,
      '50 in flight',
      'added; target of watching: ≤ 1',
      'one by one',
      'added',
    ],
    rows,
  );
};

/** Measures events over gRPC beside Redis: propagation, start, and what watchers cost the gateway. */
export const events: Part = async (_size, progress) => {
  const tables = [await measurePropagation(progress), await measureStart(progress)];
  for (const consumers of WATCHED_BY) tables.push(await measureWatching(consumers, progress));
  return tables.join('\n\n');
};

import { setTimeout as sleep } from 'node:timers/promises';
import type { RekeyClient } from '@rekey/client';
import type { Child } from '@rekey/testing';
import { median } from '../system/measure.ts';
import type { Part } from './part.ts';
import { createBulkOf, waitForBulk } from '../system/bulk.ts';
import {
  delaysOf,
  publishAll,
  register,
  spreadOf,
  startConsumer,
  type Mode,
  type Spread,
} from '../system/consumer.ts';
import { ORG, firstAssistants, startSystem, type System } from '../system/system.ts';
import { bold, table, whole } from '../system/table.ts';

const SINGLES = 1000;
const BULK = 10_000;
const SNAPSHOT = 100_000;

/** Rotates one assistant after the other, with pauses. */
const measureIdle = async (
  system: System,
  client: RekeyClient,
  mode: Mode,
  child: Child,
): Promise<Spread> => {
  const ids = firstAssistants(mode === 'poll' ? SINGLES / 50 : SINGLES);
  for (const assistantId of ids) {
    await sleep(50 + Math.random() * (mode === 'poll' ? 500 : 30));
    // No call waits for the end of the rotation: the consumer's event would also wake the gateway and this
    // process.
    await client.rotateSecretKey({ orgId: ORG, assistantId });
  }
  await sleep(1500);
  return spreadOf(await delaysOf(system, child, ids));
};

const measureFullRate = async (system: System, client: RekeyClient, child: Child): Promise<Spread> => {
  const ids = firstAssistants(BULK);
  const { id } = await createBulkOf(client, ids);
  await waitForBulk(client, id, ['VERIFYING', 'COMPLETED']);
  await sleep(1500);
  const delays = await delaysOf(system, child, ids);
  await waitForBulk(client, id, ['COMPLETED'], 100);
  return spreadOf(delays);
};

const measurePropagation = async (progress: (text: string) => void): Promise<string> => {
  const system = await startSystem({ assistants: BULK });
  const { client, stop } = await system.startGateway();
  const [worker] = await system.startWorkers(1);
  const keyFile = await register(system, client, 'bench');
  const modes: [string, Mode][] = [
    ['polling once a second', 'poll'],
    ['plain `SUBSCRIBE` loop, which opens nothing', 'channel'],
    ['libs/subscriber: opened, signed with, acknowledged', 'sdk'],
  ];
  const rows: string[][] = [];
  for (const [name, mode] of modes) {
    const { child } = await startConsumer(system, mode, keyFile, {
      WATCHED: firstAssistants(BULK).join(','),
    });
    progress(`consumers: propagation, at the bulk's full rate: ${name}`);
    // The first run is not measured: V8 compiles the consumer's code meanwhile.
    await measureFullRate(system, client, child);
    const full = await measureFullRate(system, client, child);
    progress(`consumers: propagation, idle: ${name}`);
    const quiet = await measureIdle(system, client, mode, child);
    await child.stop();
    const cells = [name, ...[quiet.p50, quiet.p99, full.p50, full.p99].map((ms) => ms.toFixed(1))];
    rows.push(mode === 'sdk' ? cells.map(bold) : cells);
  }
  await worker!.child.stop();
  await stop();
  await system.stop();
  return table(
    [
      'upstream has changed the key → the consumer has it, ms',
      'idle p50',
      'idle p99',
      `bulk of ${whole(BULK)} p50`,
      'p99',
    ],
    rows,
  );
};

const measureStart = async (progress: (text: string) => void): Promise<string> => {
  const system = await startSystem({ assistants: SNAPSHOT });
  const { client, stop } = await system.startGateway();
  const [worker] = await system.startWorkers(1);
  progress(`consumers: a sweep publishes ${whole(SNAPSHOT)} records`);
  await publishAll(client);
  const keyFile = await register(system, client, 'bench');
  const found: Record<string, string>[] = [];
  for (let round = 1; round <= 3; round += 1) {
    progress(`consumers: a start with ${whole(SNAPSHOT)} assistants, round ${round} of 3`);
    const { child, ready } = await startConsumer(system, 'sdk', keyFile, {
      SIGN: '1',
      NODE_OPTIONS: '--expose-gc',
    });
    found.push(ready);
    await child.stop();
  }
  await worker!.child.stop();
  await stop();
  await system.stop();
  const of = (name: string) => median(found.map((ready) => Number(ready[name])));
  return table(
    [`a consumer that starts with ${whole(of('keys'))} assistants`, ''],
    [
      ['ready after, s', bold((of('readyMs') / 1000).toFixed(1))],
      ['heap each after a collection, bytes', bold(whole(of('heapBytesEach')))],
      ['resident memory each then, bytes', whole(of('residentBytesEach'))],
      ['`signUserHash` / bare `createHmac` loop', bold(of('signRatio').toFixed(2))],
      ['hashes a second', whole(of('signsPerMs') * 1000)],
    ],
  );
};

const measureSealing = async (rotations: number, progress: (text: string) => void): Promise<string> => {
  const system = await startSystem({ assistants: rotations });
  const rows: string[][] = [];
  for (const count of [0, 1, 5, 20]) {
    progress(`consumers: a bulk of ${whole(rotations)} sealed for ${count}`);
    const { client, stop } = await system.startGateway();
    const [worker] = await system.startWorkers(1);
    for (let i = 0; i < count; i += 1) await register(system, client, `bench-${i}`);
    await client.freeze({ reason: 'not yet' });
    const { id } = await createBulkOf(client, firstAssistants(rotations));
    const figures = await system.measureCosts([worker!.child.pid], rotations, async () => {
      const before = performance.now();
      await client.unfreeze();
      await waitForBulk(client, id, ['VERIFYING', 'COMPLETED']);
      return (performance.now() - before) / 1000;
    });
    rows.push([
      String(count),
      whole(figures.perSecond),
      whole(figures.cpuUs),
      whole(figures.redisCpuUs),
      whole(1e6 / figures.cpuUs),
    ]);
    await worker!.child.stop();
    await stop();
    await system.clear();
  }
  await system.stop();
  return table(
    [
      `consumers that records are sealed for, bulk of ${whole(rotations)}`,
      'rotations a second',
      'worker CPU µs',
      'Redis CPU µs',
      'a second on one core of worker CPU',
    ],
    rows,
  );
};

/** Measures what consumers get and what they cost: propagation, start, signing, sealing. */
export const consumers: Part = async ({ rotations }, progress) =>
  [
    await measurePropagation(progress),
    await measureStart(progress),
    await measureSealing(Math.min(rotations, BULK), progress),
  ].join('\n\n');

import type { RekeyClient } from '@rekey/client';
import { runInFlight, median, percentile } from '../system/measure.ts';
import type { Part } from './part.ts';
import { ORG, assistant, connect, startSystem, type Figures, type System } from '../system/system.ts';
import { ratioOf, table, whole } from '../system/table.ts';

const IN_FLIGHT = 100;

interface Accepting extends Figures {
  p50Ms: number;
  p99Ms: number;
}

/** Requests single rotations of the first `count` assistants, with IN_FLIGHT calls at once. */
export const requestSingles = async (
  client: RekeyClient,
  count: number,
  onAnswer: (ms: number) => void = () => {},
): Promise<void> =>
  runInFlight(count, IN_FLIGHT, async (i) => {
    const start = performance.now();
    await client.rotateSecretKey(
      { orgId: ORG, assistantId: assistant(i), requestId: crypto.randomUUID() },
      { deadlineMs: 60_000 },
    );
    onAnswer(performance.now() - start);
  });

const accept = async (
  system: System,
  client: RekeyClient,
  pid: number,
  count: number,
): Promise<Accepting> => {
  const latencies: number[] = [];
  // Warms up the connection: a rotation that does not exist costs Redis one read.
  await runInFlight(200, 1, () =>
    client.getRotation('x').then(
      () => {},
      () => {},
    ),
  );
  const figures = await system.measureCosts([pid], count, () =>
    requestSingles(client, count, (ms) => latencies.push(ms)),
  );
  return { ...figures, p50Ms: percentile(latencies, 0.5), p99Ms: percentile(latencies, 0.99) };
};

const acceptBare = async (system: System, count: number): Promise<Accepting> => {
  const { child, ready } = await system.startProgram('bare-gateway');
  const client = connect(ready['address']!);
  const figures = await accept(system, client, child.pid, count);
  client.close();
  await child.stop();
  await system.clear();
  return figures;
};

const acceptByGateway = async (system: System, count: number): Promise<Accepting> => {
  const gateway = await system.startGateway();
  const figures = await accept(system, gateway.client, gateway.app.child.pid, count);
  await gateway.stop();
  await system.clear();
  return figures;
};

/** Accepts single rotations over gRPC, in comparison with a bare handler that only adds a job. */
export const accepting: Part = async ({ rotations, rounds }, progress) => {
  const system = await startSystem({ assistants: rotations });
  const [bare, rekey]: [Accepting[], Accepting[]] = [[], []];
  for (let round = 1; round <= rounds; round += 1) {
    progress(`accepting, round ${round} of ${rounds}: bare handler`);
    bare.push(await acceptBare(system, rotations));
    progress(`accepting, round ${round} of ${rounds}: Rekey`);
    rekey.push(await acceptByGateway(system, rotations));
  }
  await system.stop();

  const of = (list: Accepting[], pick: (figures: Accepting) => number) => median(list.map(pick));
  const row = (name: string, list: Accepting[]) => [
    name,
    whole(of(list, (f) => f.perSecond)),
    whole(of(list, (f) => f.cpuUs)),
    whole(of(list, (f) => f.redisCpuUs)),
    of(list, (f) => f.p50Ms).toFixed(1),
    of(list, (f) => f.p99Ms).toFixed(1),
  ];
  const ratio = (pick: (figures: Accepting) => number) => ratioOf(of(rekey, pick), of(bare, pick));
  return table(
    [
      `accepting ${whole(rotations)} over gRPC, ${IN_FLIGHT} in flight`,
      'a second',
      'gateway CPU µs',
      'Redis CPU µs',
      'p50 ms',
      'p99 ms',
    ],
    [
      row('bare handler, only `queue.add`', bare),
      row('Rekey', rekey),
      [
        '**Rekey / bare**',
        ratio((f) => f.perSecond),
        ratio((f) => f.cpuUs),
        ratio((f) => f.redisCpuUs),
        '',
        '',
      ],
    ],
  );
};

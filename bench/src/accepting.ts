import type { RekeyClient } from '@rekey/client';
import { inFlight, median, percentile } from './measure.ts';
import type { Part } from './part.ts';
import { ORG, assistant, connect, startStage, type Figures, type Stage } from './stage.ts';
import { ratioOf, table, whole } from './table.ts';

const AT_ONCE = 100;

interface Accepting extends Figures {
  p50Ms: number;
  p99Ms: number;
}

/** Asks for single rotations of the first assistants, from one client, so many calls in flight. */
export const askForSingles = async (
  client: RekeyClient,
  count: number,
  onAnswer: (ms: number) => void = () => {},
): Promise<void> =>
  inFlight(count, AT_ONCE, async (i) => {
    const start = performance.now();
    await client.rotateSecretKey(
      { orgId: ORG, assistantId: assistant(i), requestId: crypto.randomUUID() },
      { deadlineMs: 60_000 },
    );
    onAnswer(performance.now() - start);
  });

const accept = async (stage: Stage, client: RekeyClient, pid: number, count: number): Promise<Accepting> => {
  const latencies: number[] = [];
  // To warm up; one that is not found costs Redis a read.
  await inFlight(200, 1, () =>
    client.getRotation('x').then(
      () => {},
      () => {},
    ),
  );
  const figures = await stage.timed([pid], count, () =>
    askForSingles(client, count, (ms) => latencies.push(ms)),
  );
  return { ...figures, p50Ms: percentile(latencies, 0.5), p99Ms: percentile(latencies, 0.99) };
};

const acceptBare = async (stage: Stage, count: number): Promise<Accepting> => {
  const { child, ready } = await stage.startProgram('bare-gateway');
  const client = connect(ready['address']!);
  const figures = await accept(stage, client, child.pid, count);
  client.close();
  await child.stop();
  await stage.clear();
  return figures;
};

const acceptByGateway = async (stage: Stage, count: number): Promise<Accepting> => {
  const gateway = await stage.startGateway();
  const figures = await accept(stage, gateway.client, gateway.app.child.pid, count);
  await gateway.stop();
  await stage.clear();
  return figures;
};

/** Single rotations accepted over gRPC, beside a bare handler that only adds a job. */
export const accepting: Part = async ({ rotations, rounds }, progress) => {
  const stage = await startStage({ assistants: rotations });
  const [bare, rekey]: [Accepting[], Accepting[]] = [[], []];
  for (let round = 1; round <= rounds; round += 1) {
    progress(`accepting, round ${round} of ${rounds}: bare handler`);
    bare.push(await acceptBare(stage, rotations));
    progress(`accepting, round ${round} of ${rounds}: Rekey`);
    rekey.push(await acceptByGateway(stage, rotations));
  }
  await stage.stop();

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
      `accepting ${whole(rotations)} over gRPC, ${AT_ONCE} in flight`,
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

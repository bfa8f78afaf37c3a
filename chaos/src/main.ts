import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { rotateInBulk } from './bulk-operators.ts';
import { episodeNames, type OddWorld } from './odd-world.ts';
import { createRandom } from './random.ts';
import { faultNames, startStage, type Stage } from './stage.ts';
import { isClean, judge, type Verdict } from './verdict.ts';

/*
 * npm run chaos -- --rotations N --seed S: real gateway, workers and Redis, a simulator with every fault at
 * once, and processes, connections and Redis itself killed at random meanwhile. With --world odd the
 * simulator is also wrong in episodes: it shows another org, hides keys, restores backups, lists nonsense.
 * Ends with a verdict from the simulator's truth.
 */

const positive = (text: string): number => {
  if (!/^\d+$/.test(text) || Number(text) < 1)
    throw new InvalidArgumentError('must be a whole number from 1');
  return Number(text);
};
const share = (text: string): number => {
  const value = Number(text);
  if (!(value >= 0 && value <= 0.9)) throw new InvalidArgumentError('must be from 0 to 0.9');
  return value;
};

const kindsOfFaults = (text: string): string[] => {
  const kinds = text.split(',').map((kind) => kind.trim());
  const unknown = kinds.find((kind) => !episodeNames.includes(kind) && !faultNames.includes(kind));
  if (unknown !== undefined)
    throw new InvalidArgumentError(
      `there is no kind '${unknown}'. Faults: ${faultNames.join(', ')}. Episodes: ${episodeNames.join(', ')}`,
    );
  for (const all of [episodeNames, faultNames])
    if (all.every((kind) => kinds.includes(kind))) throw new InvalidArgumentError('leaves none');
  return kinds;
};

const options = new Command('chaos')
  .description('Rotates keys under every fault at once, and judges by what is true upstream.')
  .option('--rotations <n>', 'how many', positive, 1000)
  .option('--seed <n>', 'of faults, kills and order', positive, 1)
  .option('--faults <share>', 'of the POSTs; 0 also leaves processes and connections alone', share, 0.2)
  .option(
    '--bulk',
    'as one bulk rotation that is paused, resumed and cancelled at random, in place of single ones',
  )
  .addOption(
    new Option(
      '--world <kind>',
      'odd: Invent is also wrong in ways that no fault of a network is, for some seconds each',
    )
      .choices(['usual', 'odd'])
      .default('usual'),
  )
  .option('--episodes <n>', 'of an odd world: how many at least (default: each kind once)', positive)
  .option(
    '--without <kinds>',
    'kinds of faults, and of episodes of an odd world, that are left out, by comma',
    kindsOfFaults,
    [],
  )
  .option('--workers <n>', 'processes', positive, 3)
  .option('--json', 'the verdict as one JSON object')
  .option('--keep-log <file>', 'append what all processes wrote to a file')
  .parse()
  .opts<{
    rotations: number;
    seed: number;
    faults: number;
    workers: number;
    world: 'usual' | 'odd';
    episodes?: number;
    without: string[];
    bulk?: boolean;
    json?: boolean;
    keepLog?: string;
  }>();

const say = (text: string) => process.stderr.write(process.stderr.isTTY ? `\r\u001b[K${text}` : `${text}\n`);

/**
 * Rotations that are open at once: in an odd world many of them wait, for keys that are not shown or a budget
 * that is closed.
 */
const AT_ONCE = { usual: 150, odd: 500 };
const QUIET_WITHIN_MS = 180_000;
/** The share of rotations that is asked for before the first odd episode is over. */
const HEAD_START = 0.05;
const LAST_LOOKS = 5;
/**
 * If nothing makes progress for this time, no more rotations are requested, and the result so far is judged.
 */
const STALLED_MS = 180_000;

/**
 * Requests `count` rotations, each of them accepted for certain, and not faster than `mayHaveAsked` allows (0
 * to 1). Returns their ids.
 */
const askForRotations = async (
  stage: Stage,
  count: number,
  mayHaveAsked: () => number,
): Promise<string[]> => {
  const ids = new Set<string>();
  const targets = stage.targets();
  let next = 0;
  let movedMs = performance.now();
  const isStalled = () => performance.now() - movedMs > STALLED_MS;
  const ask = async () => {
    while (ids.size < count) {
      while (
        ids.size < count &&
        !isStalled() &&
        ((await stage.openRotations()) > AT_ONCE[options.world] ||
          ids.size > count * (mayHaveAsked() + HEAD_START))
      )
        await stage.pause(50);
      if (ids.size >= count || isStalled()) return;
      const target = targets[next % targets.length]!;
      next += 1;
      const before = ids.size;
      ids.add(await stage.rotate(target, randomUUID()));
      // Of an assistant with an open rotation it is that one again.
      if (ids.size > before) movedMs = performance.now();
      if (ids.size > before && ids.size % 100 === 0) say(`${ids.size} of ${count} rotations accepted`);
    }
  };
  await Promise.all(Array.from({ length: 16 }, ask));
  if (isStalled())
    say(`nothing has moved for ${STALLED_MS / 1000} s: ${ids.size} of ${count} rotations were asked for`);
  return [...ids];
};

/** Until there were as many episodes as are enough. */
const waitForOddWorld = async (stage: Stage, odd: OddWorld): Promise<void> => {
  for (let progress = odd.progress(); progress < 1; progress = odd.progress()) {
    say(`${Math.round(progress * 100)} % of the odd episodes are over`);
    await stage.pause(500);
  }
  await odd.stop();
};

const folder = await mkdtemp(join(tmpdir(), 'rekey-chaos-'));
let verdict: Verdict;
const startedMs = performance.now();
const stage = await startStage({
  folder,
  seed: options.seed,
  rotations: options.rotations,
  workers: options.workers,
  faults: options.faults,
  bulk: options.bulk ?? false,
  odd: options.world === 'odd',
  without: options.without,
  keepLog: options.keepLog,
});
let operators: Record<string, number> | undefined;
let report: Record<string, Record<string, number>> = {};
let stopping = false;
const stop = async () => {
  if (stopping) return;
  stopping = true;
  await stage.stop();
  await rm(folder, { recursive: true, force: true });
};
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void stop().finally(() => process.exit(130)));
try {
  const operator = stage.startOperator();
  const odd =
    options.world === 'odd' ? stage.startOddWorld(createRandom(options.seed + 2), options) : undefined;
  const havoc = options.faults > 0 ? stage.startHavoc(createRandom(options.seed)) : undefined;
  const asked = options.bulk
    ? await rotateInBulk({
        ...stage.bulkSetting(),
        random: createRandom(options.seed + 1),
        pause: stage.pause,
        say,
        meddle: () => options.faults > 0,
      })
    : { ids: await askForRotations(stage, options.rotations, () => odd?.progress() ?? 1) };
  if ('done' in asked) operators = asked.done;
  if (odd) await waitForOddWorld(stage, odd);
  await havoc?.stop();
  say('calm: waiting until every rotation has ended');
  await stage.calm();
  await operator.act();
  const ended = await stage.waitUntilQuiet(QUIET_WITHIN_MS, (open) => say(`${open} rotations open`));
  if (!ended) say('some rotations did not end in time');
  if (!(await stage.sweepTwice())) say('a sweep did not end in time');
  if (odd) {
    // What needed an operator at the end: each look may find what the one before has led to.
    for (let looks = 0; looks < LAST_LOOKS; looks += 1) await operator.act();
    await stage.sweepTwice();
    report = { episodes: odd.done() };
  }
  await operator.stop();
  const looks = operator.samples();
  report = {
    ...report,
    statusSaid: operator.seen(),
    looks: { total: looks.length, allClear: looks.filter(({ says }) => !says).length },
    operatorDid: operator.done(),
  };
  const evidence = await stage.evidence('ids' in asked ? asked.ids : asked.ends, operator.samples());
  verdict = judge(evidence);
  stage.explain(verdict, evidence);
} finally {
  await stop();
}

const seconds = Math.round((performance.now() - startedMs) / 1000);
if (process.stderr.isTTY) say('');
if (options.json) {
  process.stdout.write(
    `${JSON.stringify({ seed: options.seed, world: options.world, faults: options.faults, seconds, clean: isClean(verdict), ...verdict, havoc: stage.havocDone(), ...report, ...(operators && { operators }) })}\n`,
  );
} else {
  const { darkTimeMs, failed, mostUnpublished, requestsARotation, examples, ...figures } = verdict;
  for (const [name, value] of Object.entries({ seed: options.seed, seconds, ...figures }))
    process.stdout.write(`${name.padEnd(23)} ${String(value)}\n`);
  process.stdout.write(
    `${'failed'.padEnd(23)} ${JSON.stringify(failed)}\n${'mostUnpublished'.padEnd(23)} ${JSON.stringify(mostUnpublished)}\n`,
  );
  process.stdout.write(`${'requestsARotation'.padEnd(23)} ${requestsARotation.toFixed(2)}\n`);
  process.stdout.write(
    `${'dark time'.padEnd(23)} p50 ${darkTimeMs.p50} ms, p99 ${darkTimeMs.p99} ms, longest ${darkTimeMs.max} ms\n`,
  );
  process.stdout.write(`${'havoc'.padEnd(23)} ${JSON.stringify(stage.havocDone())}\n`);
  for (const [name, counts] of Object.entries(report))
    process.stdout.write(`${name.padEnd(23)} ${JSON.stringify(counts)}\n`);
  if (operators) process.stdout.write(`${'operators'.padEnd(23)} ${JSON.stringify(operators)}\n`);
  for (const [figure, cases] of Object.entries(examples))
    process.stdout.write(`${figure}, for example:\n${cases.map((one) => `  ${one}\n`).join('')}`);
  process.stdout.write(
    `\n${isClean(verdict) ? 'CLEAN: every published key is in force, nothing lost, nothing out of order.' : 'NOT CLEAN.'}\n`,
  );
}
// Connections of the clients may linger.
process.stdout.write('', () => process.exit(isClean(verdict) ? 0 : 1));

import { median } from '../system/measure.ts';
import { startSystem, type Figures, type System } from '../system/system.ts';
import { bold, table, whole } from '../system/table.ts';
import {
  UNBOUNDED,
  startBulk,
  startOneAndTwo,
  startRawLoop,
  startSingles,
  startTutorial,
  type Contender,
} from './contenders.ts';
import type { Part } from './part.ts';

/**
 * Runs of each contender that are not measured. V8 compiles meanwhile, and Redis gets to know all assistants.
 */
const WARM_UP_RUNS = 2;

/**
 * Measures the contenders in turns, so that a change of the machine's speed between two minutes affects all
 * of them.
 */
const measureInTurns = async (contenders: Contender[], turns: number): Promise<Figures[][]> => {
  for (let i = 0; i < WARM_UP_RUNS; i += 1) for (const one of contenders) await one.run();
  const figures = contenders.map((): Figures[] => []);
  for (let turn = 0; turn < turns; turn += 1) {
    const order = contenders.map((contender, i) => ({ contender, i }));
    for (const { contender, i } of turn % 2 === 0 ? order : order.toReversed())
      figures[i]!.push(await contender.run());
  }
  for (const contender of contenders.toReversed()) await contender.stop();
  return figures;
};

/** The latency of a service on the internet. */
const FAR_MS = 20;

interface Contest {
  /** The names of the contenders. */
  names: string[];
  latencyMs: number;
  turns: number;
  start(system: System): Promise<Contender[]>;
}

const RAW = 'raw undici loop';
const TUTORIAL = 'tutorial stack';
const BULK = 'Rekey, a bulk';
const NARROW = 'Rekey, a bulk, at most 20 POSTs of an org';
const SINGLES = 'Rekey, single rotations';
const ONE = 'Rekey, a bulk, one worker of two';
const TWO = 'Rekey, a bulk, both workers';
const far = (name: string) => `${name}, upstream ${FAR_MS} ms`;

const contestsOf = (rotations: number): Contest[] => [
  {
    names: [RAW],
    latencyMs: 0,
    turns: 1,
    start: async (system) => [await startRawLoop(system, rotations)],
  },
  {
    names: [TUTORIAL, BULK],
    latencyMs: 0,
    turns: 5,
    start: async (system) => [
      await startTutorial(system, rotations),
      await startBulk(system, rotations, UNBOUNDED),
    ],
  },
  { names: [NARROW], latencyMs: 0, turns: 1, start: async (system) => [await startBulk(system, rotations)] },
  {
    names: [SINGLES],
    latencyMs: 0,
    turns: 1,
    start: async (system) => [await startSingles(system, rotations)],
  },
  { names: [ONE, TWO], latencyMs: 0, turns: 7, start: (system) => startOneAndTwo(system, rotations) },
  {
    names: [far(ONE), far(TWO)],
    latencyMs: FAR_MS,
    turns: 3,
    start: (system) => startOneAndTwo(system, rotations),
  },
];

type FiguresByName = Map<string, Figures[]>;

const tableOf = (rotations: number, figures: FiguresByName): string => {
  const of = (name: string, pick: (figures: Figures) => number) => median(figures.get(name)!.map(pick));
  const row = (name: string) => [
    name,
    whole(of(name, (f) => f.perSecond)),
    whole(of(name, (f) => f.cpuUs)),
    whole(of(name, (f) => f.redisCpuUs)),
    of(name, (f) => f.requests).toFixed(2),
  ];
  // The median of the ratios within each turn.
  const ratio = (name: string, base: string) => [
    `**${name} / ${base}**`,
    ...[(f: Figures) => f.perSecond, (f: Figures) => f.cpuUs, (f: Figures) => f.redisCpuUs].map((pick) =>
      bold(median(figures.get(name)!.map((f, i) => pick(f) / pick(figures.get(base)![i]!))).toFixed(2)),
    ),
    '',
  ];
  const head = [`rotating ${whole(rotations)}, no request limit`, 'a second'];
  return table(
    [...head, 'worker CPU µs', 'Redis CPU µs', 'upstream requests'],
    [...[...figures.keys()].map(row), ratio(BULK, TUTORIAL), ratio(TWO, ONE), ratio(far(TWO), far(ONE))],
  );
};

/** Rotates without a request limit: a raw loop, the tutorial stack and Rekey. */
export const rotating: Part = async ({ rotations, rounds }, progress) => {
  const contests = contestsOf(rotations);
  const all: FiguresByName = new Map(contests.flatMap(({ names }) => names.map((name) => [name, []])));
  for (let round = 1; round <= rounds; round += 1) {
    for (const { names, latencyMs, turns, start } of contests) {
      progress(`rotating, round ${round} of ${rounds}: ${names.join(' / ')}`);
      // Each contest gets a simulator of its own: a simulator keeps its whole history.
      const system = await startSystem({ assistants: rotations, latencyMs });
      const figures = await measureInTurns(await start(system), turns);
      for (const [i, name] of names.entries()) all.get(name)!.push(...figures[i]!);
      await system.stop();
    }
  }
  return tableOf(rotations, all);
};

import { createHash } from 'node:crypto';
import { commandNames, commandText } from '@rekey/ledger';
import { startSystem, type Figures, type System } from '../system/system.ts';
import { bold, table, whole } from '../system/table.ts';
import { UNBOUNDED, startBulk, startSingles, startTutorial, type Contender } from './contenders.ts';
import type { Part } from './part.ts';

const WARM_UP_RUNS = 2;
/** More commands than a run sends. */
const SLOW_LOG_ENTRIES = 2_000_000;
/** A script that takes less of a rotation is not shown. */
const SHOWN_FROM_US = 0.3;
/** What Redis executed: calls, and microseconds, by the name of the script. */
type Executed = Map<string, { calls: number; us: number }>;

const nameOfDigest = new Map(
  commandNames.map((name) => [createHash('sha1').update(commandText(name)).digest('hex'), `\`${name}.lua\``]),
);

type SlowEntry = [id: number, seconds: number, us: number, args: string[], ...rest: unknown[]];

/** Most commands are called by a script, which takes their time too. */
const COMMANDS = 'commands, most of them in scripts';

const nameOf = ([command = '', digest = '']: string[]): string =>
  /^evalsha$/i.test(command) ? (nameOfDigest.get(digest) ?? 'scripts of BullMQ') : COMMANDS;

/** Runs a contender while Redis notes the time of each command. The notes cost some time themselves. */
const execute = async ({ redis }: System, contender: Contender): Promise<[Figures, Executed]> => {
  await redis.config('SET', 'slowlog-max-len', SLOW_LOG_ENTRIES, 'slowlog-log-slower-than', 0);
  await redis.slowlog('RESET');
  const figures = await contender.run();
  await redis.config('SET', 'slowlog-log-slower-than', -1);
  const entries = (await redis.slowlog('GET', SLOW_LOG_ENTRIES)) as SlowEntry[];
  await redis.slowlog('RESET');
  const executed: Executed = new Map();
  for (const [, , us, args] of entries) {
    const sum = executed.get(nameOf(args)) ?? { calls: 0, us: 0 };
    executed.set(nameOf(args), { calls: sum.calls + 1, us: sum.us + us });
  }
  return [figures, executed];
};

const rowsOf = (name: string, [figures, executed]: [Figures, Executed], rotations: number): string[][] => {
  const rows = [...executed]
    .toSorted(([, a], [, b]) => b.us - a.us)
    .filter(([, { us }]) => us / rotations >= SHOWN_FROM_US);
  return [
    ...rows.map(([script, { calls, us }]) => [
      name,
      script,
      (calls / rotations).toFixed(3),
      (us / rotations).toFixed(1),
    ]),
    [name, '**CPU of Redis**, with the notes', '', bold(whole(figures.redisCpuUs))],
  ];
};

/** Shows what Redis executes for a rotation, script by script. */
export const profile: Part = async ({ rotations }, progress) => {
  const contenders: [name: string, start: (system: System) => Promise<Contender>][] = [
    ['tutorial stack', (system) => startTutorial(system, rotations)],
    ['Rekey, a bulk', (system) => startBulk(system, rotations, UNBOUNDED)],
    ['Rekey, single rotations', (system) => startSingles(system, rotations)],
  ];
  const rows: string[][] = [];
  for (const [name, start] of contenders) {
    progress(`profile: ${name}`);
    const system = await startSystem({ assistants: rotations });
    const contender = await start(system);
    for (let i = 0; i < WARM_UP_RUNS; i += 1) await contender.run();
    rows.push(...rowsOf(name, await execute(system, contender), rotations));
    await contender.stop();
    await system.stop();
  }
  return table([`${whole(rotations)} rotations`, 'script', 'calls a rotation', 'µs a rotation'], rows);
};

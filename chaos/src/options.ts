import { Command, InvalidArgumentError, Option } from 'commander';
import { faultNames } from './faults/havoc.ts';
import { episodeNames } from './odd-world/episodes.ts';

export interface ChaosOptions {
  rotations: number;
  seed: number;
  /** The share of POSTs with a fault. */
  faults: number;
  workers: number;
  world: 'usual' | 'odd';
  episodes?: number;
  without: string[];
  bulk?: boolean;
  redisWriter?: boolean;
  archive?: boolean;
  flips: number;
  identities?: boolean;
  json?: boolean;
  keepLog?: string;
}

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

const kinds = (text: string): string[] => {
  const named = text.split(',').map((kind) => kind.trim());
  const unknown = named.find((kind) => !episodeNames.includes(kind) && !faultNames.includes(kind));
  if (unknown !== undefined)
    throw new InvalidArgumentError(
      `unknown kind '${unknown}'. Faults: ${faultNames.join(', ')}. Episodes: ${episodeNames.join(', ')}`,
    );
  for (const all of [episodeNames, faultNames])
    if (all.every((kind) => named.includes(kind)))
      throw new InvalidArgumentError('must leave at least one fault and one episode');
  return named;
};

const identities = new Option(
  '--identities',
  'each kind of caller has its own principal and role, and all their changes must be recorded',
).conflicts('redisWriter');

const world = new Option('--world <kind>', 'odd: Invent also answers wrongly, in episodes of some seconds')
  .choices(['usual', 'odd'])
  .default('usual');

/** Reads the options of `npm run chaos`. Ends the process if they are wrong. */
export const readOptions = (): ChaosOptions =>
  new Command('chaos')
    .description('Rotates keys under many faults at once, and judges the result by what is true upstream.')
    .option('--rotations <n>', 'number of rotations', positive, 1000)
    .option('--seed <n>', 'decides faults, kills and order', positive, 1)
    .option('--faults <share>', 'share of POSTs with a fault; 0: no fault of any kind', share, 0.2)
    .option('--bulk', 'one bulk rotation that is paused, resumed and cancelled at random')
    .option('--redis-writer', 'something changes Redis at random too, and an operator repairs it')
    .option('--archive', 'workers archive to one folder, which is compared with what was published')
    .option('--flips <n>', 'bytes of a copy of the archive to flip, one at a time', positive, 1000)
    .addOption(identities)
    .addOption(world)
    .option('--episodes <n>', 'least number of episodes in an odd world (default: each kind once)', positive)
    .option('--without <kinds>', 'faults and episodes to leave out, separated by commas', kinds, [])
    .option('--workers <n>', 'number of worker processes', positive, 3)
    .option('--json', 'print the verdict as one JSON object')
    .option('--keep-log <file>', 'append the output of all processes to a file')
    .parse()
    .opts<ChaosOptions>();

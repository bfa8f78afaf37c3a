import { Command, InvalidArgumentError } from 'commander';
import { access } from './parts/access.ts';
import { agent } from './parts/agent.ts';
import { archive } from './parts/archive.ts';
import { accepting } from './parts/accepting.ts';
import { cli } from './parts/cli.ts';
import { budget } from './parts/budget.ts';
import { consumers } from './parts/consumers.ts';
import { events } from './parts/events.ts';
import { interactive } from './parts/interactive.ts';
import { lists } from './parts/lists.ts';
import { million } from './parts/million.ts';
import type { Part } from './parts/part.ts';
import { profile } from './parts/profile.ts';
import { rotating } from './parts/rotating.ts';

/*
 * npm run bench: measures Rekey and plain alternatives on one machine in one run. Compare the ratios: the
 * figures depend on the machine. Tables go to stdout, progress goes to stderr.
 */

const parts: Record<string, Part> = {
  rotating,
  accepting,
  access,
  budget,
  interactive,
  million,
  consumers,
  agent,
  events,
  archive,
  lists,
  cli,
  profile,
};

const positive = (text: string): number => {
  if (!/^\d+$/.test(text) || Number(text) < 1)
    throw new InvalidArgumentError('must be a whole number from 1');
  return Number(text);
};
const partNames = (text: string): string[] => {
  const names = text.split(',');
  if (names.some((name) => !Object.hasOwn(parts, name)))
    throw new InvalidArgumentError(`must be among ${Object.keys(parts).join(', ')}`);
  return names;
};

const { only, ...size } = new Command('bench')
  .description('Measures Rekey in comparison with plain alternatives.')
  .option('--only <parts>', `comma-separated: ${Object.keys(parts).join(',')}`, partNames, Object.keys(parts))
  .option('--rotations <n>', 'rotations in a round of rotating and accepting', positive, 20_000)
  .option('--rounds <n>', 'rounds of rotating and accepting; figures are medians', positive, 3)
  .parse()
  .opts<{ only: string[]; rotations: number; rounds: number }>();

const progress = (text: string) =>
  process.stderr.write(process.stderr.isTTY ? `\r\u001b[K${text}${text && ' …'}` : text && `${text} …\n`);

const rotations = size.rotations.toLocaleString('en');
console.log(`Node ${process.versions.node}, medians of ${size.rounds} rounds of ${rotations} rotations`);
for (const name of only) {
  const result = await parts[name]!(size, progress);
  progress('');
  console.log(`\n${result}`);
}

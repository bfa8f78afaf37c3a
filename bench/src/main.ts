import { Command, InvalidArgumentError } from 'commander';
import { accepting } from './accepting.ts';
import { budget } from './budget.ts';
import { consumers } from './consumers.ts';
import { interactive } from './interactive.ts';
import { million } from './million.ts';
import type { Part } from './part.ts';
import { rotating } from './rotating.ts';

/*
 * npm run bench: Rekey beside plain alternatives, on one machine and in one run. Ratios are what counts: the
 * figures themselves are this machine's. Tables on stdout, progress on stderr.
 */

const parts: Record<string, Part> = { rotating, accepting, budget, interactive, million, consumers };

const positive = (text: string): number => {
  if (!/^\d+$/.test(text) || Number(text) < 1)
    throw new InvalidArgumentError('must be a whole number from 1');
  return Number(text);
};
const partNames = (text: string): string[] => {
  const names = text.split(',');
  if (names.some((name) => !Object.hasOwn(parts, name)))
    throw new InvalidArgumentError(`must be of ${Object.keys(parts).join(', ')}`);
  return names;
};

const { only, ...size } = new Command('bench')
  .description('Measures Rekey beside plain alternatives.')
  .option('--only <parts>', `some of ${Object.keys(parts).join(',')}`, partNames, Object.keys(parts))
  .option('--rotations <n>', 'of rotating and accepting', positive, 20_000)
  .option('--rounds <n>', 'of rotating and accepting, whose figures are medians', positive, 3)
  .parse()
  .opts<{ only: string[]; rotations: number; rounds: number }>();

const progress = (text: string) =>
  process.stderr.write(process.stderr.isTTY ? `\r\u001b[K${text}${text && ' …'}` : text && `${text} …\n`);

console.log(
  `Node ${process.versions.node}, medians of ${size.rounds} rounds of ${size.rotations.toLocaleString('en')} rotations`,
);
for (const name of only) {
  const found = await parts[name]!(size, progress);
  progress('');
  console.log(`\n${found}`);
}

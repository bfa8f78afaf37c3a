import { expect, it } from '@jest/globals';
import type { Command } from 'commander';
import { fuzzCommand, readFuzzOptions } from '../fuzz/options.ts';
import { floodsCommand, readFloodOptions } from './options.ts';

/** What it writes before it would exit, and whether that is an error. */
const attempt = (command: Command, read: (one: Command, args: string[]) => unknown, args: string[]) => {
  let text = '';
  const write = (words: string): void => void (text += words);
  command.exitOverride().configureOutput({ writeOut: write, writeErr: write });
  try {
    read(command, ['node', 'main.ts', ...args]);
    return { exitCode: 0, text };
  } catch (error) {
    return { exitCode: (error as { exitCode: number }).exitCode, text };
  }
};
const floods = (...args: string[]) => attempt(floodsCommand(), readFloodOptions, args);
const fuzz = (...args: string[]) => attempt(fuzzCommand(), readFuzzOptions, args);

it('npm run floods and npm run fuzz explain themselves', () => {
  const help = floods('--help');
  expect(help.exitCode).toBe(0);
  expect(help.text).toContain('Usage: npm run floods -- [options] [scale] [pattern]');
  expect(help.text).toContain('  half-open streams of ids\n');
  expect(fuzz('--help')).toMatchObject({
    exitCode: 0,
    text: expect.stringContaining('Usage: npm run fuzz -- [options] [messages] [seed]'),
  });
});

it('they run whole without arguments, and what is asked for with them', () => {
  expect(readFuzzOptions(fuzzCommand(), ['node', 'main.ts'])).toEqual({ messages: 1_000_000, seed: 1 });
  expect(readFuzzOptions(fuzzCommand(), ['node', 'main.ts', '5000', '7'])).toEqual({
    messages: 5000,
    seed: 7,
  });
  const all = readFloodOptions(floodsCommand(), ['node', 'main.ts']);
  expect([all.scale, all.chosen.length]).toEqual([1, 16]);
  const some = readFloodOptions(floodsCommand(), ['node', 'main.ts', '0.5', '^waits']);
  expect([some.scale, some.chosen.map(({ name }) => name)]).toEqual([
    0.5,
    ['waits for one rotation', 'waits for a rotation of a bulk rotation'],
  ]);
});

it.each([
  [floods('half'), 'must be a number above 0'],
  [floods('0'), 'must be a number above 0'],
  [floods('1', '('), 'must be a regular expression'],
  [floods('1', 'no such flood'), 'matches no name. Floods: half-open streams of ids'],
  [floods('1', 'waits', 'more'), 'too many arguments'],
  [floods('--fast'), "unknown option '--fast'"],
  [fuzz('1e6'), 'must be a whole number from 1'],
  [fuzz('1000', '-1'), 'must be a whole number from 1'],
  [fuzz('--seed', '1'), "unknown option '--seed'"],
])('they refuse what they do not understand: %j', ({ exitCode, text }, why) => {
  expect(exitCode).toBe(1);
  expect(text).toContain(why);
});

import { InvalidArgumentError, type Command } from 'commander';
import { CliError, exitCodes } from '../failure.ts';
import { print, type OutputOptions } from '../output/format.ts';
import { NO_WORKER } from '../output/output.ts';

/** A timer of Node waits at most 2^31 - 1 ms; with a longer time it fires at once. */
const MAX_SECONDS = Math.floor((2 ** 31 - 1) / 1000);

/** The value of an option that is a number of seconds. */
export const seconds = (text: string): number => {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0)) throw new InvalidArgumentError('must be a number of seconds.');
  if (value > MAX_SECONDS)
    throw new InvalidArgumentError(`must be at most ${MAX_SECONDS} seconds, which is 24 days.`);
  return value;
};

/** --timeout of a command that waits only if one of these options is given. */
export const withWaitTimeout = (command: Command, waiting: string[]): Command =>
  command.option('--timeout <seconds>', 'how long to wait', seconds, 120).hook('preAction', (acting) => {
    if (
      acting.getOptionValueSource('timeout') !== 'cli' ||
      waiting.some((name) => acting.getOptionValue(name))
    )
      return;
    throw new CliError(
      `--timeout needs ${waiting.map((name) => `--${name}`).join(' or ')}: ` +
        'otherwise the command does not wait.',
      'INVALID_ARGUMENT',
    );
  });

/** How a command follows an operation that ends eventually. */
interface Followed<T> {
  isEnded(current: T): boolean;
  /** One line for a terminal. */
  progress(current: T): string;
  /** Reads it again, within this time. */
  next(current: T, withinMs: number): Promise<T>;
  /** Whether it makes no progress because no worker is live. */
  isIdle?(current: T): boolean;
}

/** Long enough to hide the restart of a worker. */
const IDLE_FOR_MS = 5000;

/**
 * Reports on standard error that no worker has been live for some seconds: once, and again after a worker was
 * live in between.
 */
const createIdleNotice = () => {
  let idleSince: number | undefined;
  let reported = false;
  return (idle: boolean): void => {
    if (!idle) {
      idleSince = undefined;
      reported = false;
      return;
    }
    idleSince ??= performance.now();
    if (reported || performance.now() - idleSince < IDLE_FOR_MS) return;
    reported = true;
    process.stderr.write(`${NO_WORKER}\n`);
  };
};

/** Polls until it ends or the time-out passes. On a terminal, a line on standard error shows its progress. */
export const follow = async <T>(
  first: T,
  { isEnded, progress, next, isIdle = () => false }: Followed<T>,
  timeoutSeconds: number,
): Promise<T> => {
  const deadline = performance.now() + timeoutSeconds * 1000;
  let current = first;
  const notice = createIdleNotice();
  while (!isEnded(current) && performance.now() < deadline) {
    if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${progress(current)} …`);
    current = await next(current, Math.max(deadline - performance.now(), 1));
    notice(!isEnded(current) && isIdle(current));
  }
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
  return current;
};

interface Conclusion {
  json: object;
  text: string;
  ended: boolean;
  succeeded: boolean;
  /** The command that waits again. */
  waitAgain: string;
  /** No worker is live. */
  idle?: boolean;
}

/** Shows the result, and sets the exit code of the command. */
export const conclude = (
  options: OutputOptions & { timeout: number },
  { json, text, ended, succeeded, waitAgain, idle = false }: Conclusion,
): void => {
  print(options, json, text);
  if (!ended)
    throw new CliError(
      `Not ended after ${options.timeout} s; ${idle ? NO_WORKER : 'it is still in progress'}. ` +
        `Wait for it again: ${waitAgain}`,
      'NOT_ENDED',
      exitCodes.notEnded,
    );
  if (!succeeded) process.exitCode = exitCodes.failed;
};

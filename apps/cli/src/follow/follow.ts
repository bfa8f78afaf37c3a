import { InvalidArgumentError, type Command } from 'commander';
import { CliError, exitCodes } from '../failure.ts';
import { print } from '../gateway-command.ts';
import { NO_WORKER } from '../output/output.ts';

/** The longest that a timer of Node's waits is 2^31 - 1 ms; one that is set to more fires at once. */
const MAX_SECONDS = Math.floor((2 ** 31 - 1) / 1000);

/** The value of an option that is a number of seconds. */
export const seconds = (text: string): number => {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0)) throw new InvalidArgumentError('must be a number of seconds.');
  if (value > MAX_SECONDS)
    throw new InvalidArgumentError(`must be at most ${MAX_SECONDS} seconds, which is 24 days.`);
  return value;
};

/** --timeout of a command that waits only where one of these options tells it to. */
export const withWaitTimeout = (command: Command, waiting: string[]): Command =>
  command.option('--timeout <seconds>', 'how long to wait', seconds, 120).hook('preAction', (acting) => {
    if (
      acting.getOptionValueSource('timeout') !== 'cli' ||
      waiting.some((name) => acting.getOptionValue(name))
    )
      return;
    throw new CliError(
      `--timeout needs ${waiting.map((name) => `--${name}`).join(' or ')}: otherwise nothing is waited for.`,
      'INVALID_ARGUMENT',
    );
  });

/** Something that ends by and by, and how the command line sees it. */
interface Followed<T> {
  isEnded(current: T): boolean;
  /** One line for a terminal. */
  progress(current: T): string;
  /** Asks again, after so long at the most. */
  next(current: T, withinMs: number): Promise<T>;
  /** Nothing is done, for no worker is live. */
  isIdle?(current: T): boolean;
}

/** A worker that restarts is away for a moment; nobody need be told. */
const IDLE_FOR_MS = 5000;

/**
 * Says once, on standard error, that no worker is live, when that has been so for some seconds; and again if
 * it is so anew.
 */
const createIdleNotice = () => {
  let idleSince: number | undefined;
  let told = false;
  return (idle: boolean): void => {
    if (!idle) {
      idleSince = undefined;
      told = false;
      return;
    }
    idleSince ??= performance.now();
    if (told || performance.now() - idleSince < IDLE_FOR_MS) return;
    told = true;
    process.stderr.write(`${NO_WORKER}\n`);
  };
};

/**
 * Asks again until it has ended or the time is up. On a terminal one line on standard error shows how it
 * stands.
 */
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
  /** The command that goes on waiting. */
  goOn: string;
  /** No worker is live. */
  idle?: boolean;
}

/** Shows what has become of it, and decides how the command ends. */
export const conclude = (
  options: { json?: boolean; timeout: number },
  { json, text, ended, succeeded, goOn, idle = false }: Conclusion,
): void => {
  print(options, json, text);
  if (!ended)
    throw new CliError(
      `Not ended after ${options.timeout} s; ${idle ? NO_WORKER : 'it is still in progress'}. Wait for it again: ${goOn}`,
      'NOT_ENDED',
      exitCodes.notEnded,
    );
  if (!succeeded) process.exitCode = exitCodes.failed;
};

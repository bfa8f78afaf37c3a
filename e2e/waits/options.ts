import { Command, InvalidArgumentError } from 'commander';

export interface WaitsOptions {
  /** Honest watches of bulk rotations. */
  watchers: number;
  /** Waits for rotations: each of a rotation of its own. */
  waiters: number;
  /** How many of these are calls of @rekey/client. */
  sdk: number;
  connections: number;
  /** How many waits the gateway may hold open: GATEWAY_MAX_WAITS. */
  held?: number;
  /** How many processes the callers are in. */
  processes: number;
  /** In how many waves the rotations end, and when each begins after the one before. */
  waves: number;
  waveSeconds: number;
  /** The most that the gateway may have resident, in MB. */
  within: number;
}

const countOf = (text: string): number => {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 0) throw new InvalidArgumentError('must be a whole number');
  return count;
};

export const waitsCommand = (): Command =>
  new Command('npm run waits --')
    .description(
      'Starts a gateway, with its default limits but for --held, and callers that wait for rotations and\n' +
        'watch bulk rotations: more than it holds open. The rotations end in waves. Exits with 1 if a\n' +
        'caller fails, learns a wrong end or none, if a health check fails, or if the gateway takes more\n' +
        'memory.',
    )
    .option('--watchers <count>', 'calls of WatchBulkRotation', countOf, 10_000)
    .option('--waiters <count>', 'calls of WaitRotation, each for a rotation of its own', countOf, 50_000)
    .option('--sdk <count>', 'waiters that use @rekey/client', countOf, 500)
    .option('--connections <count>', 'connections of all callers', countOf, 600)
    .option('--held <count>', 'waits that the gateway holds open (GATEWAY_MAX_WAITS)', countOf)
    .option('--processes <count>', 'processes of callers', countOf, 3)
    .option('--waves <count>', 'waves in which the rotations end', countOf, 5)
    .option('--wave-seconds <seconds>', 'time between two waves', countOf, 20)
    .option('--within <mb>', 'resident memory that the gateway may take, in MB', countOf, 400);

export const readWaitsOptions = (command: Command, args?: readonly string[]): WaitsOptions =>
  command.parse(args).opts();

import { describe, expect, it } from '@jest/globals';
import { Command } from 'commander';
import { activityCommand } from '../activity/activity-command.ts';
import { exitCodes } from '../failure.ts';
import { bulkCommand } from './bulk.ts';
import { eventsCommand } from './events.ts';
import { getCommand } from './get.ts';
import { policyCommand } from './policy.ts';
import { listCommand, retryCommand, rotateCommand } from './rotations.ts';
import { sweepCommand } from './sweep.ts';

// Nothing listens there: a command that is not refused exits with 2.
process.env['GRPC_ADDRESS'] = '127.0.0.1:1';
process.env['REDIS_URL'] = 'redis://127.0.0.1:1';

/** Throws the message and exit code instead of exiting. */
const throwing = (command: Command): Command => {
  command
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .commands.forEach(throwing);
  return command;
};

const rekey = (...args: string[]): Promise<Command> => {
  const commands = [
    activityCommand(),
    rotateCommand(),
    retryCommand(),
    getCommand(),
    listCommand(),
    bulkCommand(),
    policyCommand(),
    sweepCommand(),
    eventsCommand(),
  ];
  const program = new Command('rekey');
  for (const command of commands) program.addCommand(command);
  return throwing(program).parseAsync(args, { from: 'user' });
};

const rotate = ['rotate', 'org_1', 'ast_1'];
const createBulk = ['bulk', 'create', '--org', 'org_1', '--all'];
const createPolicy = ['policy', 'create', '--org', 'org_1', '--every', '90d'];

describe('an invalid option is refused before the command sends a request', () => {
  it.each<[string[], RegExp]>([
    [[...rotate, '--timeout', '5'], /--timeout needs --wait or --acknowledged or --consumer: /],
    [['retry', 'rot_1', '--timeout', '5'], /--timeout needs --wait: /],
    [['get', 'rot_1', '--timeout', '5'], /--timeout needs --wait or --acknowledged or --consumer: /],
    [['get', 'ast_1', '--wait'], /--wait needs an id that begins with rot_.*leave --wait out/],
    [['sweep', '--no-wait', '--timeout', '5'], /'--no-wait' cannot be used with option '--timeout/],
    [['sweep', '--accept-removals'], /--accept-removals needs an org/],
    [['sweep', 'org_1', '--yes'], /--yes needs --accept-removals/],
    [['policy', 'update', 'pol_1'], /give an option of what to change/],
    [['events', '--key-file', 'key.json'], /--key-file needs --open/],
    [['events', '--from', 'yesterday'], /must be now, last, start, or the id/],
    [['activity', '--since', 'yesterday'], /must be a time such as .*, or how long ago/],
    [['activity', '--type', 'Rotations'], /must be a type such as rotation.failed/],
    [['activity', '--until', '1h', '--follow'], /--until cannot be given together with --follow/],
    [['activity', '--since', '1h', '--until', '2h'], /--until must be after --since/],
    [['activity', '--follow', '--since', '1h', '--limit', '3'], /--limit cannot be given together/],
    [['events', '--from', ''], /must be now, last, start, or the id/],
    [[...rotate, '--consumer', ''], /must be at most 63 lower-case letters/],
    [[...rotate, '--consumer', 'a', '--consumer', 'B'], /must be at most 63 lower-case letters/],
    [[...createBulk, '--require-consumer', ''], /must be at most 63 lower-case letters/],
  ])('%j', async (args, message) => {
    await expect(rekey(...args)).rejects.toMatchObject({
      exitCode: exitCodes.failed,
      message: expect.stringMatching(message),
    });
  });

  it.each(
    ['abc', '0', '-1', '5x', ''].flatMap((text) => [
      ['events', '--count', text],
      ['list', '--limit', text],
    ]),
  )('%s %s %j', async (...args) => {
    await expect(rekey(...args)).rejects.toMatchObject({
      exitCode: exitCodes.failed,
      message: expect.stringContaining('must be a number, 1 or more'),
    });
  });
});

describe('an empty value, such as an unset shell variable, is refused', () => {
  it.each([
    [[...rotate, '--request-id', '']],
    [[...createBulk, '--request-id', '']],
    [[...createPolicy, '--request-id', '']],
    [[...createPolicy, '--window', '']],
    [[...createPolicy, '--time-zone', '']],
    [['policy', 'update', 'pol_1', '--window', '']],
    [['list', '--org', '']],
    [['list', '--assistant', ' ']],
    [['activity', '--org', '']],
    [['activity', '--by', '']],
    [['activity', '--target', ' ']],
    [['bulk', 'list', '--org', '']],
    [['policy', 'list', '--org', '']],
    [['sweep', '']],
    [['events', '--redis', '']],
    [['events', '--prefix', '']],
    [['list', '--gateway', '']],
  ])('%j', async (args) => {
    await expect(rekey(...args)).rejects.toMatchObject({
      exitCode: exitCodes.failed,
      message: expect.stringContaining('must not be empty: give a value, or leave the option out'),
    });
  });
});

describe('a valid command sends its request', () => {
  it.each([
    [[...rotate, '--wait', '--timeout', '5']],
    [[...rotate, '--acknowledged', '--timeout', '5']],
    [[...rotate, '--consumer', 'billing', '--timeout', '5']],
    [['retry', 'rot_1', '--wait', '--timeout', '5']],
    [['get', 'swp_1', '--wait', '--timeout', '5']],
    [['get', 'ast_1']],
    [['sweep', '--timeout', '5']],
    [['sweep', 'org_1', '--no-wait']],
    [['list', '--limit', '5', '--org', 'org_1']],
    [['activity', '--since', '7d', '--until', '2030-01-01', '--type', 'rotation.*', '--type', 'freeze.set']],
    [['activity', '--by', 'spiffe://example.com/a', '--limit', '5', '--json']],
    [[...createPolicy, '--window', '0 3 * * *', '--time-zone', 'UTC']],
    [['policy', 'update', 'pol_1', '--reason', '']],
    [['events', '--from', '1700000000000-0', '--count', '5']],
    [['events', '--from', '0']],
  ])('%j', async (args) => {
    await expect(rekey(...args)).rejects.toMatchObject({ exitCode: exitCodes.unavailable });
  });
});

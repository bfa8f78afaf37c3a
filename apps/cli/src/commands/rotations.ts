import { randomUUID } from 'node:crypto';
import type { GatewayClient, ProtoRotation } from '@rekey/rpc';
import { isEnded, rotationStates, type RotationState } from '@rekey/schema';
import { Command, InvalidArgumentError, Option } from 'commander';
import { CliError, exitCodes, fromServiceError, isServiceError } from '../failure.ts';
import { print, withGateway, withGatewayOptions, type GatewayOptions } from '../gateway-command.ts';
import { assistantJson, assistantText, printable, rotationJson, rotationText } from '../output.ts';

const seconds = (text: string): number => {
  const value = Number(text);
  if (!(value >= 0)) throw new InvalidArgumentError('must be a number of seconds');
  return value;
};

const ended = (rotation: ProtoRotation): boolean => isEnded(rotation.state as RotationState);

/** Waits in slices, so that every change of state is seen on the way. */
const waitUntilEnded = async (client: GatewayClient, rotation: ProtoRotation, timeoutSeconds: number): Promise<ProtoRotation> => {
  const deadline = performance.now() + timeoutSeconds * 1000;
  let current = rotation;
  const show = () => process.stderr.isTTY && process.stderr.write(`\r\u001b[K${current.id} ${current.state} …`);
  while (!ended(current) && performance.now() < deadline) {
    show();
    const sliceMs = Math.min(2000, Math.max(deadline - performance.now(), 1));
    const timeout = { seconds: Math.floor(sliceMs / 1000), nanos: Math.floor((sliceMs % 1000) * 1e6) };
    current = await client.waitRotation({ id: current.id, timeout }, { deadlineMs: sliceMs + 5000 });
  }
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
  return current;
};

/** Adds to an error of a gateway that is away how the same rotation is found again, so that nobody rotates twice by repeating. */
const sayHowToGoOn =
  ({ gateway }: GatewayOptions, how: string) =>
  (error: unknown): never => {
    const failure = isServiceError(error) ? fromServiceError(error, gateway) : error;
    if (!(failure instanceof CliError) || failure.exitCode !== exitCodes.unavailable) throw failure;
    throw new CliError(`${failure.message} ${how}`, failure.reason, failure.exitCode);
  };

const conclude = (rotation: ProtoRotation, options: { json?: boolean; timeout: number }): void => {
  print(options, rotationJson(rotation), rotationText(rotation));
  if (!ended(rotation)) {
    throw new CliError(`Not ended after ${options.timeout} s; it goes on. Wait for it again: rekey get ${rotation.id} --wait`, 'NOT_ENDED', exitCodes.notEnded);
  }
  if (rotation.state !== 'SUCCEEDED') process.exitCode = exitCodes.failed;
};

export const rotateCommand = (): Command =>
  withGatewayOptions(new Command('rotate'))
    .description('ask for a new secret key of one assistant')
    .argument('<org>', 'the org id, or c for the org of the API key')
    .argument('<assistant>', 'the assistant id')
    .option('--wait', 'wait until the key is replaced; ends with 1 where it was not')
    .option('--timeout <seconds>', 'how long to wait', seconds, 120)
    .option('--reason <text>', 'why, for the record', '')
    .option('--request-id <uuid>', 'makes it safe to run the same command again (default: a new one)')
    .action(async (orgId: string, assistantId: string, options: GatewayOptions & { wait?: boolean; timeout: number; reason: string; requestId?: string }) => {
      await withGateway(options, async (client) => {
        const requestId = options.requestId ?? randomUUID();
        const rotation = await client
          .rotateSecretKey({ orgId, assistantId, reason: options.reason, requestId })
          .catch(sayHowToGoOn(options, `It may have been accepted: repeat with --request-id ${requestId}`));
        if (!options.wait) return print(options, rotationJson(rotation), rotationText(rotation));
        const goOn = sayHowToGoOn(options, `It was accepted, and goes on: rekey get ${rotation.id} --wait`);
        conclude(await waitUntilEnded(client, rotation, options.timeout).catch(goOn), options);
      });
    });

export const getCommand = (): Command =>
  withGatewayOptions(new Command('get'))
    .description("show a rotation (rot_…), or an assistant's current key version (any other id)")
    .argument('<id>', 'a rotation id or an assistant id')
    .option('--wait', 'of a rotation: wait until it has ended')
    .option('--timeout <seconds>', 'how long to wait', seconds, 120)
    .action(async (id: string, options: GatewayOptions & { wait?: boolean; timeout: number }) => {
      await withGateway(options, async (client) => {
        if (!id.startsWith('rot_')) {
          const assistant = await client.getAssistant({ assistantId: id });
          return print(options, assistantJson(assistant), assistantText(assistant));
        }
        const rotation = await client.getRotation({ id });
        if (options.wait) return conclude(await waitUntilEnded(client, rotation, options.timeout), options);
        print(options, rotationJson(rotation), rotationText(rotation));
      });
    });

const listLine = (rotation: ProtoRotation): string =>
  [rotation.id, rotation.state.padEnd(11), printable(`${rotation.orgId}/${rotation.assistantId}`), rotation.error?.reason ?? ''].join('  ').trimEnd();

export const listCommand = (): Command =>
  withGatewayOptions(new Command('list'))
    .description('list rotations, newest first')
    .option('--org <id>', 'only of this org id', '')
    .option('--assistant <id>', 'only of this assistant', '')
    .addOption(new Option('--state <state>', 'only in this state').choices(rotationStates.map((state) => state.toLowerCase())))
    .option('--limit <n>', 'at most so many', (text) => Math.max(Number.parseInt(text, 10) || 0, 1), 50)
    .action(async (options: GatewayOptions & { org: string; assistant: string; state?: string; limit: number }) => {
      await withGateway(options, async (client) => {
        const state = (options.state?.toUpperCase() ?? 'STATE_UNSPECIFIED') as RotationState;
        let pageToken = '';
        let left = options.limit;
        do {
          const page = await client.listRotations({ orgId: options.org, assistantId: options.assistant, state, pageSize: Math.min(left, 500), pageToken });
          for (const rotation of page.rotations) print(options, rotationJson(rotation), listLine(rotation));
          left -= page.rotations.length;
          pageToken = page.nextPageToken;
        } while (pageToken !== '' && left > 0);
      });
    });

export const cancelCommand = (): Command =>
  withGatewayOptions(new Command('cancel'))
    .description('cancel a rotation that is still QUEUED')
    .argument('<rotation>', 'its id')
    .action(async (id: string, options: GatewayOptions) => {
      await withGateway(options, async (client) => {
        const rotation = await client.cancelRotation({ id });
        print(options, rotationJson(rotation), rotationText(rotation));
      });
    });

import { createHash, randomUUID } from 'node:crypto';
import type { RekeyClient, Rotation } from '@rekey/client';
import { rotationStates, type RotationState } from '@rekey/schema';
import { Command, Option } from 'commander';
import { count } from '../bulk/bulk-request.ts';
import { CliError } from '../failure.ts';
import {
  concludeRotation,
  followRotation,
  showRotation,
  waitAgain,
  type AlsoUntil,
} from '../follow/follow-rotation.ts';
import { withWaitTimeout } from '../follow/follow.ts';
import {
  print,
  sayHowToGoOn,
  withGateway,
  withGatewayOptions,
  type GatewayOptions,
} from '../gateway-command.ts';
import { consumerNames, notEmpty } from '../option-values.ts';
import { printable, rotationJson, rotationText } from '../output/output.ts';
import { take } from '../take.ts';

type WaitOptions = GatewayOptions & {
  wait?: boolean;
  timeout: number;
  acknowledged?: boolean;
  consumer?: string[];
};

export const alsoUntil = ({
  acknowledged,
  consumer,
}: Pick<WaitOptions, 'acknowledged' | 'consumer'>): AlsoUntil | undefined =>
  acknowledged || consumer ? { consumers: consumer ?? [] } : undefined;

/** The options of commands that also wait for consumers. */
export const withAcknowledgement = (command: Command): Command =>
  command
    .option(
      '--acknowledged',
      'wait until all live consumers have applied the new key; at least one must have',
    )
    .option('--consumer <name>', 'wait until this consumer has; may be given several times', consumerNames);

/** Shows a rotation that was accepted, now or for the same request before; with --wait, its end. */
const showOrFollow = async (client: RekeyClient, rotation: Rotation, options: WaitOptions): Promise<void> => {
  const also = alsoUntil(options);
  if (!options.wait && !also) return showRotation(rotation, options);
  const goOn = sayHowToGoOn(
    options,
    `It was accepted, and continues: ${waitAgain(rotation.id, options, also)}`,
  );
  concludeRotation(await followRotation(client, rotation, options.timeout, also).catch(goOn), options, also);
};

export const rotateCommand = (): Command =>
  withAcknowledgement(
    withWaitTimeout(withGatewayOptions(new Command('rotate')), ['wait', 'acknowledged', 'consumer'])
      .description('ask for a new secret key of one assistant')
      .argument('<org>', 'the org id, or c for the org of the API key')
      .argument('<assistant>', 'the assistant id')
      .option('--wait', 'wait until the key is replaced; ends with 1 where it was not'),
  )
    .option('--reason <text>', 'why, for the record', '')
    .option(
      '--request-id <uuid>',
      'makes it safe to run the same command again (default: a new one)',
      notEmpty,
    )
    .action(
      async (
        orgId: string,
        assistantId: string,
        options: WaitOptions & { reason: string; requestId?: string },
      ) => {
        await withGateway(options, async (client) => {
          const requestId = options.requestId ?? randomUUID();
          const rotation = await client
            .rotateSecretKey({ orgId, assistantId, reason: options.reason, requestId })
            .catch(sayHowToGoOn(options, `It may have been accepted: repeat with --request-id ${requestId}`));
          await showOrFollow(client, rotation, options);
        });
      },
    );

/** Why there is nothing to retry, and what to do instead. */
const notRetryable = ({ id, state, orgId, assistantId, reconciliation }: Rotation): CliError => {
  const goesOn = reconciliation?.operatorNeeded
    ? `it goes on when somebody has acted. ${reconciliation.advice}`
    : `it goes on by itself. Wait for it: rekey get ${id} --wait`;
  const why =
    state === 'SUCCEEDED'
      ? `has SUCCEEDED. For yet another key: rekey rotate ${printable(orgId)} ${printable(assistantId)}`
      : `is ${state}: ${goesOn}`;
  return new CliError(`${id} ${why}`, 'ROTATION_NOT_RETRYABLE');
};

/**
 * In the manner of a UUID of version 5: the same for the same rotation, so that running the command again
 * rotates no second time.
 */
const retryRequestId = (id: string): string => {
  const bytes = createHash('sha1').update(`rekey retry ${id}`).digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x50;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
};

export const retryCommand = (): Command =>
  withWaitTimeout(withGatewayOptions(new Command('retry')), ['wait'])
    .description(
      'ask again for a rotation that has FAILED or was CANCELLED; the same command again gives the same new rotation',
    )
    .argument('<rotation>', 'its id')
    .option('--wait', 'wait until the key is replaced; ends with 1 where it was not')
    .action(async (id: string, options: WaitOptions) => {
      await withGateway(options, async (client) => {
        const ended = await client.getRotation(id);
        if (ended.state !== 'FAILED' && ended.state !== 'CANCELLED') throw notRetryable(ended);
        const { orgId, assistantId, reason } = ended;
        const rotation = await client
          .rotateSecretKey({ orgId, assistantId, reason, requestId: retryRequestId(id) })
          .catch(sayHowToGoOn(options, 'It may have been accepted: run the same command again.'));
        await showOrFollow(client, rotation, options);
      });
    });

const listLine = (rotation: Rotation): string =>
  [
    rotation.id,
    rotation.state.padEnd(11),
    printable(`${rotation.orgId}/${rotation.assistantId}`),
    rotation.error?.reason ?? '',
  ]
    .join('  ')
    .trimEnd();

export const listCommand = (): Command =>
  withGatewayOptions(new Command('list'))
    .description('list rotations, newest first')
    .option('--org <id>', 'only of this org id', notEmpty, '')
    .option('--assistant <id>', 'only of this assistant', notEmpty, '')
    .addOption(
      new Option('--state <state>', 'only in this state').choices(
        rotationStates.map((state) => state.toLowerCase()),
      ),
    )
    .option('--limit <n>', 'at most so many', count, 50)
    .action(
      async (options: GatewayOptions & { org: string; assistant: string; state?: string; limit: number }) => {
        await withGateway(options, async (client) => {
          const state = options.state?.toUpperCase() as RotationState | undefined;
          const all = client.rotations({
            orgId: options.org,
            assistantId: options.assistant,
            pageSize: Math.min(options.limit, 500),
            ...(state && { state }),
          });
          for await (const rotation of take(all, options.limit))
            print(options, rotationJson(rotation), listLine(rotation));
        });
      },
    );

export const cancelCommand = (): Command =>
  withGatewayOptions(new Command('cancel'))
    .description('cancel a rotation that is still QUEUED')
    .argument('<rotation>', 'its id')
    .action(async (id: string, options: GatewayOptions) => {
      await withGateway(options, async (client) => {
        const rotation = await client.cancelRotation(id);
        print(options, rotationJson(rotation), rotationText(rotation));
      });
    });

import { createHash, randomUUID } from 'node:crypto';
import type { RekeyClient, Rotation } from '@rekey/client';
import { rotationStates, type RotationState } from '@rekey/schema';
import { Command } from 'commander';
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
  withRecovery,
  withGateway,
  withGatewayOptions,
  type GatewayOptions,
} from '../gateway-command.ts';
import { consumerNames, notEmpty, stateOption } from '../option-values.ts';
import { printList, withColumns, type ListOptions } from '../output/list.ts';
import { printable, rotationColumns, rotationJson, rotationText } from '../output/output.ts';

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

/** The options of commands that can also wait for consumers. */
export const withAcknowledgement = (command: Command): Command =>
  command
    .option(
      '--acknowledged',
      'wait until all live consumers have applied the new key; needs at least one live consumer',
    )
    .option(
      '--consumer <name>',
      'wait until this consumer has applied the new key; may be given several times',
      consumerNames,
    );

/** Shows an accepted rotation, new or of an earlier identical request; with --wait, its final state. */
const showOrFollow = async (client: RekeyClient, rotation: Rotation, options: WaitOptions): Promise<void> => {
  const also = alsoUntil(options);
  if (!options.wait && !also) return showRotation(rotation, options);
  const onFailure = withRecovery(
    options,
    `It was accepted, and continues: ${waitAgain(rotation.id, options, also)}`,
  );
  concludeRotation(
    await followRotation(client, rotation, options.timeout, also).catch(onFailure),
    options,
    also,
  );
};

export const rotateCommand = (): Command =>
  withAcknowledgement(
    withWaitTimeout(withGatewayOptions(new Command('rotate')), ['wait', 'acknowledged', 'consumer'])
      .description('rotate the secret key of one assistant')
      .argument('<org>', 'the org id, or c for the org of the API key')
      .argument('<assistant>', 'the assistant id')
      .option('--wait', 'wait until the rotation ends; exit code 1 unless it succeeded'),
  )
    .option('--reason <text>', 'why, for the record')
    .option(
      '--request-id <uuid>',
      'makes it safe to run the same command again (default: a new id)',
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
            .catch(withRecovery(options, `It may have been accepted: repeat with --request-id ${requestId}`));
          await showOrFollow(client, rotation, options);
        });
      },
    );

/** Why the rotation cannot be retried, and what to do instead. */
const notRetryable = ({ id, state, orgId, assistantId, reconciliation }: Rotation): CliError => {
  const whatNow = reconciliation?.operatorNeeded
    ? `it needs operator action. ${reconciliation.advice}`
    : `it is still in progress. Wait for it: rekey get ${id} --wait`;
  const why =
    state === 'SUCCEEDED'
      ? `has SUCCEEDED. To rotate again: rekey rotate ${printable(orgId)} ${printable(assistantId)}`
      : `is ${state}: ${whatNow}`;
  return new CliError(`${id} ${why}`, 'ROTATION_NOT_RETRYABLE');
};

/**
 * A UUID derived from the rotation's id, in the form of version 5. Running the command again repeats the same
 * request, and causes no second rotation.
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
      'retry a FAILED or CANCELLED rotation as a new rotation; repeating the command returns the same one',
    )
    .argument('<rotation>', 'its id')
    .option('--wait', 'wait until the rotation ends; exit code 1 unless it succeeded')
    .action(async (id: string, options: WaitOptions) => {
      await withGateway(options, async (client) => {
        const ended = await client.getRotation(id);
        if (ended.state !== 'FAILED' && ended.state !== 'CANCELLED') throw notRetryable(ended);
        const { orgId, assistantId, reason } = ended;
        const rotation = await client
          .rotateSecretKey({ orgId, assistantId, reason, requestId: retryRequestId(id) })
          .catch(withRecovery(options, 'It may have been accepted: run the same command again.'));
        await showOrFollow(client, rotation, options);
      });
    });

type ListRotationsOptions = GatewayOptions &
  ListOptions<Rotation> & { org?: string; assistant?: string; state?: RotationState; limit: number };

export const listCommand = (): Command =>
  withColumns(withGatewayOptions(new Command('list')), rotationColumns)
    .description('list rotations, newest first')
    .option('--org <id>', 'only this org id', notEmpty)
    .option('--assistant <id>', 'only this assistant', notEmpty)
    .addOption(stateOption(rotationStates))
    .option('--limit <n>', 'list up to N', count, 50)
    .action((options: ListRotationsOptions) =>
      withGateway(options, async (client) => {
        const { org, assistant, state, limit } = options;
        const all = client.rotations({
          ...(org !== undefined && { orgId: org }),
          ...(assistant !== undefined && { assistantId: assistant }),
          pageSize: Math.min(limit, 500),
          ...(state && { state }),
        });
        await printList(options, rotationColumns, all, { empty: 'no rotations', limit });
      }),
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

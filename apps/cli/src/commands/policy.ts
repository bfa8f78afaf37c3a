import { randomUUID } from 'node:crypto';
import type { CreateRotationPolicyRequest, FailureLimit, RekeyClient, RotationPolicy } from '@rekey/client';
import { Command, InvalidArgumentError } from 'commander';
import { confirm, confirmShown } from '../confirm.ts';
import { printable } from '../output/escape.ts';
import { age, failureLimit } from '../bulk/bulk-request.ts';
import {
  print,
  withRecovery,
  withGateway,
  withGatewayOptions,
  type GatewayOptions,
} from '../gateway-command.ts';
import { idsOf } from '../bulk/ids-file.ts';
import { notEmpty } from '../option-values.ts';
import { createTable, printList, tableColumns, withColumns, type ListOptions } from '../output/list.ts';
import { policyColumns, policyJson, policyText } from '../output/policy-output.ts';

interface PolicyWish {
  org: string;
  idsFile?: string;
  every: number;
  window?: string;
  timeZone?: string;
  windowLength?: number;
  maxFailures?: FailureLimit;
  reason?: string;
}

/** The value of --every: `90d`, or `90`. */
const days = (text: string): number => {
  const [, digits] = /^(\d{1,4})d?$/.exec(text) ?? [];
  if (digits === undefined) throw new InvalidArgumentError('must be a number of days, such as 90d.');
  return Number(digits);
};

/** The request. Its ids are read from the file as the client sends them. */
const policyRequest = (wish: PolicyWish, requestId: string): CreateRotationPolicyRequest => ({
  orgId: wish.org,
  requestId,
  reason: wish.reason ?? '',
  allAssistants: wish.idsFile === undefined,
  everyDays: wish.every,
  window: {
    cron: wish.window ?? '',
    timeZone: wish.timeZone ?? '',
    ...(wish.windowLength !== undefined && { lengthMs: wish.windowLength }),
  },
  ...(wish.maxFailures && { maxFailures: wish.maxFailures }),
  ...(wish.idsFile !== undefined && { assistantIds: idsOf(wish.idsFile) }),
});

const show = (options: GatewayOptions, policy: RotationPolicy): void =>
  print(options, policyJson(policy), policyText(policy));

/** An org may have several policies, as for several ids files. Its keys are then rotated for each of them. */
const confirmFurtherPolicy = async (
  client: RekeyClient,
  { org, requestId, yes = false }: { org: string; requestId?: string; yes?: boolean },
): Promise<void> => {
  if (yes) return;
  const policies = await client.listRotationPolicies({ orgId: org });
  const others = policies.filter((policy) => requestId === undefined || policy.requestId !== requestId);
  if (others.length === 0) return;
  process.stderr.write(`${createTable(tableColumns(policyColumns), process.stderr)(others)}\n`);
  const count = others.length === 1 ? 'a policy' : `${others.length} policies`;
  await confirm(`${printable(org)} has ${count} already. Create another one beside it?`, { yes });
};

const create = (): Command =>
  withGatewayOptions(new Command('create'))
    .description(
      'rotate the keys of an org, or of some of its assistants, every N days, spread over the windows',
    )
    .requiredOption('--org <id>', 'the org id, or c for the org of the API key')
    .requiredOption('--every <days>', 'rotate each key every N days: 90d', days)
    .option(
      '--ids-file <path>',
      'the assistants in this file, one id per line; - is standard input (default: all of the org)',
    )
    .option(
      '--window <cron>',
      'when a window opens: minute, hour, day of month, month, day of week (default: 0 2 * * *)',
      notEmpty,
    )
    .option('--time-zone <name>', 'the time zone of --window, such as Europe/Berlin (default: UTC)', notEmpty)
    .option('--window-length <time>', 'how long each window stays open: 4h, 30m (default: 4h)', age)
    .option(
      '--max-failures <n|p%>',
      'in each window: halt if more than this many have failed or have an unknown outcome (default: 5%)',
      failureLimit,
    )
    .option('--reason <text>', 'why, for the record')
    .option(
      '--request-id <uuid>',
      'makes it safe to run the same command again (default: a new id)',
      notEmpty,
    )
    .option('--yes', 'do not ask if the org has a policy already')
    .action((options: GatewayOptions & PolicyWish & { requestId?: string; yes?: boolean }) =>
      withGateway(options, async (client) => {
        await confirmFurtherPolicy(client, options);
        const requestId = options.requestId ?? randomUUID();
        const policy = await client
          .createRotationPolicy(policyRequest(options, requestId))
          .catch(withRecovery(options, `It may have been accepted: repeat with --request-id ${requestId}`));
        show(options, policy);
      }),
    );

const list = (): Command =>
  withColumns(withGatewayOptions(new Command('list')), policyColumns)
    .description('list policies, newest first, and when each is due')
    .option('--org <id>', 'only this org id', notEmpty)
    .action((options: GatewayOptions & ListOptions<RotationPolicy> & { org?: string }) =>
      withGateway(options, async (client) =>
        printList(options, policyColumns, await client.listRotationPolicies({ orgId: options.org ?? '' }), {
          empty: 'no policies; to create one, see rekey policy create --help',
        }),
      ),
    );

/** Only the options that are given change something. */
type PolicyUpdate = Partial<Omit<PolicyWish, 'org' | 'idsFile'>>;

const changesOf = ({ every, window, timeZone, windowLength, maxFailures, reason }: PolicyUpdate) => ({
  ...(every !== undefined && { everyDays: every }),
  window: {
    ...(window !== undefined && { cron: window }),
    ...(timeZone !== undefined && { timeZone }),
    ...(windowLength !== undefined && { lengthMs: windowLength }),
  },
  ...(maxFailures !== undefined && { maxFailures }),
  ...(reason !== undefined && { reason }),
});

const update = (): Command =>
  withGatewayOptions(new Command('update'))
    .description('change a policy; the terms that run are kept, and so is what has no option here')
    .argument('<policy>', 'its id')
    .option('--every <days>', 'rotate each key every N days: 90d', days)
    .option(
      '--window <cron>',
      'when a window opens: minute, hour, day of month, month, day of week',
      notEmpty,
    )
    .option('--time-zone <name>', 'the time zone of --window, such as Europe/Berlin', notEmpty)
    .option('--window-length <time>', 'how long after its request a window begins assistants: 4h, 30m', age)
    .option(
      '--max-failures <n|p%>',
      'of each window: halt above this number or share of failures',
      failureLimit,
    )
    .option('--reason <text>', 'the reason, for the record')
    .action(async (id: string, options: GatewayOptions & PolicyUpdate, command: Command) => {
      const { window, ...changes } = changesOf(options);
      if (Object.keys({ ...changes, ...window }).length === 0)
        command.error('error: give an option of what to change, such as --every 30d');
      await withGateway(options, async (client) =>
        show(options, await client.updateRotationPolicy(id, { ...changes, window })),
      );
    });

const onOne = (
  name: string,
  description: string,
  act: (client: RekeyClient, id: string) => Promise<RotationPolicy>,
): Command =>
  withGatewayOptions(new Command(name))
    .description(description)
    .argument('<policy>', 'its id')
    .action((id: string, options: GatewayOptions) =>
      withGateway(options, async (client) => show(options, await act(client, id))),
    );

const remove = (): Command =>
  withGatewayOptions(new Command('delete'))
    .description('delete a policy; a bulk rotation that it has already started continues')
    .argument('<policy>', 'its id')
    .option('--yes', 'do not ask')
    .action((id: string, options: GatewayOptions & { yes?: boolean }) =>
      withGateway(options, async (client) => {
        await confirmShown(
          `Delete the policy ${printable(id)}? The terms of its keys are lost.`,
          options,
          async () => policyText(await client.getRotationPolicy(id)),
        );
        await client.deleteRotationPolicy(id);
        print(options, { id, deleted: true }, `${id} is deleted`);
      }),
    );

export const policyCommand = (): Command =>
  new Command('policy')
    .description('rotate keys on a schedule')
    .addCommand(create())
    .addCommand(list())
    .addCommand(
      onOne('get', 'show a policy, and when it is due', (client, id) => client.getRotationPolicy(id)),
    )
    .addCommand(update())
    .addCommand(
      onOne('pause', 'skip windows until it is resumed', (client, id) => client.pauseRotationPolicy(id)),
    )
    .addCommand(
      onOne('resume', 'resume with the next window', (client, id) => client.resumeRotationPolicy(id)),
    )
    .addCommand(remove());

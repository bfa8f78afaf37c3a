import { Command } from 'commander';
import { confirm } from '../confirm.ts';
import { exitCodes } from '../failure.ts';
import { print, withGateway, withGatewayOptions, type GatewayOptions } from '../gateway-command.ts';
import { notEmpty } from '../option-values.ts';
import { isAllClear, statusJson, statusText } from '../output/status-output.ts';

type StatusOptions = GatewayOptions & { check?: boolean };

export const statusCommand = (): Command =>
  withGatewayOptions(new Command('status'))
    .description('show what needs operator action, what is in progress, and totals')
    .option(
      '--check',
      'for monitoring: exit code 0 if all is clear, 1 if anything needs operator action, ' +
        '2 if the gateway or Redis is unavailable',
    )
    .action((options: StatusOptions) =>
      withGateway(options, async (client) => {
        const status = await client.getStatus();
        print(options, statusJson(status), statusText(status));
        if (options.check && !isAllClear(status)) process.exitCode = exitCodes.failed;
      }),
    );

export const freezeCommand = (): Command =>
  withGatewayOptions(new Command('freeze'))
    .description(
      'stop all rotations: workers send no request that replaces a key, and still read back unknown outcomes',
    )
    .requiredOption('--reason <text>', 'why, for other operators: rekey status shows it')
    .action((options: GatewayOptions & { reason: string }) =>
      withGateway(options, async (client) => {
        const status = await client.freeze({ reason: options.reason });
        print(options, statusJson(status), statusText(status));
      }),
    );

export const unfreezeCommand = (): Command =>
  withGatewayOptions(new Command('unfreeze'))
    .description('resume rotations after rekey freeze')
    .action((options: GatewayOptions) =>
      withGateway(options, async (client) => {
        const status = await client.unfreeze();
        print(options, statusJson(status), statusText(status));
      }),
    );

const openBudget = (): Command =>
  withGatewayOptions(new Command('open'))
    .description(
      'send requests again although Invent asked to wait (429): slowly at first, fully within a minute',
    )
    .argument('[egress]', 'the egress name of the workers (INVENT_EGRESS)', notEmpty, 'default')
    .option('--yes', 'do not ask')
    .action((egress: string, options: GatewayOptions & { yes?: boolean }) =>
      withGateway(options, async (client) => {
        const before = await client.getStatus();
        const closed = before.attention.find(
          ({ code, subject }) => code === 'BUDGET_CLOSED' && subject === egress,
        );
        if (closed) process.stderr.write(`${closed.message}\n`);
        if (closed)
          await confirm(
            `Open the budget ${egress}? If requests resume too early, Invent may refuse them for longer.`,
            options,
          );
        const status = await client.openBudget({ egress });
        print(options, statusJson(status), `The budget ${egress} is open.`);
      }),
    );

export const budgetCommand = (): Command =>
  new Command('budget')
    .description('manage the request budget that all workers behind one egress address share')
    .addCommand(openBudget());

import { Command } from 'commander';
import { confirm } from '../confirm.ts';
import { exitCodes } from '../failure.ts';
import { print, withGateway, withGatewayOptions, type GatewayOptions } from '../gateway-command.ts';
import { notEmpty } from '../option-values.ts';
import { isAllClear, statusJson, statusText } from '../output/status-output.ts';

type StatusOptions = GatewayOptions & { check?: boolean };

export const statusCommand = (): Command =>
  withGatewayOptions(new Command('status'))
    .description('show what needs an operator, what is under way, and totals')
    .option(
      '--check',
      'for monitors: end with 0 if all is clear, 1 if anything needs an operator, 2 if the gateway or Redis is away',
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
      'stop all rotations: nothing is sent that replaces a key; what is not known is still read back',
    )
    .requiredOption('--reason <text>', 'why, for those who find it frozen')
    .action((options: GatewayOptions & { reason: string }) =>
      withGateway(options, async (client) => {
        const status = await client.freeze({ reason: options.reason });
        print(options, statusJson(status), statusText(status));
      }),
    );

export const unfreezeCommand = (): Command =>
  withGatewayOptions(new Command('unfreeze'))
    .description('let rotations go on')
    .action((options: GatewayOptions) =>
      withGateway(options, async (client) => {
        const status = await client.unfreeze();
        print(options, statusJson(status), statusText(status));
      }),
    );

const openBudget = (): Command =>
  withGatewayOptions(new Command('open'))
    .description(
      'send requests again although Invent asks to wait (429): slowly at first, at the whole pace within a minute',
    )
    .argument('[egress]', 'the name of the address (INVENT_EGRESS)', notEmpty, 'default')
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
            `Open the budget ${egress}? Invent may refuse for longer if it is asked too soon.`,
            options,
          );
        const status = await client.openBudget({ egress });
        print(options, statusJson(status), `The budget ${egress} is open.`);
      }),
    );

export const budgetCommand = (): Command =>
  new Command('budget')
    .description('the request budget that all workers behind one address share')
    .addCommand(openBudget());

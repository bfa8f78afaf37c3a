import type { SystemStatus } from '@rekey/client';
import { Command } from 'commander';
import { confirm } from '../confirm.ts';
import { CliError } from '../failure.ts';
import { print, withGateway, withGatewayOptions, type GatewayOptions } from '../gateway-command.ts';
import { isoTime, table } from '../output/output.ts';
import { statusJson } from '../output/status-output.ts';

type Holdings = NonNullable<SystemStatus['ledger']>['now'];

const was = (before: Holdings, count: (held: NonNullable<Holdings>) => number): string =>
  before ? `${count(before)} before` : 'not known before';

const ledgerText = ({ id, lostTime, before, now }: NonNullable<SystemStatus['ledger']>): string =>
  table([
    ['ledger', id],
    ['lost since', isoTime(lostTime)],
    ['assistants', `${now?.assistantCount ?? 0} now, ${was(before, ({ assistantCount }) => assistantCount)}`],
    ['consumers', `${now?.consumerCount ?? 0} now, ${was(before, ({ consumerCount }) => consumerCount)}`],
    ['policies', `${now?.policyCount ?? 0} now, ${was(before, ({ policyCount }) => policyCount)}`],
  ]);

const adopt = (): Command =>
  withGatewayOptions(new Command('adopt'))
    .description(
      'accept the ledger that is in Redis in place of a lost one: ' +
        'rotations resume, and a sweep compares all assistants with Invent',
    )
    .option('--yes', 'do not ask')
    .action((options: GatewayOptions & { yes?: boolean }) =>
      withGateway(options, async (client) => {
        const { ledger } = await client.getStatus();
        if (!ledger?.lostTime)
          throw new CliError(
            'This ledger is not lost; there is nothing to adopt. ' +
              'Check that the gateway uses the intended Redis and REKEY_PREFIX.',
            'LEDGER_NOT_LOST',
          );
        process.stderr.write(
          `${ledgerText(ledger)}\n\nLost consumers and policies are not restored. ` +
            'Add them again, or restore a backup of Redis before you adopt.\n',
        );
        await confirm('Adopt this ledger?', options);
        const status = await client.adoptLedger({ ledgerId: ledger.id });
        print(
          options,
          statusJson(status),
          `The ledger ${ledger.id} is adopted. Rotations resume; a sweep compares all with Invent.`,
        );
      }),
    );

export const ledgerCommand = (): Command =>
  new Command('ledger').description('manage the ledger: the state of Rekey in Redis').addCommand(adopt());

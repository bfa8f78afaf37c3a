import { Command, Option } from 'commander';
import { confirmAcceptance } from '../accept-removals.ts';
import { concludeSweep, followSweep, showSweep } from '../follow/follow-sweep.ts';
import { seconds } from '../follow/follow.ts';
import { withRecovery, withGateway, withGatewayOptions, type GatewayOptions } from '../gateway-command.ts';
import { notEmpty } from '../option-values.ts';

interface SweepOptions extends GatewayOptions {
  acceptRemovals?: boolean;
  yes?: boolean;
  wait: boolean;
  timeout: number;
}

export const sweepCommand = (): Command =>
  withGatewayOptions(new Command('sweep'))
    .description('compare every assistant at Invent with the published versions, and publish differences')
    .argument('[org]', 'only this org id (default: all configured orgs)', notEmpty)
    .option(
      '--accept-removals',
      'for an org on hold (see rekey status): publish what it is held for, such as removals; asks first',
    )
    .option('--yes', 'with --accept-removals: do not ask')
    .addOption(new Option('--no-wait', 'do not wait until it ends').conflicts('timeout'))
    .option('--timeout <seconds>', 'how long to wait', seconds, 600)
    .action(async (orgId: string | undefined, options: SweepOptions, command: Command) => {
      const { acceptRemovals = false } = options;
      if (acceptRemovals && orgId === undefined)
        command.error('error: --accept-removals needs an org: rekey status lists the orgs on hold');
      if (options.yes && !acceptRemovals)
        command.error('error: --yes needs --accept-removals: only that option asks a question');
      await withGateway(options, async (client) => {
        if (acceptRemovals) await confirmAcceptance(client, orgId!, options);
        const sweep = await client.createSweep({ orgId: orgId ?? '', acceptRemovals });
        if (!options.wait) return showSweep(sweep, options);
        const onFailure = withRecovery(
          options,
          `It was accepted, and continues: rekey get ${sweep.id} --wait`,
        );
        concludeSweep(await followSweep(client, sweep, options.timeout).catch(onFailure), options);
      });
    });

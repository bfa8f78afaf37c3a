import { Command, Option } from 'commander';
import { confirmAcceptance } from '../accept-removals.ts';
import { concludeSweep, followSweep, showSweep } from '../follow/follow-sweep.ts';
import { seconds } from '../follow/follow.ts';
import { sayHowToGoOn, withGateway, withGatewayOptions, type GatewayOptions } from '../gateway-command.ts';
import { notEmpty } from '../option-values.ts';

interface SweepOptions extends GatewayOptions {
  acceptRemovals?: boolean;
  yes?: boolean;
  wait: boolean;
  timeout: number;
}

export const sweepCommand = (): Command =>
  withGatewayOptions(new Command('sweep'))
    .description('compare every assistant at Invent with what is published, and publish what differs')
    .argument('[org]', 'only this org id (default: all that are configured)', notEmpty)
    .option(
      '--accept-removals',
      'of an org that is held (rekey status): publish what Invent shows of it now, including removals; asks first',
    )
    .option('--yes', 'with --accept-removals: do not ask')
    .addOption(new Option('--no-wait', 'do not wait until it has ended').conflicts('timeout'))
    .option('--timeout <seconds>', 'how long to wait', seconds, 600)
    .action(async (orgId: string | undefined, options: SweepOptions, command: Command) => {
      const { acceptRemovals = false } = options;
      if (acceptRemovals && orgId === undefined)
        command.error('error: --accept-removals needs an org: rekey status names those that are held');
      if (options.yes && !acceptRemovals)
        command.error('error: --yes needs --accept-removals: nothing else is asked');
      await withGateway(options, async (client) => {
        if (acceptRemovals) await confirmAcceptance(client, orgId!, options);
        const sweep = await client.createSweep({ orgId: orgId ?? '', acceptRemovals });
        if (!options.wait) return showSweep(sweep, options);
        const goOn = sayHowToGoOn(options, `It was accepted, and continues: rekey get ${sweep.id} --wait`);
        concludeSweep(await followSweep(client, sweep, options.timeout).catch(goOn), options);
      });
    });

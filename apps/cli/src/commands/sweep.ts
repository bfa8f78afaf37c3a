import { Command, Option } from 'commander';
import { concludeSweep, followSweep, showSweep } from '../follow-sweep.ts';
import { seconds } from '../follow.ts';
import { sayHowToGoOn, withGateway, withGatewayOptions, type GatewayOptions } from '../gateway-command.ts';
import { notEmpty } from '../option-values.ts';

export const sweepCommand = (): Command =>
  withGatewayOptions(new Command('sweep'))
    .description('compare every assistant at Invent with what is published, and publish what differs')
    .argument('[org]', 'only this org id (default: all that are configured)', notEmpty)
    .addOption(new Option('--no-wait', 'do not wait until it has ended').conflicts('timeout'))
    .option('--timeout <seconds>', 'how long to wait', seconds, 600)
    .action(async (orgId: string | undefined, options: GatewayOptions & { wait: boolean; timeout: number }) => {
      await withGateway(options, async (client) => {
        const sweep = await client.createSweep({ orgId: orgId ?? '' });
        if (!options.wait) return showSweep(sweep, options);
        const goOn = sayHowToGoOn(options, `It was accepted, and goes on: rekey get ${sweep.id} --wait`);
        concludeSweep(await followSweep(client, sweep, options.timeout).catch(goOn), options);
      });
    });

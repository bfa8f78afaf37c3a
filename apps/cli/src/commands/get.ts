import { Command, Option } from 'commander';
import { printTimeline } from '../assistants/timeline-output.ts';
import { CliError } from '../failure.ts';
import { followBulk, showBulk } from '../bulk/follow-bulk.ts';
import { concludeRotation, followRotation } from '../follow/follow-rotation.ts';
import { concludeSweep, followSweep } from '../follow/follow-sweep.ts';
import { withWaitTimeout } from '../follow/follow.ts';
import { alsoUntil, withAcknowledgement } from './rotations.ts';
import { print, withGateway, withGatewayOptions, type GatewayOptions } from '../gateway-command.ts';
import {
  assistantJson,
  assistantText,
  rotationJson,
  rotationText,
  sweepJson,
  sweepText,
} from '../output/output.ts';

export const getCommand = (): Command =>
  withAcknowledgement(
    withWaitTimeout(withGatewayOptions(new Command('get')), ['wait', 'acknowledged', 'consumer'])
      .description(
        'show a rotation (rot_…), a bulk rotation (blk_…), a sweep (swp_…), ' +
          'or the current key version of an assistant (any other id)',
      )
      .argument('<id>', 'the id of a rotation, a bulk rotation, a sweep or an assistant')
      .option('--wait', 'wait until it ends; not for an assistant')
      .addOption(
        new Option('--timeline', 'show when each step of a rotation happened').conflicts([
          'wait',
          'acknowledged',
          'consumer',
        ]),
      ),
  ).action(
    async (
      id: string,
      options: GatewayOptions & {
        wait?: boolean;
        timeline?: boolean;
        timeout: number;
        acknowledged?: boolean;
        consumer?: string[];
      },
    ) => {
      const also = alsoUntil(options);
      await withGateway(options, async (client) => {
        if (id.startsWith('rot_')) {
          if (options.timeline) return printTimeline(options, await client.getRotationTimeline(id));
          const rotation = await client.getRotation(id);
          if (options.wait || also)
            return concludeRotation(
              await followRotation(client, rotation, options.timeout, also),
              options,
              also,
            );
          return print(options, rotationJson(rotation), rotationText(rotation));
        }
        if (options.timeline)
          throw new CliError(
            '--timeline needs the id of a rotation: it begins with rot_. For an assistant: rekey history',
            'INVALID_ARGUMENT',
          );
        if (also)
          throw new CliError(
            '--acknowledged and --consumer need the id of a rotation: it begins with rot_.',
            'INVALID_ARGUMENT',
          );
        if (id.startsWith('blk_')) {
          if (options.wait) return followBulk(client, id, options);
          return showBulk(options, await client.getBulkRotation(id));
        }
        if (id.startsWith('swp_')) {
          const sweep = await client.getSweep(id);
          if (options.wait) return concludeSweep(await followSweep(client, sweep, options.timeout), options);
          return print(options, sweepJson(sweep), sweepText(sweep));
        }
        if (options.wait)
          throw new CliError(
            '--wait needs an id that begins with rot_, blk_ or swp_. For an assistant, leave --wait out.',
            'INVALID_ARGUMENT',
          );
        const assistant = await client.getAssistant(id);
        print(options, assistantJson(assistant), assistantText(assistant));
      });
    },
  );

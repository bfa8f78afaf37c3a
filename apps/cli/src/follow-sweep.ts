import { setTimeout as sleep } from 'node:timers/promises';
import type { GatewayClient, ProtoSweep } from '@rekey/rpc';
import { exitCodes } from './failure.ts';
import { conclude, follow } from './follow.ts';
import { print } from './gateway-command.ts';
import { sweepJson, sweepText } from './output.ts';

const ASK_EVERY_MS = 1000;

const ended = ({ state }: ProtoSweep): boolean => state === 'SUCCEEDED' || state === 'FAILED';

export const followSweep = (
  client: GatewayClient,
  sweep: ProtoSweep,
  timeoutSeconds: number,
): Promise<ProtoSweep> =>
  follow(
    sweep,
    {
      isEnded: ended,
      progress: ({ id, state, counts }) => `${id} ${state}, ${counts?.compared ?? 0} compared`,
      isIdle: (now) => now.noLiveWorker,
      next: async ({ id }, withinMs) => {
        await sleep(Math.min(ASK_EVERY_MS, withinMs));
        return client.getSweep({ id });
      },
    },
    timeoutSeconds,
  );

/** Shows a sweep that is not waited for. */
export const showSweep = (sweep: ProtoSweep, options: { json?: boolean }): void => {
  print(options, sweepJson(sweep), sweepText(sweep));
  if (sweep.state === 'FAILED') process.exitCode = exitCodes.failed;
};

export const concludeSweep = (sweep: ProtoSweep, options: { json?: boolean; timeout: number }): void =>
  conclude(options, {
    json: sweepJson(sweep),
    text: sweepText(sweep),
    ended: ended(sweep),
    succeeded: sweep.state === 'SUCCEEDED',
    goOn: `rekey get ${sweep.id} --wait`,
    idle: sweep.noLiveWorker,
  });

import { setTimeout as sleep } from 'node:timers/promises';
import type { RekeyClient, Sweep } from '@rekey/client';
import { exitCodes } from '../failure.ts';
import { conclude, follow } from './follow.ts';
import { print, type OutputOptions } from '../output/format.ts';
import { sweepJson, sweepText } from '../output/output.ts';

const ASK_EVERY_MS = 1000;

const ended = ({ state }: Sweep): boolean => state === 'SUCCEEDED' || state === 'FAILED';

export const followSweep = (client: RekeyClient, sweep: Sweep, timeoutSeconds: number): Promise<Sweep> =>
  follow(
    sweep,
    {
      isEnded: ended,
      progress: ({ id, state, counts }) => `${id} ${state}, ${counts?.compared ?? 0} compared`,
      isIdle: (now) => now.noLiveWorker ?? false,
      next: async ({ id }, withinMs) => {
        await sleep(Math.min(ASK_EVERY_MS, withinMs));
        return client.getSweep(id);
      },
    },
    timeoutSeconds,
  );

/** Shows a sweep without waiting. */
export const showSweep = (sweep: Sweep, options: OutputOptions): void => {
  print(options, sweepJson(sweep), sweepText(sweep));
  if (sweep.state === 'FAILED') process.exitCode = exitCodes.failed;
};

export const concludeSweep = (sweep: Sweep, options: OutputOptions & { timeout: number }): void =>
  conclude(options, {
    json: sweepJson(sweep),
    text: sweepText(sweep),
    ended: ended(sweep),
    succeeded: sweep.state === 'SUCCEEDED',
    waitAgain: `rekey get ${sweep.id} --wait`,
    idle: sweep.noLiveWorker ?? false,
  });

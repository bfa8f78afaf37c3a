import { setTimeout as sleep } from 'node:timers/promises';
import type { RekeyClient } from '@rekey/client';
import { exitCodes } from '../failure.ts';

const AGAIN_MS = 300;
const WITHIN_MS = 10_000;

/**
 * Waits until every live worker has verified this revision of the registry; 10 s at most.
 * Returns the workers that have not.
 */
export const untilProved = async (
  client: Pick<RekeyClient, 'getRegistry'>,
  registryRev: number,
  { withinMs = WITHIN_MS }: { withinMs?: number } = {},
): Promise<string[]> => {
  const deadlineMs = performance.now() + withinMs;
  for (;;) {
    const { laggingWorkers } = await client.getRegistry({ registryRev });
    if (laggingWorkers.length === 0 || performance.now() > deadlineMs) return laggingWorkers;
    await sleep(AGAIN_MS);
  }
};

/** Names the workers that may still seal for the earlier recipients, and sets the exit code. */
export const reportLagging = (registryRev: number, lagging: readonly string[]): void => {
  if (lagging.length === 0) return;
  process.stderr.write(
    `Not verified by ${lagging.join(', ')}: until then, it may seal keys for the earlier recipients. ` +
      `The change is stored (rev ${registryRev}). ` +
      'See rekey status, and restart a worker that stays behind.\n',
  );
  process.exitCode = exitCodes.notEnded;
};

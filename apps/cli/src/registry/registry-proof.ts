import { setTimeout as sleep } from 'node:timers/promises';
import type { RekeyClient } from '@rekey/client';
import { exitCodes } from '../failure.ts';

const AGAIN_MS = 300;
const WITHIN_MS = 10_000;

/** Which live workers have proved that they have read a revision of the registry, and which have not. */
interface RegistryProof {
  provedBy: string[];
  lagging: string[];
}

const isProved = ({ provedBy, lagging }: RegistryProof, least: number): boolean =>
  lagging.length === 0 && provedBy.length >= least;

/**
 * Waits until every live worker has verified this revision of the registry, and `least` of them have; 10 s at
 * most. Redis says which workers live: that none does shows nothing.
 */
export const untilProved = async (
  client: Pick<RekeyClient, 'getRegistry'>,
  registryRev: number,
  { withinMs = WITHIN_MS, least = 1 }: { withinMs?: number; least?: number } = {},
): Promise<RegistryProof> => {
  const deadlineMs = performance.now() + withinMs;
  for (;;) {
    const { laggingWorkers: lagging, workers: provedBy } = await client.getRegistry({ registryRev });
    const proof = { provedBy, lagging };
    if (isProved(proof, least) || performance.now() > deadlineMs) return proof;
    await sleep(AGAIN_MS);
  }
};

/** For the output as JSON. */
export const proofJson = ({ provedBy, lagging }: RegistryProof) => ({
  proved_by: provedBy,
  lagging_workers: lagging,
});

/** Names the workers that may still seal for the earlier recipients, and sets the exit code. */
export const reportLagging = (registryRev: number, proof: RegistryProof): void => {
  if (isProved(proof, 1)) return;
  const who =
    proof.lagging.length > 0
      ? `Not verified by ${proof.lagging.join(', ')}: until then, it may seal keys for earlier recipients. `
      : 'No worker has verified it: one that runs may seal keys for earlier recipients. ';
  process.stderr.write(
    `${who}The change is stored (rev ${registryRev}). ` +
      'See rekey status, and restart a worker that stays behind.\n',
  );
  process.exitCode = exitCodes.notEnded;
};

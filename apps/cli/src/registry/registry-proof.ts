import { setTimeout as sleep } from 'node:timers/promises';
import type { RekeyClient } from '@rekey/client';
import { exitCodes } from '../failure.ts';

const AGAIN_MS = 300;
const WITHIN_MS = 10_000;

/** Which live workers have proved that they have read a revision of the registry, and which have not. */
interface RegistryProof {
  provedBy: string[];
  lagging: string[];
  /** Those whose lease has ended while they were waited for: they may have died, or may hang. */
  lapsed: string[];
  /** Those whose lease had ended before. */
  silent: string[];
}

const isProved = ({ provedBy, lagging }: Pick<RegistryProof, 'provedBy' | 'lagging'>, least: number) =>
  lagging.length === 0 && provedBy.length >= least;

/**
 * Waits until every live worker has verified this revision of the registry, and `least` of them have; 10 s at
 * most. Redis says which workers live: that none does shows nothing. The lease of a worker that hangs may end
 * within that time: that verifies nothing.
 */
export const untilProved = async (
  client: Pick<RekeyClient, 'getRegistry'>,
  registryRev: number,
  { withinMs = WITHIN_MS, least = 1 }: { withinMs?: number; least?: number } = {},
): Promise<RegistryProof> => {
  const deadlineMs = performance.now() + withinMs;
  const waitedFor = new Set<string>();
  for (;;) {
    const registry = await client.getRegistry({ registryRev });
    const { laggingWorkers: lagging, workers: provedBy, silentWorkers } = registry;
    for (const id of lagging) waitedFor.add(id);
    const proof = {
      provedBy,
      lagging,
      lapsed: silentWorkers.filter((id) => waitedFor.has(id)),
      silent: silentWorkers.filter((id) => !waitedFor.has(id)),
    };
    if (isProved(proof, least) || performance.now() > deadlineMs) return proof;
    await sleep(AGAIN_MS);
  }
};

/** For the output as JSON. */
export const proofJson = ({ provedBy, lagging, lapsed, silent }: RegistryProof) => ({
  proved_by: provedBy,
  lagging_workers: lagging,
  silent_workers: [...lapsed, ...silent],
});

const missingText = ({ lagging, lapsed, provedBy }: RegistryProof): string[] => [
  ...(lagging.length > 0 ? [`Not verified by ${lagging.join(', ')}.`] : []),
  ...(lapsed.length > 0
    ? [`${lapsed.join(', ')} stopped reporting before verifying it: dead, or hanging.`]
    : []),
  ...(lagging.length + lapsed.length + provedBy.length === 0 ? ['No worker has verified it.'] : []),
];

/**
 * Names the workers that may still seal for the earlier recipients, and sets the exit code. One whose lease
 * had ended before is only named.
 */
export const reportLagging = (registryRev: number, proof: RegistryProof): void => {
  if (proof.silent.length > 0)
    process.stderr.write(
      `${proof.silent.join(', ')} had stopped reporting before the change, and has not verified it. ` +
        'If it hangs, end it.\n',
    );
  if (isProved(proof, 1) && proof.lapsed.length === 0) return;
  process.stderr.write(
    `${missingText(proof).join(' ')} Until a worker verifies it, that worker may seal keys for earlier ` +
      `recipients. The change is stored (rev ${registryRev}). ` +
      'See rekey status, and restart a worker that stays behind.\n',
  );
  process.exitCode = exitCodes.notEnded;
};

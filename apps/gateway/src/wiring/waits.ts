import type { Shutdown } from '@rekey/runtime';
import { createBulkWatches } from '../bulks/bulk-watches.ts';
import { createAcknowledgements } from '../consumers/acknowledgements.ts';
import { createWorkerLiveness } from '../health/worker-liveness.ts';
import { createRotationWaiters } from '../rotations/rotation-waiters.ts';
import type { LedgerParts } from './ledger.ts';
import type { RedisParts } from './redis.ts';

/**
 * What calls wait on. `closeOnShutdown` ends every wait; it is deferred after the server, and so runs before.
 */
export const createWaits = (
  { ledger, processes, bulks, registry, consumers, positions, positionsRead }: LedgerParts,
  { subscriber }: RedisParts,
) => {
  const liveness = createWorkerLiveness(processes);
  const bulkWatches = createBulkWatches({ bulks, liveness });
  const acknowledgements = createAcknowledgements({ registry, consumers, positions, positionsRead });
  const waiters = createRotationWaiters({ ledger, subscriber });
  waiters.start();
  return {
    liveness,
    bulkWatches,
    acknowledgements,
    waiters,
    waiting: () => waiters.count() + acknowledgements.waiting(),
    closeOnShutdown: (shutdown: Shutdown): void => {
      shutdown.defer('waiters', () => waiters.close());
      shutdown.defer('acknowledgements', () => acknowledgements.close());
      shutdown.defer('bulk watches', () => bulkWatches.close());
    },
  };
};

import { connectEvents, createActivityFeed } from '@rekey/ledger';
import type { Logger, Shutdown } from '@rekey/runtime';
import { createBulkWatches } from '../bulks/bulk-watches.ts';
import { createAcknowledgements } from '../consumers/acknowledgements.ts';
import { createConsumerViews } from '../events/consumer-views.ts';
import { createEventHub } from '../events/event-hub.ts';
import { createWorkerLiveness } from '../health/worker-liveness.ts';
import { createRotationWaiters } from '../rotations/rotation-waiters.ts';
import type { GatewayEnvironment } from '../config.ts';
import type { LedgerParts } from './ledger.ts';
import type { RedisParts } from './redis.ts';

/**
 * What calls wait on. `closeOnShutdown` ends every wait; it is deferred after the server, and so runs before.
 */
export const createWaits = (
  { ledger, events, processes, bulks, registry, consumers, positions, positionsRead }: LedgerParts,
  { connections, redis, subscriber }: RedisParts,
  config: Pick<GatewayEnvironment, 'REKEY_PREFIX'>,
  logger: Logger,
) => {
  const liveness = createWorkerLiveness(processes);
  const bulkWatches = createBulkWatches({ bulks, liveness });
  const activityFeed = createActivityFeed({
    redis,
    prefix: config.REKEY_PREFIX,
    connect: () => connections.connect({ onDisconnect: 'retry', name: 'gateway-activity' }),
    onError: (err) => logger.event('gateway_activity_unreadable', { err }),
  });
  const consumerViews = createConsumerViews(registry, events);
  const eventHub = createEventHub({
    views: consumerViews,
    readAfter: events.after,
    follow: () => {
      const blocking = connections.connect({ onDisconnect: 'retry', name: 'gateway-events' });
      return {
        ...connectEvents(blocking, config.REKEY_PREFIX),
        disconnect: () => blocking.disconnect(),
      };
    },
    onError: (err) => logger.event('gateway_events_unreadable', { err }),
  });
  const acknowledgements = createAcknowledgements({ registry, consumers, positions, positionsRead });
  const waiters = createRotationWaiters({ ledger, subscriber });
  waiters.start();
  return {
    liveness,
    activityFeed,
    consumerViews,
    eventHub,
    bulkWatches,
    acknowledgements,
    waiters,
    waiting: () => waiters.count() + acknowledgements.waiting(),
    closeOnShutdown: (shutdown: Shutdown): void => {
      shutdown.defer('waiters', () => waiters.close());
      shutdown.defer('acknowledgements', () => acknowledgements.close());
      shutdown.defer('activity feed', () => activityFeed.close());
      shutdown.defer('event hub', () => eventHub.close());
      shutdown.defer('bulk watches', () => bulkWatches.close());
    },
  };
};

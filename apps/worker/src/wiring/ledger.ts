import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  LOOK_AT_LEDGER_EVERY_MS,
  createConsumerPositions,
  createLedgerClock,
  openLedger,
  readRegistered,
  type BudgetOptions,
  type Ledger,
  type LedgerClock,
} from '@rekey/ledger';
import { STOP_POSTING_AT, watchMemory, type MemoryWatch, type RedisConnections } from '@rekey/runtime';
import { RekeyError } from '@rekey/schema';
import { createAcknowledgementVerifier, createArchiveReportReader, type Sealer } from '@rekey/sealing';
import type { Redis } from 'ioredis';
import { createEventRetention } from '../consumers/event-retention.ts';
import { collectRefusedAcknowledgements } from '../consumers/refused-acknowledgements.ts';
import { reportClock } from '../upkeep/clock-watch.ts';
import { reportRegistry } from '../upkeep/report-registry.ts';
import type { Base } from './base.ts';

export type Stores = ReturnType<typeof createStores>;

/** The ledger, and what follows how far consumers are. */
export const createStores = (
  { config, logger, shutdown }: Base,
  { redis, connections }: { redis: Redis; connections: RedisConnections },
  { registryKey, publicJwk }: Pick<Sealer, 'registryKey' | 'publicJwk'>,
) => {
  const prefix = config.REKEY_PREFIX;
  const retention = createEventRetention(config.REKEY_KEEP_EVENTS);
  const limit: BudgetOptions = {
    egress: config.INVENT_EGRESS,
    requestsPerMinute: config.INVENT_REQUESTS_PER_MINUTE,
  };
  const blocking = connections.connect({ onDisconnect: 'retry', name: 'worker-positions' });
  const subscriber = connections.connect({ onDisconnect: 'retry', name: 'worker-subscriber' });
  shutdown.defer('subscriber', () => subscriber.disconnect());
  let markRead = () => {};
  const read = new Promise<void>((resolve) => (markRead = resolve));
  const ledger = openLedger(redis, {
    prefix,
    keepEvents: retention.keepEvents,
    budget: limit,
    confirmAfterMs: config.REKEY_CONFIRM_AFTER_MS,
    maxChangedPercent: config.REKEY_MAX_CHANGED_PERCENT,
    positions: read.then(() => positions),
    readArchiveReport: createArchiveReportReader(publicJwk),
    registry: {
      key: registryKey,
      memoryPath: config.REKEY_REGISTRY_MEMORY,
      minRev: config.REKEY_REGISTRY_MIN_REV,
      report: reportRegistry(logger),
    },
  });
  const refusedAcknowledgements = collectRefusedAcknowledgements();
  const positions = createConsumerPositions({
    blocking,
    prefix,
    registered: readRegistered(ledger.registry),
    verify: createAcknowledgementVerifier(),
    onError: (err) => logger.event('consumer_positions_unreadable', { err }),
    onRefused: refusedAcknowledgements.add,
  });
  shutdown.defer('positions', () => positions.close());
  const followPositions = (): void => void positions.start().then(markRead);
  return {
    prefix,
    limit,
    retention,
    ledger,
    positions,
    refusedAcknowledgements,
    blocking,
    subscriber,
    followPositions,
  };
};

/**
 * Recognises the ledger, and follows the clock and the memory of its Redis. Whether the key file is that of
 * the ledger, `joinRegistry` finds out.
 */
export const joinLedger = async (
  { config, timing, logger, shutdown }: Base,
  redis: Redis,
  { ledger, prefix, blocking, followPositions }: Stores,
  sealer: Sealer,
): Promise<{ clock: LedgerClock; memory: MemoryWatch }> => {
  const began = await recognise(ledger, { config, logger }, sealer);
  const clock = createLedgerClock({
    redis,
    prefix,
    name: `${hostname()}:${process.pid}`,
    ...timing.clock,
    onChange: reportClock(logger),
  });
  clock.watch(blocking);
  await clock.look();
  followPositions();
  shutdown.defer(
    'ledger clock',
    clock.start((err) => logger.event('clock_unreadable', { err })),
  );
  // A process that knew another ledger, which vanished a moment ago, marks this one as lost within that time.
  // Until then nothing begins in it.
  if (began) await sleep(2 * LOOK_AT_LEDGER_EVERY_MS);
  const memory = watchMemory(redis, {
    threshold: STOP_POSTING_AT,
    logger,
    consequence: 'no rotate request leaves, and operations in flight finish',
  });
  shutdown.defer('memory', () => memory.close());
  return { clock, memory };
};

/**
 * Recognises the ledger; returns whether it is new. Another client can have put another type there: only a
 * backup repairs that, and until then the worker waits, as a running one does.
 */
const recognise = async (
  ledger: Pick<Ledger, 'system'>,
  { config, logger }: Pick<Base, 'config' | 'logger'>,
  sealer: Pick<Sealer, 'fingerprintKeyId'>,
): Promise<boolean> => {
  let isNoted = false;
  for (;;) {
    try {
      const { began } = await ledger.system.recognise({
        fingerprintKeyId: sealer.fingerprintKeyId,
        mayBegin: config.REKEY_ALLOW_NEW_LEDGER,
      });
      return began;
    } catch (err) {
      if (!(err instanceof RekeyError) || err.code !== 'LEDGER_CORRUPT') throw err;
      if (!isNoted) logger.event('ledger_damaged', { err, code: 'LEDGER_DAMAGED' });
      isNoted = true;
      await sleep(LOOK_AT_LEDGER_EVERY_MS);
    }
  }
};

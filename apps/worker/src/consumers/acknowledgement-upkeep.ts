import type { ConsumerPositions, Consumers, SeenConsumer } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import { acknowledgementKeyOf, parseSharedKeys, type Sealer } from '@rekey/sealing';
import type { Meter } from '../metrics/meter.ts';
import type { RefusedAcknowledgements } from './refused-acknowledgements.ts';

interface UpkeepOptions {
  consumers: Pick<Consumers, 'list' | 'write' | 'trimAcknowledgements'>;
  positions: Pick<ConsumerPositions, 'newlyProved'>;
  sealer: Pick<Sealer, 'openOwn'>;
  refused: Pick<RefusedAcknowledgements, 'take'>;
  meter: Pick<Meter, 'refusedAcknowledgements'>;
  logger: Logger;
  /** By a clock that does not jump. */
  nowMs?: () => number;
}

const LOG_EVERY_MS = 60_000;
/** Twice the number of consumers. */
const MAX_KNOWN = 200;

/**
 * One round: trims the streams of acknowledgements, notes in the entries of consumers what verifies their
 * acknowledgements and that they sign them, and reports those that were refused (decision 0023). Several
 * workers may do this at once.
 */
export const keepAcknowledgements = (options: UpkeepOptions): (() => Promise<void>) => {
  const { consumers } = options;
  const report = createReport(options);
  const ackKeyOf = readAckKeys(options.sealer);
  return async () => {
    report();
    const { consumers: seen } = await consumers.list();
    await consumers.trimAcknowledgements(seen.map(({ consumer }) => consumer.name));
    const proved = new Set(options.positions.newlyProved());
    for (const before of seen)
      await noteIn(options, before, await ackKeyOf(before), proved.has(before.consumer.name));
  };
};

/** Corrects the entry of a consumer: one that was granted by an earlier worker has no `ack_key`. */
const noteIn = async (
  { consumers, logger }: UpkeepOptions,
  before: SeenConsumer,
  ackKey: string | undefined,
  hasProved: boolean,
): Promise<void> => {
  const { consumer, storedOrgs } = before;
  // Without the keys of its grant, no worker knows what is right.
  if (ackKey === undefined || (ackKey === consumer.ack_key && !hasProved)) return;
  // While an org has two names, the entry keeps both.
  const after = { ...consumer, orgs: storedOrgs, ack_key: ackKey, ...(hasProved && { proves: true }) };
  if ((await consumers.write(consumer.name, before, after)) && hasProved)
    logger.event('consumer_proves_acknowledgements', { consumer: consumer.name });
};

/** What verifies the acknowledgements of consumers, from the keys of their grants: derived once an entry. */
const readAckKeys = (sealer: UpkeepOptions['sealer']) => {
  let known = new Map<string, string | undefined>();
  const derive = async ({ consumer: { kept } }: SeenConsumer): Promise<string | undefined> => {
    if (kept === undefined) return undefined;
    try {
      return acknowledgementKeyOf(parseSharedKeys(await sealer.openOwn(kept, 'kept')));
    } catch {
      // The log has `consumer_keys_unreadable`: nothing is sealed for it either.
      return undefined;
    }
  };
  return async (seen: SeenConsumer): Promise<string | undefined> => {
    if (!known.has(seen.text)) {
      if (known.size >= MAX_KNOWN) known = new Map();
      known.set(seen.text, await derive(seen));
    }
    return known.get(seen.text);
  };
};

/**
 * Counts refused acknowledgements, and logs them at most once a minute. A consumer that gets a new grant
 * reports with its earlier grant for a moment: that is logged only if it continues.
 */
const createReport = ({
  refused,
  meter,
  logger,
  nowMs = () => performance.now(),
}: UpkeepOptions): (() => void) => {
  const unlogged = new Map<string, number>();
  let loggedMs = -Infinity;
  let otherGrant = { sinceMs: -Infinity, lastMs: -Infinity };
  const isLogged = (why: string): boolean => {
    if (why !== 'other-grant') return true;
    const isNew = nowMs() - otherGrant.lastMs > LOG_EVERY_MS;
    otherGrant = { sinceMs: isNew ? nowMs() : otherGrant.sinceMs, lastMs: nowMs() };
    return nowMs() - otherGrant.sinceMs > LOG_EVERY_MS;
  };
  return () => {
    for (const [why, count] of refused.take()) {
      meter.refusedAcknowledgements(why, count);
      if (isLogged(why)) unlogged.set(why, (unlogged.get(why) ?? 0) + count);
    }
    if (unlogged.size === 0 || nowMs() - loggedMs < LOG_EVERY_MS) return;
    logger.event('acknowledgements_refused', { counts: Object.fromEntries(unlogged) });
    loggedMs = nowMs();
    unlogged.clear();
  };
};

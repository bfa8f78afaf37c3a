import { randomUUID } from 'node:crypto';
import type { Ledger, SeenConsumer } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import type { Consumer } from '@rekey/schema';
import {
  acknowledgementKeyOf,
  generateSharedKeys,
  parseConsumerKey,
  parseSharedKeys,
  sealGrant,
  type Sealer,
} from '@rekey/sealing';
import type { Meter } from '../metrics/meter.ts';
import type { Recipients } from '../publishing/recipients.ts';
import { every } from '../shared/every.ts';
import { LOCK_MS, Interrupted, resealAll } from './reseal.ts';

interface EnrolmentDeps {
  ledger: Pick<Ledger, 'assistants' | 'consumers' | 'orgs' | 'registry' | 'system'>;
  sealer: Sealer;
  recipients: Recipients;
  logger: Logger;
  meter: Pick<Meter, 'misplaced'>;
  /** How many runs of Redis this process has met. A new one may lack what was sealed last. */
  redisRuns: () => number;
  /** Aborts when the process stops. */
  stopping: AbortSignal;
}

const POLL_EVERY_MS = 500;

/**
 * If the revision of the recipients rises, and this process trusts nobody else than before, another client
 * has raised it: records are looked through no more often than this.
 */
const PASS_AGAIN_MS = 300_000;

/**
 * For how long records are not resealed while this process cannot believe the entry of a consumer. Another
 * process that holds its true text puts it back within that time: otherwise the consumer would lose what it
 * may read.
 */
const WAITS_FOR_LOST_MS = 10_000;

export const startEnrolment = (deps: EnrolmentDeps): { close(): Promise<void> } => {
  const token = randomUUID();
  const rounds = every(POLL_EVERY_MS, enrolConsumers(deps, token), (err) =>
    deps.logger.event('enrolment_failed', { err }),
  );
  return {
    close: async () => {
      await rounds.close();
      // If that fails, the lock lapses.
      await deps.ledger.consumers.unlockResealing(token).catch(() => {});
    },
  };
};

/**
 * Makes one round. It grants keys to added consumers and seals published records for them. It seals published
 * records again without removed consumers. Several workers may do this at once. Only what the registry proves
 * is granted, and sealed for.
 */
export const enrolConsumers = (deps: EnrolmentDeps, token: string = randomUUID()): (() => Promise<void>) => {
  const { recipients, logger, redisRuns } = deps;
  const { consumers } = deps.ledger;
  let granted = -1;
  let runs = redisRuns();
  /** What was believed at the last pass, and when it ended. */
  let passed = { version: -1, at: -Infinity };
  /** What was believed when no consumer waited to be enrolled. */
  let settled = -1;

  const settle = async (version: number): Promise<boolean> => {
    const isSettled = !(await consumers.list()).consumers.some(isEnrolling);
    if (isSettled) settled = version;
    return isSettled;
  };

  return async () => {
    if (runs !== redisRuns()) {
      runs = redisRuns();
      passed = { version: -1, at: -Infinity };
    }
    let revisions = await consumers.revisions();
    if (revisions.consumers !== granted) {
      await grantPending(deps);
      await recipients.refresh();
      granted = revisions.consumers;
      revisions = await consumers.revisions();
    }
    const { consumers: version, recipients: wanted, resealed: done } = revisions;
    // What Redis says is resealed is another client's word, too: a consumer that waits is no less due.
    const isNew = version !== passed.version && version !== settled;
    if (wanted === done && (!isNew || (await settle(version)))) return;
    const isDue = version !== passed.version || performance.now() - passed.at > PASS_AGAIN_MS;
    if (!isDue || isRepairDue(deps.ledger) || !(await consumers.lockResealing(token, LOCK_MS))) return;
    await recipients.refresh();
    try {
      const { count, isWhole } = await resealAll(deps, token);
      passed = { version, at: performance.now() };
      const after = await consumers.revisions();
      // If this process believes others by now, the next round seals for those.
      if (after.consumers !== version) return;
      await finishEnrolling(deps);
      // A revision that rises without a change of consumers is another client's: it holds up nobody. What was
      // left out is looked at again with the next pass.
      if (isWhole && after.recipients === wanted) await consumers.noteResealed(wanted);
      logger.event('records_resealed', { ...count });
    } catch (err) {
      if (!(err instanceof Interrupted)) throw err;
    } finally {
      // If that fails, the lock lapses.
      await consumers.unlockResealing(token).catch(() => {});
    }
  };
};

const isEnrolling = ({ consumer }: SeenConsumer): boolean => consumer.state === 'ENROLLING';

const isRepairDue = ({ registry }: Pick<Ledger, 'registry'>): boolean =>
  registry
    .problems()
    .some(({ code, sinceMs }) => code === 'CONSUMER_LOST' && Date.now() - sinceMs < WAITS_FOR_LOST_MS);

const grantPending = async (deps: EnrolmentDeps): Promise<void> => {
  const { consumers: seen, unreadable } = await deps.ledger.consumers.list();
  if (unreadable.length > 0) deps.logger.event('consumer_entries_unreadable', { consumers: unreadable });
  for (const before of seen.filter(({ consumer }) => consumer.state === 'PENDING')) {
    try {
      await grant(deps, before);
    } catch (err) {
      deps.logger.event('consumer_grant_failed', { err, consumer: before.consumer.name });
    }
  }
};

/**
 * While an org has two names, the entry keeps both, and one that names it `c` gets both: records may be
 * published under either until all are renamed, and the worker that renames them removes `c`.
 */
const orgsOf = ({ consumer, storedOrgs }: SeenConsumer): string[] =>
  [...new Set([...storedOrgs, ...consumer.orgs])].toSorted();

const grant = async ({ ledger, sealer, logger }: EnrolmentDeps, before: SeenConsumer): Promise<void> => {
  const { consumer } = before;
  const jwk: unknown =
    consumer.shared_key === undefined
      ? consumer.key
      : JSON.parse(await sealer.openOwn(consumer.shared_key, 'shared-key'));
  const to = await parseConsumerKey(jwk);
  if (consumer.key.kid !== '' && consumer.key.kid !== to.kid)
    throw new Error('the key of the consumer is not the one that its kid names');
  const granted = async (rev: number): Promise<Consumer> => {
    const sharedKeys = await generateSharedKeys();
    const claims = {
      consumer: consumer.name,
      sharedKeys,
      to,
      signer: sealer.signer,
      nowMs: await ledger.system.nowMs(),
      revision: rev,
    };
    const keys = parseSharedKeys(sharedKeys);
    return {
      ...consumer,
      orgs: orgsOf(before),
      key: { ...consumer.key, kid: to.kid },
      state: 'ENROLLING',
      grant: await sealGrant(claims),
      grant_kid: keys.kid,
      kept: JSON.parse(sealer.sealOwn(sharedKeys, 'kept')) as Consumer['kept'],
      ack_key: acknowledgementKeyOf(keys),
    };
  };
  if (await ledger.consumers.write(consumer.name, before, granted, { reseals: true }))
    logger.event('consumer_granted', { consumer: consumer.name, orgs: consumer.orgs });
};

const finishEnrolling = async ({ ledger: { consumers }, logger }: EnrolmentDeps): Promise<void> => {
  for (const before of (await consumers.list()).consumers) {
    const { consumer } = before;
    if (consumer.state !== 'ENROLLING') continue;
    const after: Consumer = { ...consumer, orgs: orgsOf(before), state: 'ACTIVE' };
    if (await consumers.write(consumer.name, before, after, { emit: 'ACTIVE' }))
      logger.event('consumer_active', { consumer: consumer.name });
  }
};

import { randomUUID } from 'node:crypto';
import type { Ledger, Resealed, SeenConsumer } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import { KeyEvent, type Consumer } from '@rekey/schema';
import {
  acknowledgementKeyOf,
  generateSharedKeys,
  openRecord,
  parseConsumerKey,
  parseSharedKeys,
  sealGrant,
  type Sealer,
} from '@rekey/sealing';
import type { Recipients } from '../publishing/recipients.ts';
import { every } from '../shared/every.ts';

interface EnrolmentDeps {
  ledger: Pick<Ledger, 'assistants' | 'consumers' | 'orgs' | 'system'>;
  sealer: Sealer;
  recipients: Recipients;
  logger: Logger;
  /** Aborts when the process stops. */
  stopping: AbortSignal;
}

const LOCK_MS = 30_000;
const POLL_EVERY_MS = 500;

export const startEnrolment = (deps: EnrolmentDeps): { close(): Promise<void> } =>
  every(POLL_EVERY_MS, enrolConsumers(deps), (err) => deps.logger.event('enrolment_failed', { err }));

/**
 * Makes one round. It grants keys to added consumers and seals published records for them. It seals published
 * records again without removed consumers. Several workers may do this at once.
 */
export const enrolConsumers = (deps: EnrolmentDeps): (() => Promise<void>) => {
  const { recipients, logger } = deps;
  const { consumers } = deps.ledger;
  const token = randomUUID();
  let seenRevision = -1;

  return async () => {
    let revisions = await consumers.revisions();
    if (revisions.consumers !== seenRevision) {
      await grantPending(deps);
      await recipients.refresh();
      seenRevision = revisions.consumers;
      revisions = await consumers.revisions();
    }
    const { recipients: wanted, resealed: done } = revisions;
    if (wanted === done || !(await consumers.lockResealing(token, LOCK_MS))) return;
    await recipients.refresh();
    try {
      const count = await resealAll(deps, token);
      // If the recipients have changed again, the next round seals for those.
      if ((await consumers.revisions()).recipients !== wanted) return;
      await finishEnrolling(deps);
      await consumers.noteResealed(wanted);
      logger.event('records_resealed', { ...count });
    } catch (err) {
      if (!(err instanceof Interrupted)) throw err;
    }
  };
};

/** This process stops, or another one does the work. */
class Interrupted extends Error {}

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

const grant = async ({ ledger, sealer, logger }: EnrolmentDeps, before: SeenConsumer): Promise<void> => {
  const { consumer } = before;
  const jwk: unknown =
    consumer.shared_key === undefined ? consumer.key : JSON.parse(await sealer.open(consumer.shared_key));
  const sharedKeys = await generateSharedKeys();
  const to = await parseConsumerKey(jwk);
  const sealedGrant = await sealGrant({
    consumer: consumer.name,
    sharedKeys,
    to,
    signer: sealer.signer,
    nowMs: await ledger.system.nowMs(),
  });
  const after: Consumer = {
    ...consumer,
    key: { ...consumer.key, kid: to.kid },
    state: 'ENROLLING',
    grant: sealedGrant,
    kept: JSON.parse(sealer.seal(sharedKeys)) as Consumer['kept'],
    ack_key: acknowledgementKeyOf(parseSharedKeys(sharedKeys)),
  };
  if (await ledger.consumers.write(consumer.name, before, after, { reseals: true }))
    logger.event('consumer_granted', { consumer: consumer.name, orgs: consumer.orgs });
};

/** Seals all published records and uncertainty notices for the current recipients. */
const resealAll = async (
  deps: EnrolmentDeps,
  token: string,
): Promise<{ looked: number; replaced: number }> => {
  const { ledger, stopping } = deps;
  const { consumers } = ledger;
  const count = { looked: 0, replaced: 0 };
  const take = async (events: { assistantId: string; event: string | null }[], uncertain: boolean) => {
    if (stopping.aborted || !(await consumers.lockResealing(token, LOCK_MS))) throw new Interrupted();
    count.looked += events.length;
    const resealed: Resealed[] = [];
    // One after the other: a record may be 16 MiB long.
    for (const { assistantId, event } of events)
      resealed.push(...(await reseal(deps, assistantId, uncertain, event)));
    count.replaced += await consumers.reseal(resealed);
  };
  for (const { orgId } of await ledger.orgs.list()) {
    for (let cursor: string | undefined = '0'; cursor !== undefined;) {
      const page: Awaited<ReturnType<typeof ledger.assistants.publishedPage>> =
        await ledger.assistants.publishedPage(orgId, cursor);
      await take(page.events, false);
      cursor = page.next;
    }
  }
  for (let cursor: string | undefined = '0'; cursor !== undefined;) {
    const page: Awaited<ReturnType<typeof ledger.assistants.uncertainPage>> =
      await ledger.assistants.uncertainPage(cursor);
    await take(page.events, true);
    cursor = page.next;
  }
  return count;
};

/**
 * The event, sealed for the current recipients; none if it already is. The record itself says which org and
 * which assistant it is of: a writer in Redis can change what stands outside, or put it elsewhere.
 */
const reseal = async (
  { sealer, recipients }: EnrolmentDeps,
  assistantId: string,
  uncertain: boolean,
  before: string | null,
): Promise<Resealed[]> => {
  try {
    const event = KeyEvent.parse(JSON.parse(before ?? 'null'));
    const orgId = decodeURIComponent(event.source.split('/')[2]!);
    const { keys } = recipients.of(orgId);
    const wanted = keys
      .map(({ kid }) => kid)
      .toSorted()
      .join();
    // The first recipient is Rekey itself.
    const has = event.data.sealed.recipients
      .slice(1)
      .map(({ header }) => header.kid)
      .toSorted()
      .join();
    if (has === wanted) return [];
    // Throws if the record is not what the event says.
    await openRecord(sealer, event);
    if (event.subject !== assistantId) return [];
    const after = JSON.stringify({
      ...event,
      data: { ...event.data, sealed: JSON.parse(sealer.reseal(event.data.sealed, keys)) as unknown },
    });
    return [{ assistantId, uncertain, before: before!, after }];
  } catch {
    // The next sweep finds what cannot be opened, and publishes it again for the recipients of that time.
    return [];
  }
};

const finishEnrolling = async ({ ledger: { consumers }, logger }: EnrolmentDeps): Promise<void> => {
  for (const before of (await consumers.list()).consumers) {
    const { consumer } = before;
    if (consumer.state !== 'ENROLLING') continue;
    const after: Consumer = { ...consumer, state: 'ACTIVE' };
    if (await consumers.write(consumer.name, before, after, { emit: 'ACTIVE' }))
      logger.event('consumer_active', { consumer: consumer.name });
  }
};

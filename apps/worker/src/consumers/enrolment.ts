import { randomUUID } from 'node:crypto';
import type { Consumers, Ledger, Resealed } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import { KeyEvent } from '@rekey/schema';
import { generateSharedKeys, parseConsumerKey, sealGrant, type Sealer } from '@rekey/sealing';
import { every } from '../shared/every.ts';
import type { Readers } from '../publishing/readers.ts';

export interface EnrolmentDeps {
  consumers: Consumers;
  ledger: Pick<Ledger, 'orgs' | 'publishedPage' | 'uncertainPage' | 'nowMs'>;
  sealer: Sealer;
  readers: Readers;
  logger: Logger;
  /** Aborts when the process is told to end. */
  stopping: AbortSignal;
}

const LOCK_MS = 30_000;
const LOOK_EVERY_MS = 500;

export const startEnrolment = (deps: EnrolmentDeps): { close(): Promise<void> } =>
  every(LOOK_EVERY_MS, enrolConsumers(deps), (err) =>
    deps.logger.warn({ err }, 'consumers could not be enrolled; it is tried again'),
  );

/**
 * Makes the grants of consumers that were added, and seals for them what was published before; and, of
 * consumers that were removed, takes them off it. One round; several workers may do it at once.
 */
export const enrolConsumers = ({
  consumers,
  ledger,
  sealer,
  readers,
  logger,
  stopping,
}: EnrolmentDeps): (() => Promise<void>) => {
  const token = randomUUID();
  let seenRevision = -1;

  const grantPending = async (): Promise<void> => {
    const { consumers: seen, unreadable } = await consumers.list();
    if (unreadable.length > 0)
      logger.error(
        { consumers: unreadable },
        'consumers cannot be read in the ledger: nothing is sealed for them',
      );
    for (const before of seen.filter(({ consumer }) => consumer.state === 'PENDING')) {
      const { consumer } = before;
      try {
        const jwk: unknown =
          consumer.shared_key === undefined
            ? consumer.key
            : JSON.parse(await sealer.open(consumer.shared_key));
        const sharedKeys = await generateSharedKeys();
        const to = await parseConsumerKey(jwk);
        const grant = await sealGrant({
          consumer: consumer.name,
          sharedKeys,
          to,
          signer: sealer.signer,
          nowMs: await ledger.nowMs(),
        });
        const after = {
          ...consumer,
          key: { ...consumer.key, kid: to.kid },
          state: 'ENROLLING' as const,
          grant,
          kept: JSON.parse(sealer.seal(sharedKeys)) as unknown,
        };
        if (await consumers.write(consumer.name, before, after, { readers: true }))
          logger.info(
            { consumer: consumer.name, orgs: consumer.orgs },
            'a consumer has its grant; what was published before is being sealed for it',
          );
      } catch (err) {
        logger.error(
          { err, consumer: consumer.name },
          'a consumer cannot be granted anything: remove it, and add it with a key that is taken',
        );
      }
    }
  };

  /** The event sealed for those who may read it now; undefined where it is already, or cannot be. */
  const resealed = (assistantId: string, uncertain: boolean, before: string | null): Resealed[] => {
    try {
      const event = KeyEvent.parse(JSON.parse(before ?? 'null'));
      const orgId = decodeURIComponent(event.source.split('/')[2]!);
      const { keys } = readers.of(orgId);
      const wanted = keys
        .map(({ kid }) => kid)
        .toSorted()
        .join();
      // The first is Rekey itself.
      const has = event.data.sealed.recipients
        .slice(1)
        .map(({ header }) => header.kid)
        .toSorted()
        .join();
      if (has === wanted) return [];
      const after = JSON.stringify({
        ...event,
        data: { ...event.data, sealed: JSON.parse(sealer.sealAnew(event.data.sealed, keys)) as unknown },
      });
      return [{ assistantId, uncertain, before: before!, after }];
    } catch {
      // The next sweep finds what cannot be opened, and publishes it anew: for those who may read it then.
      return [];
    }
  };

  const resealAll = async (): Promise<{ looked: number; replaced: number }> => {
    const count = { looked: 0, replaced: 0 };
    const take = async (events: { assistantId: string; event: string | null }[], uncertain: boolean) => {
      if (stopping.aborted || !(await consumers.lockResealing(token, LOCK_MS))) throw new Interrupted();
      count.looked += events.length;
      count.replaced += await consumers.reseal(
        events.flatMap(({ assistantId, event }) => resealed(assistantId, uncertain, event)),
      );
    };
    for (const { orgId } of await ledger.orgs()) {
      for (let cursor: string | undefined = '0'; cursor !== undefined;) {
        const page: Awaited<ReturnType<typeof ledger.publishedPage>> = await ledger.publishedPage(
          orgId,
          cursor,
        );
        await take(page.events, false);
        cursor = page.next;
      }
    }
    for (let cursor: string | undefined = '0'; cursor !== undefined;) {
      const page: Awaited<ReturnType<typeof ledger.uncertainPage>> = await ledger.uncertainPage(cursor);
      await take(page.events, true);
      cursor = page.next;
    }
    return count;
  };

  const finishEnrolling = async (): Promise<void> => {
    for (const before of (await consumers.list()).consumers) {
      const { consumer } = before;
      if (
        consumer.state === 'ENROLLING' &&
        (await consumers.write(consumer.name, before, { ...consumer, state: 'ACTIVE' }, { tell: 'ACTIVE' }))
      ) {
        logger.info({ consumer: consumer.name }, 'a consumer can open all that it may read');
      }
    }
  };

  return async () => {
    let revisions = await consumers.revisions();
    if (revisions.consumers !== seenRevision) {
      await grantPending();
      await readers.refresh();
      seenRevision = revisions.consumers;
      revisions = await consumers.revisions();
    }
    const { readers: wanted, resealed: done } = revisions;
    if (wanted === done || !(await consumers.lockResealing(token, LOCK_MS))) return;
    await readers.refresh();
    try {
      const count = await resealAll();
      // Should they have changed again meanwhile, the next round does the same for those.
      if ((await consumers.revisions()).readers !== wanted) return;
      await finishEnrolling();
      await consumers.noteResealed(wanted);
      logger.info(count, 'all that is published is sealed for those who may read it');
    } catch (err) {
      if (!(err instanceof Interrupted)) throw err;
    }
  };
};

/** This process ends, or another does it. */
class Interrupted extends Error {}

import type { Ledger, Resealed } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import { KEY_UNCERTAIN, KeyEvent, parseJson } from '@rekey/schema';
import { SealError, isCurrent, openRecord, type Sealer } from '@rekey/sealing';
import type { Meter } from '../metrics/meter.ts';
import type { Recipients } from '../publishing/recipients.ts';

interface ResealDeps {
  ledger: Pick<Ledger, 'assistants' | 'consumers' | 'orgs'>;
  sealer: Sealer;
  recipients: Recipients;
  logger: Logger;
  meter: Pick<Meter, 'misplaced'>;
  stopping: AbortSignal;
}

interface ResealCount {
  looked: number;
  replaced: number;
}

/** `isWhole`: nothing was left out because another client has damaged it. */
interface ResealResult {
  count: ResealCount;
  isWhole: boolean;
}

export const LOCK_MS = 30_000;
const NAMED = 20;
/** Of the records that are replaced at once. */
const MAX_CHARACTERS = 8 * 1024 * 1024;

/** This process stops, or another one does the work. */
export class Interrupted extends Error {}

/**
 * Seals all published records and uncertainty notices for the current recipients. Rejects with Interrupted if
 * another worker has the lock.
 */
export const resealAll = async (deps: ResealDeps, token: string): Promise<ResealResult> => {
  const { ledger, logger, meter, stopping } = deps;
  const { consumers } = ledger;
  const count = { looked: 0, replaced: 0 };
  const misplaced: string[] = [];
  let isWhole = true;
  type Page = Awaited<ReturnType<typeof ledger.assistants.uncertainPage>>;
  type Records = Awaited<ReturnType<typeof ledger.assistants.publishedPage>>;
  const take = async ({ events, damaged }: Page | Records, uncertain: boolean) => {
    if (damaged) isWhole = false;
    if (stopping.aborted || !(await consumers.lockResealing(token, LOCK_MS))) throw new Interrupted();
    const resealed: Resealed[] = [];
    // One after the other: a record may be 16 MiB long.
    for await (const { assistantId, event } of events) {
      count.looked += 1;
      const result = await reseal(deps, assistantId, uncertain, event);
      if (result === 'misplaced') misplaced.push(assistantId);
      else if (result) resealed.push(result);
      if (charactersOf(resealed) > MAX_CHARACTERS)
        count.replaced += await consumers.reseal(resealed.splice(0));
    }
    count.replaced += await consumers.reseal(resealed);
  };
  for (const { orgId } of await ledger.orgs.list()) {
    for (let cursor: string | undefined = '0'; cursor !== undefined;) {
      const page: Records = await ledger.assistants.publishedPage(orgId, cursor);
      await take(page, false);
      cursor = page.next;
    }
  }
  for (let cursor: string | undefined = '0'; cursor !== undefined;) {
    const page: Page = await ledger.assistants.uncertainPage(cursor);
    await take(page, true);
    cursor = page.next;
  }
  const [...ids] = new Set(misplaced);
  if (ids.length > 0) {
    meter.misplaced(ids.length);
    logger.event('record_misplaced', { count: ids.length, assistant_ids: ids.slice(0, NAMED) });
  }
  return { count, isWhole };
};

/**
 * The event, sealed for the current recipients; undefined if it already is. The record itself says which org
 * and which assistant it is of, and whether it puts a key in doubt: a writer in Redis can change what stands
 * outside, or put the event elsewhere. Which recipients it has already is taken from outside: a lie there
 * only withholds.
 */
const reseal = async (
  { sealer, recipients }: ResealDeps,
  assistantId: string,
  uncertain: boolean,
  before: string | null,
): Promise<Resealed | 'misplaced' | undefined> => {
  const parsed = KeyEvent.safeParse(parseJson(before ?? ''));
  // The next sweep finds what cannot be read, and publishes it again for the recipients of that time.
  if (before === null || !parsed.success) return undefined;
  const event = parsed.data;
  try {
    const named = recipients.of(orgOutside(event));
    if (isSealedFor(event, named.keys)) return undefined;
    // Throws if the record is not what the event says: then the org inside is the one outside.
    const { org_id: orgId } = await openRecord(sealer, event);
    if (event.subject !== assistantId || (event.type === KEY_UNCERTAIN) !== uncertain) return 'misplaced';
    const { keys } = recipients.of(orgId);
    const sealed = JSON.parse(sealer.reseal(event.data.sealed, keys)) as unknown;
    const after = JSON.stringify({ ...event, data: { ...event.data, sealed } });
    return { assistantId, uncertain, before, after };
  } catch (error) {
    if (error instanceof SealError) return 'misplaced';
    throw error;
  }
};

const charactersOf = (resealed: readonly Resealed[]): number =>
  resealed.reduce((sum, { before, after }) => sum + before.length + after.length, 0);

const orgOutside = ({ source }: KeyEvent): string => {
  try {
    return decodeURIComponent(source.split('/')[2] ?? '');
  } catch {
    return '';
  }
};

const isSealedFor = ({ data }: KeyEvent, keys: readonly { kid: string }[]): boolean => {
  const wanted = keys.map(({ kid }) => kid).toSorted();
  // The first recipient is Rekey itself.
  const has = data.sealed.recipients
    .slice(1)
    .map(({ header }) => header.kid)
    .toSorted();
  return has.join() === wanted.join() && isCurrent(data.sealed);
};

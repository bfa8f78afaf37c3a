import type { Ledger } from '@rekey/ledger';
import { CurrentEvent, parseJson } from '@rekey/schema';
import { openRecord, type Sealer } from '@rekey/sealing';

/** What stored records and consumers' keys say of a key file. No writer in Redis can make one that fits. */
interface Evidence {
  /** How many were tried; and how many of these were records. */
  tried: number;
  records: number;
  /** The sealing key has opened one. */
  opened: boolean;
  /** The fingerprint key has made the fingerprint of a record that was opened. */
  printed: boolean;
}

const MOST_TRIED = 2000;
/** How many records and pages are read, whether or not they can be tried. */
const MOST_LOOKED_AT = 20_000;

/** Another client can add any number of entries and orgs: those that sort first decide nothing. */
const shuffled = <T>(all: readonly T[]): T[] =>
  all
    .map((one) => ({ one, at: Math.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ one }) => one);

/** Whatever another client has stored: it does not fit. */
const none = (): undefined => undefined;

/** Tries what is stored, in a random order, until the key file is found to fit: as far as is `wanted`. */
export const collectEvidence = async (
  { registry, orgs, assistants }: Pick<Ledger, 'registry' | 'orgs' | 'assistants'>,
  sealer: Pick<Sealer, 'open' | 'openOwn' | 'fingerprint'>,
  wanted: 'opened' | 'printed',
): Promise<Evidence> => {
  const found: Evidence = { tried: 0, records: 0, opened: false, printed: false };
  for (const { consumer } of shuffled(await registry.trust.candidates())) {
    if (consumer?.kept === undefined) continue;
    found.tried += 1;
    found.opened ||= (await sealer.openOwn(consumer.kept, 'kept').catch(none)) !== undefined;
    if (found[wanted]) return found;
  }
  for await (const event of publishedEvents({ orgs, assistants })) {
    const parsed = CurrentEvent.safeParse(parseJson(event ?? ''));
    if (!parsed.success) continue;
    if (found.tried >= MOST_TRIED) return found;
    found.tried += 1;
    found.records += 1;
    const record = await openRecord(sealer, parsed.data).catch(none);
    found.opened ||= record !== undefined;
    const secret = record?.assistant?.secret_key;
    found.printed ||= Boolean(secret) && sealer.fingerprint(secret!) === parsed.data.data.fingerprint;
    if (found[wanted]) return found;
  }
  return found;
};

/** The stored records: a page of each org in turn, so that no org with many records hides the others. */
const publishedEvents = async function* ({
  orgs,
  assistants,
}: Pick<Ledger, 'orgs' | 'assistants'>): AsyncGenerator<string | null> {
  let looked = 0;
  let pages = shuffled(await orgs.list()).map(({ orgId }) => ({ orgId, cursor: '0' }));
  while (pages.length > 0) {
    const following: typeof pages = [];
    for (const { orgId, cursor } of pages) {
      if (looked >= MOST_LOOKED_AT) return;
      const { events, count, next } = await assistants.publishedPage(orgId, cursor);
      looked += count + 1;
      for await (const { event } of events) yield event;
      if (next !== undefined) following.push({ orgId, cursor: next });
    }
    pages = following;
  }
};

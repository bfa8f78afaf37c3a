import type { Events, Ledger } from '@rekey/ledger';
import type { EventRecord } from '@rekey/rpc';
import { RekeyError } from '@rekey/schema';
import { verdictOfRecord, type ConsumerView } from './consumer-view.ts';
import { factsOf, reduceMalformed, type EventFacts } from './event-facts.ts';
import type { SnapshotPlace } from './event-requests.ts';

type Assistants = Pick<Ledger['assistants'], 'currents' | 'publishedPage' | 'uncertainPage'>;

interface RecordsDeps {
  events: Pick<Events, 'formerOrgs' | 'orgs'>;
  assistants: Assistants;
}

interface Stored {
  assistantId: string;
  text: string | null;
}

interface SnapshotPage {
  records: EventRecord[];
  uncertain: EventRecord[];
  next: SnapshotPlace | undefined;
}

/** What a consumer may know of what is stored. */
interface ConsumerRecords {
  /** Fewer than were asked for if they are long. */
  current(view: ConsumerView, assistantIds: readonly string[]): Promise<EventRecord[]>;
  page(view: ConsumerView, place: SnapshotPlace | undefined): Promise<SnapshotPage>;
}

const RECORDS_A_PAGE = 500;
const CHARACTERS_A_PAGE = 2 * 1024 * 1024;
const RECORDS_AT_ONCE = 50;
/** A page looks at no more indexes of orgs without assistants. */
const READS_A_PAGE = 50;

/** Rekey writes `source` near the beginning: most records need not be parsed. */
const HEAD_CHARACTERS = 1024;
const isOfOrg = (text: string, orgId: string): boolean =>
  text.slice(0, HEAD_CHARACTERS).includes(`,"source":"/orgs/${encodeURIComponent(orgId)}/assistants/`);

const withheldOf = ({ subject, version, seq = 0, run = 0 }: EventFacts) => ({
  assistantId: subject,
  version,
  seq,
  run,
});

/** `ownOrg`: in whose index they were found, one of the consumer. */
const toRecords = async (
  { events }: RecordsDeps,
  view: ConsumerView,
  stored: readonly Stored[],
  ownOrg?: string,
): Promise<EventRecord[]> => {
  const doubtful: { at: number; facts: EventFacts }[] = [];
  const records = stored.map(({ assistantId, text }, at): EventRecord => {
    if (text === null) return { assistantId };
    if (ownOrg !== undefined && isOfOrg(text, ownOrg)) return { assistantId, event: text };
    const facts = factsOf(text);
    // Nobody may learn the org of a record from one that is damaged.
    if (facts.kind === 'malformed')
      return { assistantId, event: reduceMalformed(text, { withSource: ownOrg !== undefined }) };
    if (facts.kind !== 'assistant') return { assistantId, event: '{}' };
    const verdict = verdictOfRecord(view, facts, []);
    if (verdict === 'whole') return { assistantId, event: text };
    if (verdict === 'withheld') return { assistantId, withheld: withheldOf(facts) };
    doubtful.push({ at, facts });
    return { assistantId };
  });
  if (doubtful.length === 0) return records;
  const former = await events.formerOrgs(doubtful.map(({ at }) => stored[at]!.assistantId));
  for (const [i, { at, facts }] of doubtful.entries())
    if (verdictOfRecord(view, facts, former[i]!.map(decodedOrg)) === 'withheld')
      records[at] = { ...records[at], withheld: withheldOf(facts) };
  return records;
};

const decodedOrg = (encoded: string): string => {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
};

const charactersOf = (stored: readonly Stored[]): number =>
  stored.reduce((sum, { text }) => sum + (text?.length ?? 0), 0);

const hasContent = ({ event, withheld }: EventRecord): boolean => event !== undefined || withheld != null;

/** Throws for an index that cannot be read: a consumer would take what it lacks for everything there is. */
const toStored = ({ events, damaged }: Awaited<ReturnType<Assistants['publishedPage']>>): Stored[] => {
  if (damaged) throw new RekeyError('LEDGER_CORRUPT');
  return events.map(({ assistantId, event }) => ({ assistantId, text: event }));
};

/** The orgs of a consumer in the order of a snapshot. */
const orderedOrgs = async ({ events }: RecordsDeps, { orgs }: ConsumerView): Promise<readonly string[]> =>
  (orgs.includes('*') ? await events.orgs() : orgs).toSorted();

const recordsPage = async (
  deps: RecordsDeps,
  view: ConsumerView,
  place: Extract<SnapshotPlace, { kind: 'records' }> | undefined,
): Promise<SnapshotPage> => {
  const orgs = await orderedOrgs(deps, view);
  const records: EventRecord[] = [];
  let characters = 0;
  // A forged place leads to an org of the consumer too, or to the next one.
  let at = place === undefined ? 0 : orgs.findIndex((orgId) => orgId >= place.orgId);
  let cursor = place !== undefined && orgs[at] === place.orgId ? place.cursor : '0';
  for (let reads = 0; at >= 0 && at < orgs.length; reads += 1) {
    const orgId = orgs[at]!;
    if (reads === READS_A_PAGE || records.length >= RECORDS_A_PAGE || characters >= CHARACTERS_A_PAGE)
      return { records, uncertain: [], next: { kind: 'records', orgId, cursor } };
    const page = await deps.assistants.publishedPage(orgId, cursor);
    const stored = toStored(page);
    characters += charactersOf(stored);
    records.push(...(await toRecords(deps, view, stored, orgId)).filter(hasContent));
    if (page.next !== undefined) cursor = page.next;
    else {
      at += 1;
      cursor = '0';
    }
  }
  return { records, uncertain: [], next: { kind: 'uncertain', cursor: '0' } };
};

/** What a consumer refuses, about an assistant that is for it: it counts that. */
const refusedOf = async (
  deps: RecordsDeps,
  view: ConsumerView,
  refused: readonly Stored[],
): Promise<EventRecord[]> => {
  if (refused.length === 0) return [];
  const ids = refused.map(({ assistantId }) => assistantId);
  const texts = await deps.assistants.currents(ids);
  const stored = ids.map((assistantId, i) => ({ assistantId, text: texts[i] ?? null }));
  const current = await toRecords(deps, view, stored);
  return refused
    .filter((_, i) => view.orgs.includes('*') || current[i]!.event !== undefined)
    .map(({ assistantId, text }) => ({ assistantId, event: refusedText(text) }));
};

const refusedText = (text: string | null): string =>
  factsOf(text ?? undefined).kind === 'malformed' ? reduceMalformed(text ?? '', { withSource: false }) : '{}';

const uncertainPage = async (
  deps: RecordsDeps,
  view: ConsumerView,
  cursor: string,
): Promise<SnapshotPage> => {
  const page = await deps.assistants.uncertainPage(cursor);
  const uncertain: EventRecord[] = [];
  const refused: Stored[] = [];
  for (const one of toStored(page)) {
    const facts = factsOf(one.text ?? undefined);
    if (facts.kind !== 'assistant') refused.push(one);
    else if (verdictOfRecord(view, facts, []) === 'whole')
      uncertain.push({ assistantId: one.assistantId, event: one.text! });
  }
  return {
    records: [],
    uncertain: [...uncertain, ...(await refusedOf(deps, view, refused))],
    next: page.next === undefined ? undefined : { kind: 'uncertain', cursor: page.next },
  };
};

export const createConsumerRecords = (deps: RecordsDeps): ConsumerRecords => ({
  current: async (view, assistantIds) => {
    const records: EventRecord[] = [];
    let characters = 0;
    for (let at = 0; at < assistantIds.length && characters < CHARACTERS_A_PAGE; at += RECORDS_AT_ONCE) {
      const ids = assistantIds.slice(at, at + RECORDS_AT_ONCE);
      const texts = await deps.assistants.currents(ids);
      const stored = ids.map((assistantId, i) => ({ assistantId, text: texts[i] ?? null }));
      characters += charactersOf(stored);
      records.push(...(await toRecords(deps, view, stored)));
    }
    return records;
  },
  page: (view, place) =>
    place?.kind === 'uncertain' ? uncertainPage(deps, view, place.cursor) : recordsPage(deps, view, place),
});

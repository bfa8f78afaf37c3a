import { isUtf8 } from 'node:buffer';
import type { Events, Ledger, StoredRecord } from '@rekey/ledger';
import type { EventRecord as ProtoRecord, WithBytes } from '@rekey/rpc';
import { RekeyError, StoredId } from '@rekey/schema';
import { verdictOfRecord, type ConsumerView } from './consumer-view.ts';
import { factsOf, reduceMalformed, type EventFacts } from './event-facts.ts';
import { createFairTurns } from '../shared/fair-turns.ts';
import { MAX_REMAINING, type SnapshotPlace } from './event-requests.ts';

interface RecordsDeps {
  events: Pick<Events, 'formerOrgs' | 'orgs' | 'records'>;
  assistants: Pick<Ledger['assistants'], 'publishedIds' | 'uncertainPage'>;
}

/** Its text is passed on as Redis has it: most are never made a string of. */
type EventRecord = WithBytes<ProtoRecord>;

interface SnapshotPage {
  records: EventRecord[];
  uncertain: EventRecord[];
  next: SnapshotPlace | undefined;
}

/** Callers take turns by `party`. One that has gone by its turn gets nothing. */
interface Turn {
  party: string;
  signal: AbortSignal;
}

/** What a consumer may know of what is stored. */
interface ConsumerRecords {
  /** Fewer than were asked for if they are long. */
  current(view: ConsumerView, assistantIds: readonly string[], turn: Turn): Promise<EventRecord[]>;
  page(view: ConsumerView, place: SnapshotPlace | undefined, turn: Turn): Promise<SnapshotPage>;
}

type RecordsPlace = Extract<SnapshotPlace, { kind: 'records' }>;

const RECORDS_A_PAGE = 500;
const BYTES_A_PAGE = 2 * 1024 * 1024;
const RECORDS_AT_ONCE = 100;
/** A page looks at no more indexes of orgs without assistants. */
const SCANS_A_PAGE = 50;
/** What calls hold is up to 2 MiB and one record for each. */
const CALLS_AT_ONCE = 4;

/** Rekey writes `source` near the beginning: most records need not be parsed. */
const HEAD_BYTES = 1024;
const sourceOf = (orgId: string): Buffer =>
  Buffer.from(`,"source":"/orgs/${encodeURIComponent(orgId)}/assistants/`);

/** What is no UTF-8 is passed on as everybody who reads it as text has it. */
const asText = (bytes: Buffer): Buffer => (isUtf8(bytes) ? bytes : Buffer.from(bytes.toString()));

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
  stored: readonly StoredRecord[],
  ownOrg?: string,
): Promise<EventRecord[]> => {
  const doubtful: { at: number; facts: EventFacts }[] = [];
  const ownSource = ownOrg === undefined ? undefined : sourceOf(ownOrg);
  const records = stored.map(({ assistantId, bytes }, at): EventRecord => {
    if (bytes === null) return { assistantId };
    if (ownSource && bytes.subarray(0, HEAD_BYTES).includes(ownSource))
      return { assistantId, event: asText(bytes) };
    const text = bytes.toString();
    const facts = factsOf(text);
    // Nobody may learn the org of a record from one that is damaged.
    if (facts.kind === 'malformed')
      return { assistantId, event: reduceMalformed(text, { withSource: ownOrg !== undefined }) };
    if (facts.kind !== 'assistant') return { assistantId, event: '{}' };
    const verdict = verdictOfRecord(view, facts, []);
    if (verdict === 'whole') return { assistantId, event: asText(bytes) };
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

const bytesIn = (stored: readonly StoredRecord[]): number =>
  stored.reduce((sum, { bytes }) => sum + (bytes?.length ?? 0), 0);

const hasContent = ({ event, withheld }: EventRecord): boolean => event !== undefined || withheld != null;

/** Throws for an index that cannot be read: a consumer would take what it lacks for everything there is. */
const requireWhole = <Page extends { damaged?: true }>(page: Page): Page => {
  if (page.damaged) throw new RekeyError('LEDGER_CORRUPT');
  return page;
};

const isStoredId = (id: string): boolean => StoredId.safeParse(id).success;

/** The orgs of a consumer in the order of a snapshot. */
const orderedOrgs = async ({ events }: RecordsDeps, { orgs }: ConsumerView): Promise<readonly string[]> =>
  (orgs.includes('*') ? await events.orgs() : orgs).toSorted();

/** Reads the records of a snapshot from a place on. */
class RecordsWalk {
  readonly records: EventRecord[] = [];
  private readonly deps: RecordsDeps;
  private readonly view: ConsumerView;
  private readonly orgs: readonly string[];
  private at: number;
  private cursor: string;
  /** Assistants before the cursor whose records are not read yet. */
  private remaining: readonly string[];
  /** The index of the org names those: it was not the caller. */
  private areListed = false;
  private bytes = 0;
  private scans = 0;

  constructor(
    deps: RecordsDeps,
    view: ConsumerView,
    orgs: readonly string[],
    place: RecordsPlace | undefined,
  ) {
    [this.deps, this.view, this.orgs] = [deps, view, orgs];
    // A forged place leads to an org of the consumer too, or to the next one.
    const at = place === undefined ? 0 : orgs.findIndex((orgId) => orgId >= place.orgId);
    this.at = at < 0 ? orgs.length : at;
    const isThere = place !== undefined && orgs[this.at] === place.orgId;
    this.cursor = isThere ? place.cursor : '0';
    this.remaining = isThere ? place.remaining : [];
  }

  get isAtEnd(): boolean {
    return this.at >= this.orgs.length;
  }

  /** The page ends here: what remains fits into the token of the next one. */
  get isFull(): boolean {
    const isLong =
      this.scans >= SCANS_A_PAGE || this.records.length >= RECORDS_A_PAGE || this.bytes >= BYTES_A_PAGE;
    return isLong && this.remaining.length <= MAX_REMAINING;
  }

  get place(): RecordsPlace {
    const { cursor, remaining } = this;
    return { kind: 'records', orgId: this.orgs[this.at]!, cursor, remaining };
  }

  async step(): Promise<void> {
    if (this.remaining.length > 0) await this.read();
    else await this.scan();
    // The index of this org has ended.
    if (this.remaining.length === 0 && this.cursor === '0') this.at += 1;
  }

  private async scan(): Promise<void> {
    const found = requireWhole(await this.deps.assistants.publishedIds(this.orgs[this.at]!, this.cursor));
    this.scans += 1;
    this.cursor = found.next ?? '0';
    this.remaining = found.ids.filter(isStoredId);
    this.areListed = true;
  }

  private async read(): Promise<void> {
    const { deps, view } = this;
    const stored = await deps.events.records(this.remaining.slice(0, RECORDS_AT_ONCE));
    this.remaining = this.remaining.slice(stored.length);
    this.bytes += bytesIn(stored);
    const ownOrg = this.areListed ? this.orgs[this.at] : undefined;
    this.records.push(...(await toRecords(deps, view, stored, ownOrg)).filter(hasContent));
  }
}

const recordsPage = async (
  deps: RecordsDeps,
  view: ConsumerView,
  place: RecordsPlace | undefined,
): Promise<SnapshotPage> => {
  const walk = new RecordsWalk(deps, view, await orderedOrgs(deps, view), place);
  while (!walk.isAtEnd && !walk.isFull) await walk.step();
  const next: SnapshotPlace = walk.isAtEnd ? { kind: 'uncertain', cursor: '0' } : walk.place;
  return { records: walk.records, uncertain: [], next };
};

/** Current records, at least of the first of these assistants. */
const currentRecords = async (
  deps: RecordsDeps,
  view: ConsumerView,
  assistantIds: readonly string[],
): Promise<EventRecord[]> => {
  const records: EventRecord[] = [];
  let bytes = 0;
  while (records.length < assistantIds.length && bytes < BYTES_A_PAGE) {
    const at = records.length;
    const stored = await deps.events.records(assistantIds.slice(at, at + RECORDS_AT_ONCE));
    bytes += bytesIn(stored);
    records.push(...(await toRecords(deps, view, stored)));
  }
  return records;
};

interface UncertainText {
  assistantId: string;
  text: string | null;
}

/** What a consumer refuses, about an assistant that is for it: it counts that. */
const refusedOf = async (
  deps: RecordsDeps,
  view: ConsumerView,
  refused: readonly UncertainText[],
): Promise<EventRecord[]> => {
  const isForConsumer = new Set<string>();
  if (!view.orgs.includes('*'))
    for (let at = 0; at < refused.length;) {
      const ids = refused.slice(at, at + RECORDS_AT_ONCE).map(({ assistantId }) => assistantId);
      const stored = await deps.events.records(ids);
      for (const { assistantId, event } of await toRecords(deps, view, stored))
        if (event !== undefined) isForConsumer.add(assistantId as string);
      at += stored.length;
    }
  return refused
    .filter(({ assistantId }) => view.orgs.includes('*') || isForConsumer.has(assistantId))
    .map(({ assistantId, text }) => ({ assistantId, event: refusedText(text) }));
};

const refusedText = (text: string | null): string =>
  factsOf(text ?? undefined).kind === 'malformed' ? reduceMalformed(text ?? '', { withSource: false }) : '{}';

const uncertainPage = async (
  deps: RecordsDeps,
  view: ConsumerView,
  cursor: string,
): Promise<SnapshotPage> => {
  const page = requireWhole(await deps.assistants.uncertainPage(cursor));
  const uncertain: EventRecord[] = [];
  const refused: UncertainText[] = [];
  for (const { assistantId, event } of page.events) {
    const one = { assistantId, text: event };
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

export const createConsumerRecords = (deps: RecordsDeps): ConsumerRecords => {
  const turns = createFairTurns(CALLS_AT_ONCE);
  return {
    current: (view, assistantIds, { party, signal }) =>
      turns(party, () => currentRecords(deps, view, assistantIds), signal),
    page: (view, place, { party, signal }) =>
      turns(
        party,
        () =>
          place?.kind === 'uncertain'
            ? uncertainPage(deps, view, place.cursor)
            : recordsPage(deps, view, place),
        signal,
      ),
  };
};

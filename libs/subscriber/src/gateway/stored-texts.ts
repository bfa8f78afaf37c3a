import type { EventEntry, EventRecord } from '@rekey/client';
import { KEY_ROTATED } from '@rekey/schema';
import type { Page, SkippedNumbers, StreamItem } from '../source/source.ts';

type Withheld = NonNullable<EventRecord['withheld']>;

const numberOf = (text: string | number): number | undefined => Number(text) || undefined;

/**
 * An event about an assistant that has left the orgs of this consumer, as it looks in Redis to one who is no
 * recipient. The gateway does not say which org it is in.
 */
const withheldText = ({ assistantId, version, seq, run }: Withheld): string =>
  JSON.stringify({
    type: KEY_ROTATED,
    subject: assistantId,
    source: '',
    data: {
      seq: numberOf(seq),
      run: numberOf(run),
      version: Number(version),
      sealed: { protected: '', recipients: [], iv: '', ciphertext: '', tag: '' },
    },
  });

const isNumber = (value: number): boolean => Number.isSafeInteger(value) && value > 0;

/** Throws for ranges that no entries can have: numbers up to 2^53, the first not above the last. */
export const skippedOf = ({ skipped }: EventEntry): SkippedNumbers[] =>
  skipped.map(({ firstSeq, lastSeq, run: runText }) => {
    const [first, last, run] = [Number(firstSeq), Number(lastSeq), numberOf(runText)];
    if (!isNumber(first) || !isNumber(last) || last < first || (run !== undefined && !isNumber(run)))
      throw new Error('the gateway sent a range of numbers that no entries have');
    return { first, last, run };
  });

/** The items of one entry: what was skipped before it, and the entry. */
export const itemsOfEntry = (entry: EventEntry): StreamItem[] => {
  const { id, event, withheld } = entry;
  const text = withheld ? withheldText(withheld) : event;
  const numbers = skippedOf(entry);
  const items: StreamItem[] = [];
  if (numbers.length > 0 || text === undefined) items.push({ kind: 'skipped', id, numbers });
  if (text !== undefined) items.push({ kind: 'entry', id, text });
  return items;
};

export const pageOf = (records: readonly EventRecord[]): Page =>
  records.map(({ assistantId, event, withheld }) => ({
    assistantId,
    text: withheld ? withheldText(withheld) : (event ?? null),
  }));

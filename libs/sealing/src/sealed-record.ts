import { KEY_ROTATED, SealedRecord, type KeyEvent, type KeyRotated } from '@rekey/schema';
import type { SharedKeys } from './envelope.ts';
import { SealError } from './seal-error.ts';
import type { Sealer } from './sealer.ts';

export interface ToSeal {
  type: KeyEvent['type'];
  orgId: string;
  assistantId: string;
  version: number;
  /** Of a key version. */
  cause?: string;
  removal?: string;
  /** Of a key version with a key. */
  assistantJson?: string;
}

/**
 * Seals what an event says, for readers and for Rekey itself. `assistantJson` is the upstream's text as it came: it is placed into the plaintext
 * unparsed, so that no field, no order and no digit of a number is lost.
 */
export const sealRecord = (sealer: Sealer, { type, orgId, assistantId, version, cause, removal, assistantJson }: ToSeal, readers: readonly SharedKeys[] = []): string => {
  const head = JSON.stringify({ type, org_id: orgId, assistant_id: assistantId, version, cause, removal });
  return sealer.seal(assistantJson === undefined ? head : `${head.slice(0, -1)},"assistant":${assistantJson}}`, readers);
};

/** Of an event with a key, the record is there. */
export type RecordOf<E extends KeyEvent> = E extends KeyRotated ? SealedRecord & { assistant: NonNullable<SealedRecord['assistant']> } : SealedRecord;

/** Opens what an event carries, and sees that it says the same as the event. Rejects with SealError where it does not, or does not open. */
export const openRecord = async <E extends KeyEvent>(sealer: Pick<Sealer, 'open'>, event: E): Promise<RecordOf<E>> => parseRecord(await sealer.open(event.data.sealed), event);

/** Reads the plaintext of what an event carries. Throws SealError. */
export const parseRecord = <E extends KeyEvent>(plaintext: string, { type, subject, source, data: { version } }: E): RecordOf<E> => {
  let record: SealedRecord;
  try {
    record = SealedRecord.parse(JSON.parse(plaintext));
  } catch {
    // Neither the parser's nor zod's message may go on: they can quote the plaintext.
    throw new SealError('the sealed text opens, but holds no record');
  }
  const isOf = `/orgs/${encodeURIComponent(record.org_id)}/assistants/${encodeURIComponent(record.assistant_id)}`;
  if (record.type !== type || record.assistant_id !== subject || record.version !== version || isOf !== source) {
    throw new SealError('the event says something else than what it carries: it is not as Rekey made it');
  }
  if (type === KEY_ROTATED && !record.assistant) throw new SealError('the sealed text opens, but holds no record');
  return record as RecordOf<E>;
};

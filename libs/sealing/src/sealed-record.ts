import { KEY_ROTATED, type KeyEvent, type KeyRotated, type SealedRecord } from '@rekey/schema';
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
  /** Its version lies ahead of the clock of Redis, and the one who seals it knows. */
  ahead?: true;
}

/**
 * Seals what an event says, for readers and for Rekey itself. `assistantJson` is the upstream's text as it
 * came: it is placed into the plaintext unparsed, so that no field, no order and no digit of a number is
 * lost.
 */
export const sealRecord = (
  sealer: Sealer,
  { type, orgId, assistantId, version, cause, removal, assistantJson, ahead }: ToSeal,
  readers: readonly SharedKeys[] = [],
): string => {
  const head = JSON.stringify({
    type,
    org_id: orgId,
    assistant_id: assistantId,
    version,
    cause,
    removal,
    ahead,
  });
  return sealer.seal(
    assistantJson === undefined ? head : `${head.slice(0, -1)},"assistant":${assistantJson}}`,
    readers,
  );
};

/** What of an event stands outside of what it carries. */
export interface Outside {
  type: string;
  subject: string;
  source: string;
  data: { version: number };
}

/** Of an event with a key, the record is there. */
export type RecordOf<E extends Outside> = E extends KeyRotated
  ? SealedRecord & { assistant: NonNullable<SealedRecord['assistant']> }
  : SealedRecord;

/**
 * Opens what an event carries, and sees that it says the same as the event. Rejects with SealError where it
 * does not, or does not open.
 */
export const openRecord = async <E extends KeyEvent>(
  sealer: Pick<Sealer, 'open'>,
  event: E,
): Promise<RecordOf<E>> => parseRecord(await sealer.open(event.data.sealed), event);

/** Reads the plaintext of what an event carries. Throws SealError. */
export const parseRecord = <E extends Outside>(
  plaintext: string,
  { type, subject, source, data: { version } }: E,
): RecordOf<E> => {
  let record: unknown;
  try {
    record = JSON.parse(plaintext);
  } catch {
    // The parser's message may not go on: it can quote the plaintext.
    throw new SealError('the sealed text opens, but holds no record');
  }
  if (!isRecord(record)) throw new SealError('the sealed text opens, but holds no record');
  const isOf = `/orgs/${encodeURIComponent(record.org_id)}/assistants/${encodeURIComponent(record.assistant_id)}`;
  if (
    record.type !== type ||
    record.assistant_id !== subject ||
    record.version !== version ||
    isOf !== source
  ) {
    throw new SealError('the event says something else than what it carries: it is not as Rekey made it');
  }
  if (type === KEY_ROTATED && !record.assistant)
    throw new SealError('the sealed text opens, but holds no record');
  return record as RecordOf<E>;
};

const isText = (value: unknown): value is string => typeof value === 'string' && value.isWellFormed();
const isTextOrAbsent = (value: unknown): boolean => value === undefined || typeof value === 'string';

/** As the schema `SealedRecord` has it; by hand, as a consumer that starts reads 100,000 of them. */
const isRecord = (value: unknown): value is SealedRecord => {
  if (typeof value !== 'object' || value === null) return false;
  const {
    type,
    org_id: orgId,
    assistant_id: assistantId,
    version,
    cause,
    removal,
    assistant,
  } = value as { [key in keyof SealedRecord]?: unknown };
  return (
    typeof type === 'string' &&
    isText(orgId) &&
    isText(assistantId) &&
    Number.isSafeInteger(version) &&
    (version as number) > 0 &&
    // Of any value: a later version of Rekey may know more causes than this one, and its keys are in force
    // all the same.
    isTextOrAbsent(cause) &&
    isTextOrAbsent(removal) &&
    (assistant === undefined || isKeyedRecord(assistant))
  );
};
const isKeyedRecord = (value: unknown): boolean => {
  if (typeof value !== 'object' || value === null || !('id' in value) || typeof value.id !== 'string')
    return false;
  const { secret_key: secretKey = null } = value as { secret_key?: unknown };
  return secretKey === null || typeof secretKey === 'string';
};

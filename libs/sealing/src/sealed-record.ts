import { KEY_ROTATED, type KeyEvent, type KeyRotated, type SealedRecord } from '@rekey/schema';
import type { SharedKeys } from './envelope-form.ts';
import { SealError } from './seal-error.ts';
import type { Sealer } from './sealer.ts';

export interface RecordContent {
  type: KeyEvent['type'];
  orgId: string;
  assistantId: string;
  version: number;
  /** Only for a key version. */
  cause?: string;
  removal?: string;
  /** Only for a key version with a key: the upstream text. */
  assistantJson?: string;
  /** The version is ahead of the Redis clock, and the worker that seals it knows that. */
  ahead?: true;
}

/**
 * Seals the record of an event for its recipients and for Rekey itself. `assistantJson` goes into the
 * plaintext unparsed, so that no field, no order and no digit of a number is lost.
 */
export const sealRecord = (
  sealer: Sealer,
  { type, orgId, assistantId, version, cause, removal, assistantJson, ahead }: RecordContent,
  recipients: readonly SharedKeys[] = [],
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
    recipients,
  );
};

/** The fields of an event that repeat its sealed record in clear text. Nothing proves them. */
export interface UnsealedFields {
  type: string;
  subject: string;
  source: string;
  data: { version: number };
}

/** The record of an event; with its assistant if the event has a key. */
type RecordOf<E extends UnsealedFields> = E extends KeyRotated
  ? SealedRecord & { assistant: NonNullable<SealedRecord['assistant']> }
  : SealedRecord;

/**
 * Opens the sealed record of an event and checks that it matches the event. Rejects with SealError if it does
 * not match or cannot be opened.
 */
export const openRecord = async <E extends KeyEvent>(
  sealer: Pick<Sealer, 'open'>,
  event: E,
): Promise<RecordOf<E>> => parseRecord(await sealer.open(event.data.sealed), event);

/** Parses the plaintext of a sealed record and checks that it matches the event. Throws SealError. */
export const parseRecord = <E extends UnsealedFields>(
  plaintext: string,
  { type, subject, source, data: { version } }: E,
): RecordOf<E> => {
  let record: unknown;
  try {
    record = JSON.parse(plaintext);
  } catch {
    // The parser's error is dropped: its message can quote the plaintext.
    throw new SealError('the sealed text opens, but contains no record');
  }
  if (!isRecord(record)) throw new SealError('the sealed text opens, but contains no record');
  if (
    record.type !== type ||
    record.assistant_id !== subject ||
    record.version !== version ||
    sourceOf(record) !== source
  ) {
    throw new SealError('the event does not match its sealed record: it is not as Rekey made it');
  }
  if (type === KEY_ROTATED && !record.assistant)
    throw new SealError('the sealed text opens, but contains no record');
  return record as RecordOf<E>;
};

const sourceOf = ({ org_id: orgId, assistant_id: assistantId }: SealedRecord): string =>
  `/orgs/${encodeURIComponent(orgId)}/assistants/${encodeURIComponent(assistantId)}`;

const isText = (value: unknown): value is string => typeof value === 'string' && value.isWellFormed();
const isTextOrAbsent = (value: unknown): boolean => value === undefined || typeof value === 'string';

/** The schema `SealedRecord`, checked by hand: a consumer that starts reads 100,000 records. */
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
    // Any value is accepted: a later version of Rekey may know more causes, and its keys are in force too.
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

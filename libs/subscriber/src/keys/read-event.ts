import { CONSUMER_CHANGED, KEY_REMOVED, KEY_ROTATED, KEY_UNCERTAIN, parseJson } from '@rekey/schema';
import {
  SealError,
  openEnvelope,
  parseEnvelope,
  parseRecord,
  type UnsealedFields,
  type SharedKeys,
} from '@rekey/sealing';
import type { Cause, Refusal, Removal } from '../keys.ts';

/** What an event says of an assistant, once its proof is right. */
export interface Opened {
  kind: 'key' | 'removed' | 'uncertain';
  assistantId: string;
  orgId: string;
  version: number;
  /** Rekey knows that the version lies ahead of the clock of Redis. */
  ahead: boolean;
  cause: Cause | undefined;
  removal: Removal | undefined;
  /** Of a key. */
  secretKey: string | undefined;
  /** ms since 1970. It stands outside of what is proved. */
  updatedMs: number;
  plaintext: string;
}

/** What an event claims of itself. Nothing proves it. */
export interface Claim {
  type: Opened['kind'];
  assistantId: string;
  version: number;
}

/** `seq` and `run` are claims too, whatever the kind: no proof covers them. */
export type Reading = { seq?: number; run?: number } &
  /** Of an unknown type. */
  (
    | { kind: 'skipped' }
    /** Well-formed, and sealed for others only. */
    | { kind: 'foreign'; claim: Claim }
    | { kind: 'consumer'; name: string }
    /** `claim`: if it is at least about an assistant. */
    | { kind: 'refused'; refusal: Refusal; claim?: Claim }
    | { kind: 'opened'; opened: Opened }
  );

const kinds: ReadonlyMap<unknown, Opened['kind']> = new Map([
  [KEY_ROTATED, 'key'],
  [KEY_REMOVED, 'removed'],
  [KEY_UNCERTAIN, 'uncertain'],
]);

/**
 * Reads an event: all of it is somebody's claim until its proof is seen to be right. Never throws.
 * `isKnown` may say, of its claimed assistant and version, that it can hold nothing new: then it is only seen
 * whether it is for this reader.
 */
export const readEvent = (
  text: string | null,
  reader: SharedKeys,
  isKnown: (assistantId: string, version: number) => boolean = () => false,
): Reading & { isKnown?: true } => {
  const event = parseJson(text);
  if (!isFields(event)) return { kind: 'refused', refusal: refusalOf(event, 'it is no event') };
  const data = isFields(event['data']) ? event['data'] : {};
  const numbered = {
    ...(isNumber(data['seq']) && { seq: data['seq'] }),
    ...(isNumber(data['run']) && { run: data['run'] }),
  };
  const { type, subject } = event;
  if (type === CONSUMER_CHANGED && typeof subject === 'string')
    return { kind: 'consumer', ...numbered, name: subject };
  const kind = kinds.get(type);
  if (kind === undefined) return { kind: 'skipped', ...numbered };
  const claim = isOutside(event)
    ? { type: kind, assistantId: event.subject, version: event.data.version }
    : undefined;
  try {
    const sealed = parseEnvelope(data['sealed']);
    if (!isOutside(event)) throw new SealError('it is not as Rekey makes events');
    if (
      kind !== 'uncertain' &&
      isKnown(event.subject, event.data.version) &&
      sealed.recipients.some(({ header }) => header.kid === reader.kid)
    )
      return { kind: 'skipped', isKnown: true };
    const plaintext = openEnvelope(sealed, reader);
    if (plaintext === undefined)
      return {
        kind: 'foreign',
        ...numbered,
        claim: { type: kind, assistantId: event.subject, version: event.data.version },
      };
    return { kind: 'opened', ...numbered, opened: openedOf(kind, event, plaintext) };
  } catch (error) {
    return {
      kind: 'refused',
      ...numbered,
      refusal: refusalOf(event, error instanceof SealError ? error.message : 'it cannot be read'),
      ...(claim && { claim }),
    };
  }
};

/** What the record says, as Invent answered it. */
export const recordOf = (plaintext: string): Record<string, unknown> =>
  (JSON.parse(plaintext) as { assistant: Record<string, unknown> }).assistant;

type Fields = Record<string, unknown>;

const openedOf = (kind: Opened['kind'], event: UnsealedFields & Fields, plaintext: string): Opened => {
  const {
    org_id: orgId,
    assistant_id: assistantId,
    version,
    cause,
    removal,
    assistant,
    ahead,
  } = parseRecord(plaintext, event);
  const secretKey = kind === 'key' ? (assistant?.secret_key ?? '') : undefined;
  if (secretKey === '') throw new SealError('it is of a key, and holds none');
  if (kind === 'removed' && removal === undefined)
    throw new SealError('it says that there is no key, and not why');
  const updatedMs = Date.parse(String((event.data as Fields & UnsealedFields['data'])['updated_at']));
  // The version is drawn from the clock of Redis, in µs.
  return {
    kind,
    assistantId,
    orgId,
    version,
    ahead: ahead === true,
    cause,
    removal,
    secretKey,
    updatedMs: Number.isNaN(updatedMs) ? Math.floor(version / 1000) : updatedMs,
    plaintext,
  };
};

const isOutside = (event: Fields): event is Fields & UnsealedFields =>
  typeof event['subject'] === 'string' &&
  typeof event['source'] === 'string' &&
  isFields(event['data']) &&
  isNumber(event['data']['version']);
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isNumber = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0;

const MAX_REPORTED_ID = 256;
/** In the bounds that an acknowledgement has for it. */
export const refusalOf = (event: unknown, why: string): Refusal => {
  const { subject, data } = isFields(event) ? event : {};
  const version = isFields(data) ? data['version'] : undefined;
  return {
    assistantId: typeof subject === 'string' ? subject.slice(0, MAX_REPORTED_ID) : '',
    version: isNumber(version) ? version : 0,
    why,
  };
};

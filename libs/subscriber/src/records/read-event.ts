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

/** The content of an event whose proof is valid. */
export interface Opened {
  kind: 'key' | 'removed' | 'uncertain';
  assistantId: string;
  orgId: string;
  version: number;
  /** Rekey knows that the version is ahead of the Redis clock. */
  ahead: boolean;
  cause: Cause | undefined;
  removal: Removal | undefined;
  /** Only if `kind` is `key`. */
  secretKey: string | undefined;
  /** ms since 1970. The proof does not cover it. */
  updatedMs: number;
  plaintext: string;
}

/** What an event claims. Nothing proves it. */
export interface Claim {
  type: Opened['kind'];
  assistantId: string;
  version: number;
  /** Undefined if `source` names none. */
  orgId: string | undefined;
}

/** `seq` and `run` are claims too: no proof covers them. */
export type Reading = { seq?: number; run?: number } &
  /** An unknown type. */
  (
    | { kind: 'skipped' }
    /** Well-formed, and sealed for others only. */
    | { kind: 'foreign'; claim: Claim }
    | { kind: 'consumer'; name: string }
    /** `claim`: present if the event names an assistant. */
    | { kind: 'refused'; refusal: Refusal; claim?: Claim }
    | { kind: 'opened'; opened: Opened }
  );

const kinds: ReadonlyMap<unknown, Opened['kind']> = new Map([
  [KEY_ROTATED, 'key'],
  [KEY_REMOVED, 'removed'],
  [KEY_UNCERTAIN, 'uncertain'],
]);

/**
 * Reads an event. Everything in it is a claim until its proof has been verified. Never throws.
 * `hasNothingNew` can decide by the claimed assistant and version that the event is not worth opening. The
 * event is then skipped if it is sealed for this recipient.
 */
export const readEvent = (
  text: string | null,
  recipient: SharedKeys,
  hasNothingNew: (assistantId: string, version: number) => boolean = () => false,
): Reading & { isKnown?: true } => {
  const event = parseJson(text);
  if (!isFields(event)) return { kind: 'refused', refusal: refusalOf(event, 'it is not an event') };
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
  try {
    const sealed = parseEnvelope(data['sealed']);
    if (!hasUnsealedFields(event)) throw new SealError('it does not have the form of an event');
    if (
      kind !== 'uncertain' &&
      hasNothingNew(event.subject, event.data.version) &&
      sealed.recipients.some(({ header }) => header.kid === recipient.kid)
    )
      return { kind: 'skipped', isKnown: true };
    const plaintext = openEnvelope(sealed, recipient);
    if (plaintext === undefined)
      return {
        kind: 'foreign',
        ...numbered,
        claim: claimOf(kind, event),
      };
    return { kind: 'opened', ...numbered, opened: openedOf(kind, event, plaintext) };
  } catch (error) {
    return {
      kind: 'refused',
      ...numbered,
      refusal: refusalOf(event, error instanceof SealError ? error.message : 'it cannot be read'),
      ...(hasUnsealedFields(event) && { claim: claimOf(kind, event) }),
    };
  }
};

/** The record of the assistant, as Invent returned it. */
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
  if (secretKey === '') throw new SealError('it announces a key and contains none');
  if (kind === 'removed' && removal === undefined)
    throw new SealError('it announces a removal without a reason');
  const updatedMs = Date.parse(String((event.data as Fields & UnsealedFields['data'])['updated_at']));
  // Without a valid time, the version is used: it is drawn from the Redis clock, in µs.
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

const claimOf = (type: Claim['type'], { subject, source, data }: UnsealedFields): Claim => ({
  type,
  assistantId: subject,
  version: data.version,
  orgId: orgIdIn(source),
});
/** The org in `/orgs/ORG/assistants/ID`. */
const orgIdIn = (source: string): string | undefined => {
  try {
    return decodeURIComponent(/^\/orgs\/([^/]+)\//.exec(source)?.[1] ?? '') || undefined;
  } catch {
    return undefined;
  }
};

const hasUnsealedFields = (event: Fields): event is Fields & UnsealedFields =>
  typeof event['subject'] === 'string' &&
  typeof event['source'] === 'string' &&
  isFields(event['data']) &&
  isNumber(event['data']['version']);
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isNumber = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0;

const MAX_REPORTED_ID = 256;
/** Within the limits that acknowledgements have. */
const refusalOf = (event: unknown, why: string): Refusal => {
  const { subject, data } = isFields(event) ? event : {};
  const version = isFields(data) ? data['version'] : undefined;
  return {
    assistantId: typeof subject === 'string' ? subject.slice(0, MAX_REPORTED_ID) : '',
    version: isNumber(version) ? version : 0,
    why,
  };
};

import { CONSUMER_CHANGED, KEY_REMOVED, KEY_ROTATED, KEY_UNCERTAIN, parseJson } from '@rekey/schema';
import { parseEnvelope } from '@rekey/sealing';

/** What an event claims, as far as it decides whom it is for. Nothing proves it. */
export interface EventFacts {
  /** `other`: of a type that this version does not know. `malformed`: every consumer refuses it. */
  kind: 'assistant' | 'consumer' | 'other' | 'malformed';
  /** Undefined if they do not count. */
  seq: number | undefined;
  run: number | undefined;
  subject: string;
  version: number;
  /** The org in `source`; undefined if it names none. */
  orgId: string | undefined;
  /** The org that the assistant was published under before. */
  movedFrom: string | undefined;
  /** The recipients. */
  kids: readonly string[];
}

type Fields = Record<string, unknown>;
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const numberIn = (value: unknown): number | undefined =>
  Number.isSafeInteger(value) && (value as number) > 0 ? (value as number) : undefined;

const KEY_TYPES: ReadonlySet<unknown> = new Set([KEY_ROTATED, KEY_REMOVED, KEY_UNCERTAIN]);
const NO_KIDS: readonly string[] = [];
const MALFORMED: EventFacts = {
  kind: 'malformed',
  seq: undefined,
  run: undefined,
  subject: '',
  version: 0,
  orgId: undefined,
  movedFrom: undefined,
  kids: NO_KIDS,
};

/** The org in `/orgs/ORG/assistants/ID`. */
const orgIn = (source: string): string | undefined => {
  try {
    return decodeURIComponent(/^\/orgs\/([^/]+)\//.exec(source)?.[1] ?? '') || undefined;
  } catch {
    return undefined;
  }
};

const kidsIn = (sealed: unknown): readonly string[] | undefined => {
  try {
    return parseEnvelope(sealed).recipients.map(({ header }) => header.kid);
  } catch {
    return undefined;
  }
};

/** Reads an event as consumers do who cannot open it: what these refuse is malformed. Never throws. */
export const factsOf = (text: string | undefined): EventFacts => {
  const event = parseJson(text);
  if (!isFields(event)) return MALFORMED;
  const data = isFields(event['data']) ? event['data'] : {};
  const { type, subject, source } = event;
  const common = { ...MALFORMED, seq: numberIn(data['seq']), run: numberIn(data['run']) };
  if (type === CONSUMER_CHANGED && typeof subject === 'string')
    return { ...common, kind: 'consumer', subject };
  if (!KEY_TYPES.has(type)) return { ...common, kind: 'other' };
  const version = numberIn(data['version']);
  const kids = kidsIn(data['sealed']);
  if (typeof subject !== 'string' || typeof source !== 'string' || version === undefined || !kids)
    return MALFORMED;
  const { moved_from: movedFrom } = data;
  return {
    ...common,
    kind: 'assistant',
    // JSON can name what no text of a message may be: a client that checks that would refuse the message.
    subject: subject.toWellFormed(),
    version,
    orgId: orgIn(source),
    movedFrom: typeof movedFrom === 'string' ? movedFrom : undefined,
    kids,
  };
};

const MAX_ID_CHARACTERS = 256;
const MAX_SOURCE_CHARACTERS = 2048;
/** A text that is no event is passed on whole up to this length. */
const MAX_MALFORMED_CHARACTERS = 4096;

const short = (value: unknown, most: number): string | undefined =>
  typeof value === 'string' && value.length <= most ? value : undefined;

/**
 * A text that consumers refuse, cut to what they report of it: they refuse what is left too. Whoever can
 * write to Redis must not be able to send long texts to everybody.
 */
export const reduceMalformed = (text: string | undefined, { withSource = true } = {}): string => {
  if (text === undefined) return '';
  if (withSource && text.length <= MAX_MALFORMED_CHARACTERS) return text;
  const event = parseJson(text);
  if (!isFields(event)) return '';
  const data = isFields(event['data']) ? event['data'] : {};
  const { type, subject, source } = event;
  return JSON.stringify({
    type: short(type, MAX_ID_CHARACTERS),
    subject: typeof subject === 'string' ? subject.slice(0, MAX_ID_CHARACTERS) : undefined,
    source: withSource ? short(source, MAX_SOURCE_CHARACTERS) : undefined,
    data: { seq: numberIn(data['seq']), run: numberIn(data['run']), version: numberIn(data['version']) },
  });
};

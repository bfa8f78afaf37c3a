import { Acknowledgement, ConsumerName, MAX_ACKNOWLEDGEMENT_BYTES, StoredId, parseJson } from '@rekey/schema';
import { z } from 'zod';
import { Position } from '../activity/activity-requests.ts';
import { optionalText } from '../requests/fields.ts';

const MAX_RECORDS = 500;
/** The ids that a token holds: with each at its longest, the request is below the limit of a message. */
export const MAX_REMAINING = 128;
const MAX_TOKEN_CHARACTERS = 62 * 1024;

const consumer = ConsumerName;

export const WatchEvents = z.object({ consumer, after: Position });
export const GetSnapshot = z.object({ consumer, pageToken: z.string().max(MAX_TOKEN_CHARACTERS) });
export const GetRecords = z.object({
  consumer,
  assistantIds: z.array(StoredId).max(MAX_RECORDS, `must name at most ${MAX_RECORDS} assistants`),
});
export const GetEventsState = z.object({
  consumer,
  after: optionalText(Position),
  withLastEntries: z.boolean(),
});
export const Acknowledge = z
  .object({
    consumer,
    ack: z
      .string()
      .refine(
        (ack) => Buffer.byteLength(ack) <= MAX_ACKNOWLEDGEMENT_BYTES,
        `must be at most ${MAX_ACKNOWLEDGEMENT_BYTES} bytes`,
      ),
    proof: optionalText(z.string().regex(/^[\w-]{1,128}$/, 'must be a signature in base64url')),
    redisRunId: optionalText(z.string().regex(/^\w{1,64}$/, 'must be the redis_run_id of GetEventsState')),
  })
  .refine(({ ack, consumer: name }) => Acknowledgement.safeParse(parseJson(ack)).data?.consumer === name, {
    path: ['ack'],
    error: 'must be an acknowledgement of this consumer',
  });

/** A larger one is refused by Redis. */
const isCursor = (text: string): boolean => /^\d+$/.test(text) && BigInt(text) < 2n ** 64n;

const Remaining = z.array(StoredId).max(MAX_REMAINING);

/**
 * The place of a page of a snapshot: of which org, or of what is uncertain, and where in its index; and the
 * assistants before it whose records did not fit into the pages before, in base64url.
 */
export const SnapshotPlace = z
  .string()
  .regex(/^(?:r:[\w.~!*'()%-]{1,1024}:\d{1,20}(?::[\w-]+)?|u:\d{1,20})$/)
  .transform((text, context) => {
    const [kind, ...parts] = text.split(':');
    const cursor = (kind === 'u' ? parts[0] : parts[1])!;
    const remaining = Remaining.safeParse(
      parts[2] === undefined ? [] : Buffer.from(parts[2], 'base64url').toString().split('\n'),
    );
    if (!isCursor(cursor) || !remaining.success) {
      context.addIssue({ code: 'custom', message: 'is no place of a snapshot' });
      return z.NEVER;
    }
    return kind === 'u'
      ? { kind: 'uncertain' as const, cursor }
      : { kind: 'records' as const, orgId: decoded(parts[0]!), cursor, remaining: remaining.data };
  });
export type SnapshotPlace =
  | { kind: 'uncertain'; cursor: string }
  | { kind: 'records'; orgId: string; cursor: string; remaining: readonly string[] };

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
};

export const placeText = (place: SnapshotPlace): string => {
  if (place.kind === 'uncertain') return `u:${place.cursor}`;
  const { orgId, cursor, remaining } = place;
  // No id has a line break.
  const rest = remaining.length === 0 ? '' : `:${Buffer.from(remaining.join('\n')).toString('base64url')}`;
  return `r:${encodeURIComponent(orgId)}:${cursor}${rest}`;
};

import { Acknowledgement, ConsumerName, MAX_ACKNOWLEDGEMENT_BYTES, StoredId, parseJson } from '@rekey/schema';
import { z } from 'zod';
import { Position } from '../activity/activity-requests.ts';
import { optionalText } from '../requests/fields.ts';

const MAX_RECORDS = 500;

const consumer = ConsumerName;

export const WatchEvents = z.object({ consumer, after: Position });
export const GetSnapshot = z.object({ consumer, pageToken: z.string().max(4096) });
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
  })
  .refine(({ ack, consumer: name }) => Acknowledgement.safeParse(parseJson(ack)).data?.consumer === name, {
    path: ['ack'],
    error: 'must be an acknowledgement of this consumer',
  });

/** A larger one is refused by Redis. */
const isCursor = (text: string): boolean => /^\d+$/.test(text) && BigInt(text) < 2n ** 64n;

/** The place of a page of a snapshot: of which org, or of what is uncertain, and where in its index. */
export const SnapshotPlace = z
  .string()
  .regex(/^(?:r:[\w.~!*'()%-]{1,1024}:\d{1,20}|u:\d{1,20})$/)
  .refine((text) => isCursor(text.split(':').at(-1)!))
  .transform((text) => {
    const [kind, ...parts] = text.split(':');
    const cursor = parts.at(-1)!;
    return kind === 'u'
      ? { kind: 'uncertain' as const, cursor }
      : { kind: 'records' as const, orgId: decoded(parts[0]!), cursor };
  });
export type SnapshotPlace = z.output<typeof SnapshotPlace>;

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
};

export const placeText = (place: SnapshotPlace): string =>
  place.kind === 'uncertain' ? `u:${place.cursor}` : `r:${encodeURIComponent(place.orgId)}:${place.cursor}`;

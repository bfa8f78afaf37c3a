import { Assistant, KeyedRecord, complaintAboutId } from '@rekey/schema';
import type { UpstreamRecord } from './outcome.ts';
import { hasTwice } from './split-json-array.ts';

/**
 * Characters of a masked key, or of one that was corrupted on its way. A real key never contains them: it is
 * printable and unbroken.
 */
const maskedKey = /[*\u2022\u2026\u25cf\ufffd\s\p{Cc}]|\.\.\./u;

/** A record with its id and the time of its last change, if it states one. */
type ReadRecord = UpstreamRecord & { id: string; updatedMs?: number };

/** The record in a text, or what is wrong with the text, without quoting it. */
export const readRecord = (body: string, assistantId?: string): ReadRecord | string => {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return 'a 200 that is not JSON';
  }
  const whole = Assistant.safeParse(json);
  const parsed = whole.success ? whole : KeyedRecord.safeParse(json);
  if (!parsed.success) return 'a 200 that is not an assistant';
  if (assistantId !== undefined && parsed.data.id !== assistantId) return 'a 200 with another assistant';
  if (hasTwice(body, 'secret_key')) return 'a record that names its secret key twice';
  // As strict as for callers: the id goes into URL paths, Redis keys and log lines.
  if (complaintAboutId(parsed.data.id) !== undefined) return 'a record with an invalid id';
  const unexpected = whole.success ? [] : whole.error.issues.map(({ path }) => path.join('.'));
  const { id, secret_key: secretKey, deleted, updated_at: updatedAt } = parsed.data;
  const updatedMs = typeof updatedAt === 'string' ? Date.parse(updatedAt) : Number.NaN;
  const masked = !!secretKey && maskedKey.test(secretKey);
  return {
    id,
    secretKey: masked ? undefined : secretKey || undefined,
    ...(masked && { masked }),
    deleted: deleted === true,
    json: body,
    unexpected,
    ...(Number.isFinite(updatedMs) && { updatedMs }),
  };
};

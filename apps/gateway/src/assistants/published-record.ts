import { CurrentEvent, RekeyError, parseJson } from '@rekey/schema';
import type { z } from 'zod';

/** An event as the ledger holds it. Throws LEDGER_CORRUPT. */
export const parseEvent = <T extends z.ZodType>(schema: T, text: string): z.output<T> => {
  const parsed = schema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new RekeyError('LEDGER_CORRUPT');
};

/** The org of the event that published an assistant: its source is `/orgs/ORG/assistants/ASSISTANT`. */
export const orgOfRecord = (event: string): string => {
  const { source } = parseEvent(CurrentEvent, event);
  const [, org] = /^\/orgs\/([^/]+)\/assistants\/[^/]+$/.exec(source) ?? [];
  if (org === undefined) throw new RekeyError('LEDGER_CORRUPT');
  return decodeURIComponent(org);
};

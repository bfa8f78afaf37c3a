import { z } from 'zod';
import { jsonText, moment } from '../hash-fields.ts';

const Jump = jsonText.pipe(
  z.object({ since: moment.optional().catch(undefined), offset_ms: z.number().catch(0) }),
);

/**
 * The ledger's note of a jump of the clock of Redis: since when, and by how much. Any client may write it.
 */
export const readJump = (text: string): { sinceMs?: number; offsetMs: number } => {
  const { since, offset_ms: offsetMs } = Jump.safeParse(text).data ?? { offset_ms: 0 };
  return { ...(since !== undefined && { sinceMs: since }), offsetMs };
};

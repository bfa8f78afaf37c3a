import type { LastSweep } from '@rekey/schema';
import { z } from 'zod';
import { moment } from '../../hash-fields.ts';
import { readJson } from './replies.ts';

/** An event that puts an assistant in doubt. */
export const DoubtNote = z
  .object({ time: z.iso.datetime({ offset: true }) })
  .transform(({ time }) => ({ sinceMs: Date.parse(time) }));
export const QuarantineNote = z
  .object({ since: moment, why: z.string() })
  .transform(({ since, why }) => ({ sinceMs: since, why }));
/** Of a stale read, or of a record that is too long. */
export const SinceNote = z
  .object({ since: moment, org: z.string().optional() })
  .transform(({ since, org }) => ({ sinceMs: since, ...(org !== undefined && { orgId: org }) }));
export const HoldingsNote = z.object({
  assistants: z.int().nonnegative(),
  consumers: z.int().nonnegative(),
  policies: z.int().nonnegative(),
});

const EndedSweep = z.object({
  id: z.string(),
  state: z.enum(['SUCCEEDED', 'FAILED']),
  began: moment.optional(),
  ended: moment,
  compared: z.int().nonnegative(),
  error: z.string().regex(/^[A-Z_]{0,64}$/),
});

/** The ledger's note of the last sweep of everything. */
export const readSweepNote = (
  text: string | null | undefined,
): (LastSweep & { beganMs?: number }) | undefined => {
  const parsed = readJson(EndedSweep, text ?? '');
  if (!parsed) return undefined;
  const { id, state, began, ended, compared, error } = parsed;
  return {
    id,
    state,
    endedMs: ended,
    compared,
    ...(began !== undefined && { beganMs: began }),
    ...(error !== '' && { errorCode: error }),
  };
};

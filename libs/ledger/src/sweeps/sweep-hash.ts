import { RekeyError, SweepState, noSweepCounts, type Sweep } from '@rekey/schema';
import { z } from 'zod';
import { count, jsonText, optional } from '../hash-fields.ts';

const CountsText = jsonText.pipe(
  z.object({
    requests: count,
    compared: count,
    agreed: count,
    imported: count,
    adopted: count,
    removed: count,
    held: count,
    unresolved: count,
  }),
);

const SweepHash = z.object({
  org: optional(z.string()),
  state: SweepState,
  created: count,
  started: optional(count),
  updated: count,
  ended: optional(count),
  counts: CountsText.optional(),
  error: optional(z.string()),
  requested_by: optional(z.string()),
});

/** A sweep from its hash in Redis. Throws LEDGER_CORRUPT, which names the sweep and the invalid fields. */
export const parseSweep = (id: string, hash: Record<string, string>): Sweep => {
  const parsed = SweepHash.safeParse(hash);
  if (!parsed.success) {
    const fields = parsed.error.issues.map(({ path }) => path.join('.')).join(', ');
    throw new RekeyError('LEDGER_CORRUPT', { cause: new Error(`sweep ${id}: ${fields}`) });
  }
  const { org, state, created, started, updated, ended, counts, error } = parsed.data;
  const sweep = {
    id,
    orgId: org,
    state,
    createdMs: created,
    startedMs: started,
    updatedMs: updated,
    endedMs: ended,
    counts: counts ?? { ...noSweepCounts },
    errorCode: error,
    requestedBy: parsed.data.requested_by,
  };
  return Object.fromEntries(
    Object.entries(sweep).filter(([, value]) => value !== undefined),
  ) as unknown as Sweep;
};

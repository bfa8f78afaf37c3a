import { isErrorCode, type ErrorCode, type HeldOrgStatus } from '@rekey/schema';
import { z } from 'zod';
import { jsonText, moment } from '../hash-fields.ts';

/**
 * An error code from a command or from the ledger. A code that this version does not know means
 * KEYS_NOT_SHOWN.
 */
export const errorCodeOf = (code: unknown): ErrorCode =>
  typeof code === 'string' && isErrorCode(code) ? code : 'KEYS_NOT_SHOWN';

const count = z.int().nonnegative().optional();
const Hold = jsonText.pipe(
  z.object({ since: moment, code: z.string().regex(/^[A-Z_]{1,64}$/), affected: count, known: count }),
);

/**
 * The held orgs, from the fields of `{rekey}:held`, longest first. An entry that cannot be read holds its org
 * too.
 */
export const heldOrgsOf = (entries: [orgId: string, text: string][]): HeldOrgStatus[] =>
  entries
    .map(([orgId, text]): HeldOrgStatus => {
      const parsed = Hold.safeParse(text);
      if (!parsed.success) return { orgId, code: 'LEDGER_CORRUPT' };
      const { since, code, affected, known } = parsed.data;
      return {
        orgId,
        sinceMs: since,
        code,
        ...(affected !== undefined && { affected }),
        ...(known !== undefined && { known }),
      };
    })
    .toSorted((a, b) => (a.sinceMs ?? 0) - (b.sinceMs ?? 0));

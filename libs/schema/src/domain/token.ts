import { z } from 'zod';
import { SHORT_NAME, SHORT_NAME_COMPLAINT } from '../text/short-name.ts';
import { OrgId, StoredId } from './ids.ts';
import { DAY_MS } from './policy.ts';

/** The name of an access token: its caller is `token:NAME`. */
export const TokenName = z.string().regex(SHORT_NAME, SHORT_NAME_COMPLAINT);

export const MAX_TOKENS = 200;
export const MAX_TOKEN_TTL_MS = 366 * DAY_MS;
const MAX_ORGS = 50;

/** The orgs in which a token has its role; `*` for all. */
export const TokenOrgs = z
  .array(z.union([z.literal('*'), OrgId]))
  .min(1, 'must name at least one org, or *')
  .max(MAX_ORGS, `must name at most ${MAX_ORGS} orgs`);

/** An access token as the signed registry has it. */
export const StoredToken = z.object({
  /** Of the whole token, in base64url. */
  sha256: z.string().length(43),
  role: z.string(),
  orgs: z
    .array(z.union([z.literal('*'), StoredId]))
    .min(1)
    .max(MAX_ORGS),
  /** The principal that had it made. */
  requested_by: z.string().max(512),
  created_ms: z.int().nonnegative(),
  /** When it expires, if what the registry knows of its name is kept for longer. */
  expires_ms: z.int().nonnegative().optional(),
});
export type StoredToken = z.infer<typeof StoredToken>;

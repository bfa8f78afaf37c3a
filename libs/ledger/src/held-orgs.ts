import { isErrorCode, type ErrorCode } from '@rekey/schema';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { jsonText } from './hash-fields.ts';
import type { Keys } from './keys.ts';

/** An org of which nothing is published that a read alone says against the ledger. Times are Redis time, in ms since 1970. */
export interface HeldOrg {
  orgId: string;
  /** Absent if the entry cannot be read. */
  sinceMs?: number;
  code: ErrorCode;
  affected: number;
  known: number;
}

/** A code that a command has answered with or that stands in the ledger; one that this version does not know says only that keys cannot be believed. */
export const errorCodeOf = (code: unknown): ErrorCode => (typeof code === 'string' && isErrorCode(code) ? code : 'KEYS_NOT_SHOWN');

const count = z.int().nonnegative();
const Hold = jsonText.pipe(z.object({ since: z.int().nonnegative().max(8_640_000_000_000_000), code: z.string(), affected: count, known: count }));

/** The orgs that are held, longest first. An entry that cannot be read holds its org all the same. */
export const readHeldOrgs = async (redis: Redis, keys: Keys): Promise<HeldOrg[]> =>
  Object.entries(await redis.hgetall(keys.held))
    .map(([orgId, text]): HeldOrg => {
      const parsed = Hold.safeParse(text);
      if (!parsed.success) return { orgId, code: errorCodeOf(undefined), affected: 0, known: 0 };
      const { since, code, affected, known } = parsed.data;
      return { orgId, sinceMs: since, code: errorCodeOf(code), affected, known };
    })
    .toSorted((a, b) => (a.sinceMs ?? 0) - (b.sinceMs ?? 0));

import { z } from 'zod';

/** A count in a field of a hash. */
export const count = z.coerce.number().int().nonnegative();

/** In ms since 1970; no more than a Date can hold. */
export const moment = z.int().nonnegative().max(8_640_000_000_000_000);

/** Redis has no null: an empty text means that a field is absent. */
export const optional = <T extends z.ZodType>(schema: T) =>
  z.union([z.literal('').transform(() => undefined), schema]).optional();

/** A hash from the reply of a Lua command: field, value, field, value, … */
export const flatHash = (reply: unknown): Record<string, string> => {
  const flat = reply as string[];
  const hash: Record<string, string> = {};
  for (let i = 0; i + 1 < flat.length; i += 2) hash[flat[i]!] = flat[i + 1]!;
  return hash;
};

/** A field that holds JSON. */
export const jsonText = z.string().transform((text, ctx): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    ctx.addIssue({ code: 'custom', message: 'is not JSON' });
    return z.NEVER;
  }
});

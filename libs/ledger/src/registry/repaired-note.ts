import { parseJson } from '@rekey/schema';
import { z } from 'zod';
import { SHOWN_FOR_MS, repairedCodes, type RegistryProblem } from './problems.ts';

/**
 * What a process has repaired, for the status that other processes show. It stands in the ledger, unproved: the
 * log of that process says the same.
 */
const Note = z.array(
  z.object({
    code: z.enum(repairedCodes),
    subject: z.string().max(63),
    detail: z.string().max(500),
    sinceMs: z.int().nonnegative(),
  }),
);
const NOTED = 20;

export const repairedNote = (problems: readonly RegistryProblem[]): string =>
  JSON.stringify(
    problems
      .filter(({ repaired }) => repaired)
      .slice(-NOTED)
      .map(({ code, subject, detail, sinceMs }) => ({
        code,
        subject,
        detail: detail.slice(0, 500),
        sinceMs,
      })),
  );

export const readRepaired = (text: string | undefined): RegistryProblem[] => {
  const parsed = Note.safeParse(parseJson(text));
  if (!parsed.success) return [];
  const since = Date.now() - SHOWN_FOR_MS;
  return parsed.data
    .filter(({ sinceMs }) => sinceMs >= since && sinceMs <= Date.now() + SHOWN_FOR_MS)
    .slice(0, NOTED)
    .map((one) => ({ ...one, repaired: true as const }));
};

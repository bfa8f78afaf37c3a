import { randomBytes } from 'node:crypto';
import { appendFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import type { KeptWorld } from './state.ts';

const State = z.object({
  orgId: z.string(),
  secretKey: z.string().nullable(),
  previousKey: z.string().nullable(),
  rotations: z.number().int(),
  updatedAt: z.string(),
  deleted: z.boolean(),
});
const Line = z.union([z.object({ seed: z.string() }), z.object({ id: z.string(), state: State })]);

/**
 * Keeps a world in a file, so that it survives its process as Invent does. Otherwise every key would change
 * at a restart, and a ledger would see an org whose keys have all changed. The file has a JSON object per
 * line: the seed, then states, of which the last one of an assistant counts. Not kept: assistants created or
 * deleted by hand, and patches of records.
 */
export const openKeptWorld = (path: string): KeptWorld => {
  const lines = readLines(path);
  const seed = lines.find((line) => 'seed' in line)?.seed ?? randomBytes(32).toString('base64url');
  const touched = new Map(lines.filter((line) => 'id' in line).map(({ id, state }) => [id, state]));
  const text = [{ seed }, ...[...touched].map(([id, state]) => ({ id, state }))]
    .map((line) => `${JSON.stringify(line)}\n`)
    .join('');
  // Rewritten with one line per assistant.
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
  return {
    seed,
    touched,
    // A full disk does not stop the simulator: a key that it could not keep changes at the next restart.
    keep: (id, { orgId, secretKey, previousKey, rotations, updatedAt, deleted }) => {
      const state = { orgId, secretKey, previousKey, rotations, updatedAt, deleted };
      append(path, `${JSON.stringify({ id, state })}\n`);
    },
  };
};

const append = (path: string, line: string): void => {
  try {
    appendFileSync(path, line);
  } catch (error) {
    console.error(
      `simulator: cannot write ${path} (${(error as NodeJS.ErrnoException).code}): a key is not kept`,
    );
  }
};

/** Ignores an incomplete last line, which a killed process leaves behind. */
const readLines = (path: string): z.infer<typeof Line>[] => {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const complete = text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter(Boolean);
  return complete.map((line, i) => {
    const parsed = Line.safeParse(parseJson(line));
    if (!parsed.success)
      throw new Error(
        `${path} is not a file of the simulator (line ${i + 1}): remove it to start with new keys`,
      );
    return parsed.data;
  });
};

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

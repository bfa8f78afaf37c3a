import { ReplyTooLarge, type AssistantSince } from '@rekey/schema';
import type { ChainableCommander, Redis } from 'ioredis';
import type { z } from 'zod';
import { moment } from '../../hash-fields.ts';
import type { Connection } from '../../connection.ts';
import { isWrongType } from '../../scripts/run.ts';
import { systemCommands } from '../commands.generated.ts';

/** How many entries of a long list are shown, and how many are looked at to find those. */
export const SHOWN = 100;
export const LOOKED_AT = 1000;

/** The replies of a pipeline. */
export const replies = async (pipeline: ChainableCommander): Promise<unknown[]> =>
  ((await pipeline.exec()) ?? []).map(([error, reply]) => {
    if (error) throw error;
    return reply;
  });

/** The same; null for an entry of a wrong type, which must not hide the others. */
export const readableReplies = async (pipeline: ChainableCommander): Promise<unknown[]> =>
  ((await pipeline.exec()) ?? []).map(([error, reply]) => (error ? null : reply));

/** The named fields of several hashes, each as a list; null for an entry of a wrong type. */
export const fieldsOf = async (
  redis: Redis,
  hashes: string[],
  ...fields: string[]
): Promise<((string | null)[] | null)[]> =>
  (await readableReplies(
    hashes.reduce((pipeline, key) => pipeline.hmget(key, ...fields), redis.pipeline()),
  )) as ((string | null)[] | null)[];

/** A key of another type, or of a length that Rekey never writes, reads as if it were missing. */
export const unlessDamaged = <T>(reading: Promise<T>, otherwise: T): Promise<T> =>
  reading.catch((error: unknown) => {
    if (isWrongType(error) || error instanceof ReplyTooLarge) return otherwise;
    throw error;
  });

/** No note in a hash that the status reads is as long; all of them together fit into a reply. */
const MAX_FIELD_BYTES = 8192;
/** An event that puts an assistant in doubt is sealed for each consumer. */
export const MAX_NOTICE_BYTES = 1024 * 1024;

/**
 * The fields and values of a hash: all of a short one, about LOOKED_AT of a long one. `hasLonger`: without a
 * field that is longer than any that Rekey writes.
 */
export const someFields = async (
  { run }: Connection,
  key: string,
  maxBytes = MAX_FIELD_BYTES,
): Promise<{ fields: [string, string][]; hasLonger: boolean }> => {
  const reply = await systemCommands(run).shortFields({ hash: key, count: LOOKED_AT, maxBytes });
  const { pairs, hasLonger } = reply;
  const fields: [string, string][] = [];
  for (let i = 0; i + 1 < pairs.length; i += 2) fields.push([pairs[i]!, pairs[i + 1]!]);
  return { fields, hasLonger };
};

export const longestFirst = <T extends AssistantSince>(entries: T[]): T[] =>
  entries.toSorted((a, b) => (a.sinceMs ?? 0) - (b.sinceMs ?? 0)).slice(0, SHOWN);

/** A moment under a name, if the text is one. */
export const momentOf = <K extends string>(
  name: K,
  text: string | null | undefined,
): { [P in K]?: number } => {
  const isMoment = typeof text === 'string' && text !== '' && moment.safeParse(Number(text)).success;
  return (isMoment ? { [name]: Number(text) } : {}) as { [P in K]?: number };
};

export const numberOf = (text: string | null | undefined): number => {
  const number = Number(text ?? 0);
  return Number.isFinite(number) && number > 0 ? Math.floor(number) : 0;
};

/** JSON text as a schema has it; undefined if it does not fit. */
export const readJson = <T extends z.ZodType>(schema: T, text: string): z.output<T> | undefined => {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
};

import {
  complaintAboutAddress,
  complaintAboutRedisUrl,
  complaintAboutVariable,
  valueOfVariable,
} from '@rekey/schema';
import { z } from 'zod';
import { readRedisUrlFile } from './redis-url-file.ts';

class ConfigError extends Error {
  constructor(complaints: string[]) {
    super(`Invalid environment variables:\n${complaints.map((line) => `  ${line}`).join('\n')}`);
    this.name = 'ConfigError';
  }
}

/**
 * Parses the environment once. A complaint names the variable and says what it must be, never its value.
 * White space around a value is ignored; an empty variable counts as unset.
 */
export const parseEnvironment = <T extends z.ZodType>(schema: T, env: NodeJS.ProcessEnv): z.output<T> => {
  const given = Object.fromEntries(
    Object.entries(env)
      .map(([name, value]) => [name, valueOfVariable(value)])
      .filter(([, value]) => value !== undefined),
  ) as Record<string, string>;
  const known = Object.keys((schema as { shape?: object }).shape ?? {});
  const unusable = known.flatMap((name) => {
    const complaint = given[name] === undefined ? undefined : complaintAboutVariable(name, given[name]);
    return complaint === undefined ? [] : [`${name}: ${complaint}`];
  });
  if (unusable.length > 0) throw new ConfigError(unusable);
  const inFile = known.includes('REDIS_URL_FILE') && given['REDIS_URL_FILE'] !== undefined;
  if (inFile) given['REDIS_URL'] = redisUrlFromFile(given, given['REDIS_URL_FILE']!);
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new ConfigError(
    parsed.error.issues.map(({ path, message, code }) => {
      const name = path.join('.');
      if (name === '') return message;
      if (name === 'REDIS_URL' && inFile) return `REDIS_URL_FILE: the file holds a URL that ${message}`;
      return `${name}: ${code === 'invalid_type' && given[name] === undefined ? 'is required' : message}`;
    }),
  );
};

const redisUrlFromFile = (given: Record<string, string>, path: string): string => {
  if (given['REDIS_URL'] !== undefined)
    throw new ConfigError(['REDIS_URL_FILE: cannot be given together with REDIS_URL']);
  const read = readRedisUrlFile(path, { mounted: given['REKEY_MOUNTED_SECRETS'] === 'true' });
  if ('complaint' in read) throw new ConfigError([`REDIS_URL_FILE: ${read.complaint}`]);
  return read.url;
};

/** A whole number in a range, with a default. */
export const intVariable = (range: { min: number; max: number; default: number }) =>
  z
    .string()
    .regex(/^\d+$/, 'must be a whole number')
    .transform(Number)
    .refine((n) => n >= range.min && n <= range.max, `must be from ${range.min} to ${range.max}`)
    .default(range.default);

/** `true` or `false`; the default is `false`. */
export const booleanVariable = z
  .enum(['true', 'false'], { error: 'must be true or false' })
  .default('false')
  .transform((text) => text === 'true');

/** `HOST:PORT`, with an IPv6 host in brackets. */
export const addressVariable = z.string().superRefine((text, ctx) => {
  const message = complaintAboutAddress(text);
  if (message !== undefined) ctx.addIssue({ code: 'custom', message });
});

/** What a process remembers of the registry of consumers: variables of gateways and workers. */
export const registryVariables = {
  /** The path of a file, beside the data of the ledger, with the last registry that was believed. */
  REKEY_REGISTRY_MEMORY: z.string().optional(),
  /** The revision of the registry below which none is believed; 0 for none. */
  REKEY_REGISTRY_MIN_REV: intVariable({ min: 0, max: Number.MAX_SAFE_INTEGER, default: 0 }),
};

/** The variables of every long-running process of Rekey. */
export const commonVariables = {
  REDIS_URL: z
    .string()
    .superRefine((text, ctx) => {
      const complaint = complaintAboutRedisUrl(text);
      if (complaint !== undefined) ctx.addIssue({ code: 'custom', message: complaint });
    })
    .default('redis://127.0.0.1:6379'),
  /** The path of a file with the URL: `parseEnvironment` takes REDIS_URL from it. */
  REDIS_URL_FILE: z.string().optional(),
  /** Owners and readers of files with secrets are those of a container platform, and are accepted. */
  REKEY_MOUNTED_SECRETS: booleanVariable,
  REKEY_PREFIX: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 letters, digits, _ or -')
    .default('rekey'),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
      error: 'must be one of trace, debug, info, warn, error, fatal, silent',
    })
    .default('info'),
  /**
   * The number of Redis replicas that have to confirm an accepted rotation, and an intent before its POST;
   * and the time limit for that.
   */
  REKEY_WAIT_REPLICAS: intVariable({ min: 0, max: 10, default: 0 }),
  REKEY_WAIT_REPLICAS_MS: intVariable({ min: 1, max: 4000, default: 1000 }),
  REKEY_REQUIRE_DURABLE_REDIS: booleanVariable,
  /** Nothing new is accepted while entries could be trimmed before they are archived. */
  REKEY_ARCHIVE_REQUIRED: booleanVariable,
  /** Rekey may start a new ledger without an operator if the ledger has vanished from Redis. */
  REKEY_ALLOW_NEW_LEDGER: booleanVariable,
  /** The deadline of the shutdown after SIGTERM. */
  REKEY_SHUTDOWN_TIMEOUT_MS: intVariable({ min: 100, max: 600_000, default: 45_000 }),
};

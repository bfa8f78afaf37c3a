import {
  complaintAboutAddress,
  complaintAboutRedisUrl,
  complaintAboutVariable,
  valueOfVariable,
} from '@rekey/schema';
import { z } from 'zod';

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
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new ConfigError(
    parsed.error.issues.map(({ path, message, code }) => {
      const name = path.join('.');
      if (name === '') return message;
      return `${name}: ${code === 'invalid_type' && given[name] === undefined ? 'is required' : message}`;
    }),
  );
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

/** The variables of every long-running process of Rekey. */
export const commonVariables = {
  REDIS_URL: z
    .string()
    .superRefine((text, ctx) => {
      const complaint = complaintAboutRedisUrl(text);
      if (complaint !== undefined) ctx.addIssue({ code: 'custom', message: complaint });
    })
    .default('redis://127.0.0.1:6379'),
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
  /** Rekey may start a new ledger without an operator if the ledger has vanished from Redis. */
  REKEY_ALLOW_NEW_LEDGER: booleanVariable,
  /** The deadline of the shutdown after SIGTERM. */
  REKEY_SHUTDOWN_TIMEOUT_MS: intVariable({ min: 100, max: 600_000, default: 45_000 }),
};

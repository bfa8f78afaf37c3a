import { DEFAULT_KEEP_EVENTS } from '@rekey/ledger';
import { ApiKey, parseBaseUrl } from '@rekey/invent';
import { addressVariable, booleanVariable, commonVariables, intVariable } from '@rekey/runtime';
import { z } from 'zod';

const hostList = z.string().default('').transform((text) => text.split(',').map((host) => host.trim()).filter(Boolean));

export const WorkerEnvironment = z
  .object({
    ...commonVariables,
    INVENT_BASE_URL: z.string().default('https://api.useinvent.com'),
    /** Hosts beside loopback that may be reached by plain HTTP. */
    INVENT_PLAIN_HTTP_HOSTS: hostList,
    INVENT_API_KEY: ApiKey.optional(),
    INVENT_API_KEYS_FILE: z.string().optional(),
    INVENT_REQUESTS_PER_MINUTE: intVariable({ min: 0, max: 10_000_000, default: 500 }),
    INVENT_EGRESS: z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/, 'must be 1 to 64 letters, digits, _ . or -').default('default'),
    INVENT_TIMEOUT_MS: intVariable({ min: 100, max: 300_000, default: 30_000 }),
    REKEY_KEY_FILE: z.string(),
    REKEY_LANDING_WINDOW_MS: intVariable({ min: 100, max: 3_600_000, default: 90_000 }),
    REKEY_READ_LAG_MS: intVariable({ min: 0, max: 600_000, default: 5000 }),
    REKEY_FRESH_FOR_MS: intVariable({ min: 0, max: 365 * 24 * 3_600_000, default: 24 * 3_600_000 }),
    REKEY_TAKEOVER_AFTER_MS: intVariable({ min: 1000, max: 600_000, default: 30_000 }),
    REKEY_RETRY_FOR_MS: intVariable({ min: 0, max: 7 * 24 * 3_600_000, default: 3_600_000 }),
    REKEY_MAX_UNKNOWNS: intVariable({ min: 1, max: 10_000, default: 20 }),
    REKEY_OBSERVE_ONLY: booleanVariable,
    REKEY_SWEEP_EVERY_MS: intVariable({ min: 0, max: 30 * 24 * 3_600_000, default: 3_600_000 }),
    REKEY_KEEP_EVENTS: intVariable({ min: 100, max: 10_000_000, default: DEFAULT_KEEP_EVENTS }),
    REKEY_KEEP_ROTATIONS: intVariable({ min: 0, max: 10_000_000, default: 100_000 }),
    REKEY_KEEP_BULKS: intVariable({ min: 0, max: 100_000, default: 100 }),
    REKEY_KEEP_ROTATIONS_DAYS: intVariable({ min: 1, max: 3650, default: 30 }),
    WORKER_CONCURRENCY: intVariable({ min: 1, max: 1000, default: 64 }),
    WORKER_HEALTH_ADDRESS: addressVariable.optional(),
  })
  .superRefine((env, ctx) => {
    const complain = (name: string, message: string) => ctx.addIssue({ code: 'custom', path: [name], message });
    if (!env.INVENT_API_KEY && !env.INVENT_API_KEYS_FILE) complain('INVENT_API_KEY', 'is required, or INVENT_API_KEYS_FILE');
    if (env.INVENT_API_KEY && env.INVENT_API_KEYS_FILE) complain('INVENT_API_KEY', 'cannot be given together with INVENT_API_KEYS_FILE');
    if (env.REKEY_SHUTDOWN_TIMEOUT_MS <= env.INVENT_TIMEOUT_MS) complain('REKEY_SHUTDOWN_TIMEOUT_MS', 'must be longer than INVENT_TIMEOUT_MS');
    if (env.REKEY_LANDING_WINDOW_MS < env.INVENT_TIMEOUT_MS) complain('REKEY_LANDING_WINDOW_MS', 'must not be shorter than INVENT_TIMEOUT_MS');
    try {
      parseBaseUrl(env.INVENT_BASE_URL, env.INVENT_PLAIN_HTTP_HOSTS);
    } catch (error) {
      complain('INVENT_BASE_URL', error instanceof z.ZodError ? 'must be a URL' : (error as Error).message);
    }
  });
export type WorkerEnvironment = z.infer<typeof WorkerEnvironment>;

import { ORG_ALIAS, OrgId } from '@rekey/schema';
import { z } from 'zod';
import {
  addressVariable,
  booleanVariable,
  commonVariables,
  intVariable,
  registryVariables,
} from './environment.ts';

const hostList = z
  .string()
  .default('')
  .transform((text) =>
    text
      .split(',')
      .map((host) => host.trim())
      .filter(Boolean),
  );

const optionalText = z.string().optional();
/** The proxy for Invent, and the hosts that are reached without it. */
const proxyVariables = {
  https_proxy: optionalText,
  HTTPS_PROXY: optionalText,
  http_proxy: optionalText,
  HTTP_PROXY: optionalText,
  all_proxy: optionalText,
  ALL_PROXY: optionalText,
  no_proxy: optionalText,
  NO_PROXY: optionalText,
};

/** The variables of a worker, except its key file and API keys. `rekey doctor` checks the same variables. */
export const workerVariables = {
  ...commonVariables,
  ...registryVariables,
  ...proxyVariables,
  INVENT_BASE_URL: z.string().default('https://api.useinvent.com'),
  /** Hosts other than loopback that may be reached by plain HTTP. */
  INVENT_PLAIN_HTTP_HOSTS: hostList,
  INVENT_API_KEY_FILE: z.string().optional(),
  INVENT_API_KEYS_FILE: z.string().optional(),
  /** The org that Invent's alias `c` stands for. */
  INVENT_ORG_ID: OrgId.refine(
    (orgId) => orgId !== ORG_ALIAS,
    'must be the real id of the org, not its alias c',
  ).optional(),
  INVENT_REQUESTS_PER_MINUTE: intVariable({ min: 0, max: 10_000_000, default: 500 }),
  INVENT_EGRESS: z
    .string()
    .regex(/^[A-Za-z0-9_.-]{1,64}$/, 'must be 1 to 64 letters, digits, _ . or -')
    .default('default'),
  INVENT_TIMEOUT_MS: intVariable({ min: 100, max: 300_000, default: 30_000 }),
  REKEY_LANDING_WINDOW_MS: intVariable({ min: 100, max: 3_600_000, default: 90_000 }),
  REKEY_READ_LAG_MS: intVariable({ min: 0, max: 600_000, default: 5000 }),
  REKEY_CONFIRM_AFTER_MS: intVariable({ min: 0, max: 3_600_000, default: 30_000 }),
  REKEY_MAX_CHANGED_PERCENT: intVariable({ min: 0, max: 100, default: 25 }),
  REKEY_TAKEOVER_AFTER_MS: intVariable({ min: 1000, max: 600_000, default: 30_000 }),
  REKEY_RETRY_FOR_MS: intVariable({ min: 0, max: 7 * 24 * 3_600_000, default: 3_600_000 }),
  REKEY_MAX_UNKNOWNS: intVariable({ min: 1, max: 10_000, default: 20 }),
  REKEY_MAX_UNKNOWNS_IN_ALL: intVariable({ min: 1, max: 100_000, default: 1000 }),
  REKEY_OBSERVE_ONLY: booleanVariable,
  REKEY_SWEEP_EVERY_MS: intVariable({ min: 0, max: 30 * 24 * 3_600_000, default: 3_600_000 }),
  REKEY_KEEP_EVENTS: intVariable({ min: 100, max: 10_000_000, default: 10_000 }),
  REKEY_KEEP_ACTIVITY: intVariable({ min: 100, max: 100_000_000, default: 1_000_000 }),
  /** The folder that this worker archives both streams to; it archives nothing without it. */
  REKEY_ARCHIVE_DIR: z.string().optional(),
  REKEY_ARCHIVE_SEGMENT_BYTES: intVariable({ min: 10_000, max: 1_000_000_000, default: 67_108_864 }),
  REKEY_ARCHIVE_SEGMENT_MS: intVariable({ min: 1000, max: 86_400_000, default: 300_000 }),
  REKEY_ARCHIVE_MAX_BEHIND: intVariable({ min: 1000, max: 10_000_000, default: 100_000 }),
  REKEY_KEEP_ROTATIONS: intVariable({ min: 0, max: 10_000_000, default: 100_000 }),
  REKEY_KEEP_BULKS: intVariable({ min: 0, max: 100_000, default: 100 }),
  REKEY_KEEP_ROTATIONS_DAYS: intVariable({ min: 1, max: 3650, default: 30 }),
  WORKER_CONCURRENCY: intVariable({ min: 1, max: 1000, default: 64 }),
  WORKER_HEALTH_ADDRESS: addressVariable.optional(),
};

/** The ways to configure API keys, of which one is used. */
const API_KEY_VARIABLES = ['INVENT_API_KEY', 'INVENT_API_KEY_FILE', 'INVENT_API_KEYS_FILE'] as const;

interface Related {
  INVENT_API_KEY?: string | undefined;
  INVENT_API_KEY_FILE?: string | undefined;
  INVENT_API_KEYS_FILE?: string | undefined;
  INVENT_TIMEOUT_MS: number;
  REKEY_LANDING_WINDOW_MS: number;
  REKEY_SHUTDOWN_TIMEOUT_MS: number;
}

/** Reports variables of a worker that contradict each other. */
export const refineWorkerVariables = (env: Related, ctx: z.RefinementCtx): void => {
  const complain = (name: string, message: string) => ctx.addIssue({ code: 'custom', path: [name], message });
  const [first, second] = API_KEY_VARIABLES.filter((name) => env[name] !== undefined);
  if (first && second) complain(first, `cannot be given together with ${second}`);
  if (env.REKEY_SHUTDOWN_TIMEOUT_MS <= env.INVENT_TIMEOUT_MS)
    complain('REKEY_SHUTDOWN_TIMEOUT_MS', 'must be longer than INVENT_TIMEOUT_MS');
  if (env.REKEY_LANDING_WINDOW_MS < env.INVENT_TIMEOUT_MS)
    complain('REKEY_LANDING_WINDOW_MS', 'must not be shorter than INVENT_TIMEOUT_MS');
};

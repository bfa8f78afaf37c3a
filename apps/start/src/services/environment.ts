import { resolve } from 'node:path';
import { readRedisUrlFile } from '@rekey/runtime';
import { complaintAboutRedisUrl, complaintAboutVariable, valueOfVariable } from '@rekey/schema';

/** The value of a variable of this process; undefined if unset or empty. */
export const readVariable = (name: string): string | undefined => {
  const value = valueOfVariable(process.env[name]);
  const complaint = value === undefined ? undefined : complaintAboutVariable(name, value);
  if (complaint !== undefined) throw new Error(`${name}: ${complaint}`);
  return value;
};

/** Whether API keys of Invent are configured. Without any, the simulator stands in for Invent. */
export const hasApiKeys = (): boolean =>
  ['INVENT_API_KEY', 'INVENT_API_KEY_FILE', 'INVENT_API_KEYS_FILE'].some((name) => readVariable(name));

/** The URL of the user's own Redis, and the variable for it; undefined if none is configured. */
export const givenRedis = (): { url: string; variables: Record<string, string> } | undefined => {
  const url = readVariable('REDIS_URL');
  const path = readVariable('REDIS_URL_FILE');
  if (path === undefined) return url === undefined ? undefined : { url, variables: { REDIS_URL: url } };
  if (url !== undefined) throw new Error('REDIS_URL_FILE: cannot be given together with REDIS_URL');
  const read = readRedisUrlFile(path, { mounted: readVariable('REKEY_MOUNTED_SECRETS') === 'true' });
  const invalid = 'url' in read ? complaintAboutRedisUrl(read.url) : undefined;
  if (invalid !== undefined) throw new Error(`REDIS_URL_FILE: the file holds a URL that ${invalid}`);
  if ('complaint' in read) throw new Error(`REDIS_URL_FILE: ${read.complaint}`);
  return { url: read.url, variables: { REDIS_URL_FILE: resolve(path) } };
};

type Part = 'gateway' | 'worker';

/** What Node reads, and not NODE_AUTH_TOKEN, with which npm publishes. */
const OF_NODE =
  'NODE_(ENV|OPTIONS|EXTRA_CA_CERTS|USE_SYSTEM_CA|TLS_REJECT_UNAUTHORIZED|ICU_DATA|COMPILE_CACHE|' +
  'V8_COVERAGE|DEBUG|DEBUG_NATIVE|NO_WARNINGS|REDIRECT_WARNINGS|PENDING_DEPRECATION)';
const OF_DEBUG = 'DEBUG(_COLORS|_DEPTH|_FD|_HIDE_DATE|_SHOW_HIDDEN)?';
/** What every process needs, whatever it does. */
const OF_EVERY_PROCESS = new RegExp(
  `^(PATH|HOME|USER|TZ|TMPDIR|LANG|LC_\\w+|SSL_CERT_(FILE|DIR)|LOG_LEVEL|${OF_NODE}|${OF_DEBUG})$`,
);
const OF: Record<Part, RegExp> = {
  gateway: /^(REKEY_(?!KEY_FILE$)|GRPC_|GATEWAY_)/,
  worker: /^(REKEY_|INVENT_|WORKER_|(https?|all|no)_proxy$)/i,
};

/**
 * The variables of this process that a part needs. The gateway, which requests nothing from Invent, gets
 * neither API keys nor the key file nor the proxy, whose URL may hold a password.
 */
export const environmentOf = (part: Part): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(([name]) => OF_EVERY_PROCESS.test(name) || OF[part].test(name)),
  );

import {
  ApiKey,
  ProxyVariableError,
  apiKeysFromFile,
  createInventClient,
  parseBaseUrl,
  proxyFor,
  singleApiKey,
  type ApiKeys,
  type ListOutcome,
  type Proxy,
} from '@rekey/invent';
import { createLedger, ledgerKeys, missingRights } from '@rekey/ledger';
import {
  STOP_ACCEPTING_AT,
  createRedisConnections,
  listRights,
  parseEnvironment,
  refineWorkerVariables,
  probeWrite,
  workerVariables,
  type StartError,
} from '@rekey/runtime';
import { errorTable } from '@rekey/schema';
import { createSealer, loadKeyFile } from '@rekey/sealing';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { CliError, exitCodes } from '../failure.ts';
import { askHealth } from './health.ts';
import type { TakenFromStart } from '../running-start.ts';

/**
 * What was looked at, how it is, and, where it is not well, what to do. No text holds a secret or a URL with
 * its credentials.
 */
export interface Finding {
  check: string;
  status: 'ok' | 'warn' | 'fail';
  message: string;
  advice?: string;
  /** It failed because the gateway or Redis is not there, which may pass. */
  away?: true;
}

const WITHIN_MS = 5000;
const UPSTREAM_WITHIN_MS = 10_000;
/** Orgs of INVENT_API_KEYS_FILE whose key is tried; each costs a request of its budget. */
const MAX_TRIED_KEYS = 10;

const DoctorEnvironment = z
  .object({ ...workerVariables, INVENT_API_KEY: ApiKey.optional(), REKEY_KEY_FILE: z.string().optional() })
  .superRefine(refineWorkerVariables);
type DoctorEnvironment = z.infer<typeof DoctorEnvironment>;

/**
 * As the README has it: 1 where anything is wrong, 2 where nothing is but that the gateway or Redis is away.
 */
export const exitCodeOf = (findings: readonly Finding[]): number => {
  const failed = findings.filter(({ status }) => status === 'fail');
  if (failed.length === 0) return exitCodes.ok;
  return failed.every(({ away }) => away) ? exitCodes.unavailable : exitCodes.failed;
};

/** Looks at everything, one after the other. */
export async function* examine(
  gateway: string,
  env: NodeJS.ProcessEnv,
  taken: TakenFromStart = { names: [], withheld: [] },
): AsyncGenerator<Finding> {
  yield await checkGateway(gateway);
  let environment: DoctorEnvironment;
  try {
    environment = parseEnvironment(DoctorEnvironment, env);
  } catch (error) {
    yield {
      check: 'environment',
      status: 'fail',
      message: (error as Error).message.replaceAll(/\n */g, ' '),
      advice:
        'Correct the variables that are named; the README lists all of them. The rest is looked at then.',
    };
    return;
  }
  yield* checkTaken(taken);
  const keyFile = await checkKeyFile(environment);
  yield keyFile.finding;
  if (!taken.withheld.includes('REDIS_URL')) yield* checkRedis(environment, keyFile.fingerprintKeyId);
  yield* checkUpstream(environment);
}

/** Where variables come from that are not set here. */
function* checkTaken({ names, withheld }: TakenFromStart): Generator<Finding> {
  const check = 'environment';
  if (names.length > 0)
    yield {
      check,
      status: 'ok',
      message: `npm start runs in this folder: ${names.join(', ')} are taken from it`,
    };
  if (withheld.length > 0) {
    const status = withheld.includes('REDIS_URL') ? 'fail' : 'warn';
    yield {
      check,
      status,
      message: `${withheld.join(' and ')} of npm start may hold a secret, and is not kept`,
      advice: 'Set it here too, and run this again.',
    };
  }
}

const checkGateway = async (address: string): Promise<Finding> => {
  const check = 'gateway';
  try {
    const health = await askHealth(address);
    if (health === 'SERVING') return { check, status: 'ok', message: `${address} is SERVING` };
    return {
      check,
      status: 'fail',
      away: true,
      message: `${address} runs, but is ${health}`,
      advice: 'Its Redis is away, or takes no writes: see its log.',
    };
  } catch (error) {
    return {
      check,
      status: 'fail',
      away: true,
      message: error instanceof CliError ? error.message : `${address} cannot be asked`,
      advice: 'Start it (npm start), or set GRPC_ADDRESS or --gateway to its address.',
    };
  }
};

const checkKeyFile = async ({
  REKEY_KEY_FILE: path,
}: DoctorEnvironment): Promise<{ finding: Finding; fingerprintKeyId?: string }> => {
  const check = 'key file';
  if (path === undefined)
    return {
      finding: {
        check,
        status: 'warn',
        message: 'REKEY_KEY_FILE is not set here: not looked at',
        advice: 'Set it to the key file of the workers, and run this where they run.',
      },
    };
  try {
    const file = await loadKeyFile(path);
    const { fingerprintKeyId } = createSealer(file);
    if (file.exposed)
      return {
        fingerprintKeyId,
        finding: {
          check,
          status: 'warn',
          message: `${path} can be read by more than its owner`,
          advice: `Run: chmod 600 ${path}`,
        },
      };
    return {
      fingerprintKeyId,
      finding: { check, status: 'ok', message: `${path} can be read, and by its owner alone` },
    };
  } catch (error) {
    return {
      finding: {
        check,
        status: 'fail',
        message: (error as Error).message,
        advice: 'Without it workers do not start, and no sealed record can be opened.',
      },
    };
  }
};

async function* checkRedis(
  { REDIS_URL, REKEY_PREFIX, REKEY_REQUIRE_DURABLE_REDIS }: DoctorEnvironment,
  fingerprintKeyId: string | undefined,
): AsyncGenerator<Finding> {
  const { hostname, port } = new URL(REDIS_URL);
  const address = `${hostname}:${port || 6379}`;
  const opened = await openRedis(REDIS_URL);
  if ('refused' in opened) {
    yield {
      check: 'redis',
      status: 'fail',
      message: opened.refused.message.replace(/^REDIS_URL: /, ''),
      advice: 'Correct REDIS_URL, or the Redis. Gateway and workers refuse it as it is.',
    };
    return;
  }
  if ('away' in opened) {
    yield {
      check: 'redis',
      status: 'fail',
      away: true,
      message: `${address} does not answer (${kindOf(opened.away)})`,
      advice: 'Start it, or correct REDIS_URL.',
    };
    return;
  }
  const { redis } = opened;
  const why = await probeWrite(redis, ledgerKeys(REKEY_PREFIX).health('doctor'), WITHIN_MS);
  yield why === undefined
    ? { check: 'redis', status: 'ok', message: `${address} answers, and takes writes` }
    : checkWrites(address, kindOf(why));
  try {
    const [memory, persistence] = await Promise.all([redis.info('memory'), redis.info('persistence')]);
    yield checkMemory(memory);
    yield checkDurable(persistence, REKEY_REQUIRE_DURABLE_REDIS);
  } catch (error) {
    yield {
      check: 'redis set-up',
      status: 'warn',
      message: `it could not be asked how it is configured (${kindOf(error)})`,
      advice: 'See by hand that it persists (appendonly yes) and never evicts (maxmemory-policy noeviction).',
    };
  }
  try {
    yield checkRights(await missingRights(redis, REKEY_PREFIX));
  } catch (error) {
    yield {
      check: 'redis rights',
      status: 'warn',
      message: `it could not be asked what its user may do (${kindOf(error)})`,
      advice: 'Run this again; see docs/guides/operate.md ("The Redis user").',
    };
  }
  try {
    yield checkBinding(
      REKEY_PREFIX,
      await createLedger({ redis, prefix: REKEY_PREFIX }).boundTo(),
      fingerprintKeyId,
    );
  } catch (error) {
    yield {
      check: 'ledger',
      status: 'fail',
      message: `it cannot be read (${kindOf(error)})`,
      advice: 'See whether the user of REDIS_URL may read it.',
    };
  }
  redis.disconnect();
}

/** Connects once. A replica is no reason to know nothing more of it. */
const openRedis = async (
  url: string,
): Promise<{ redis: Redis } | { refused: StartError } | { away: unknown }> => {
  let redis: Redis | undefined;
  const found = await new Promise<{ redis: Redis } | { refused: StartError } | { away: unknown }>(
    (resolve) => {
      const listener = {
        onUnavailable: (_name: string, _reason: string, away: unknown) => resolve({ away }),
        onRefused: (refused: StartError) => resolve({ refused }),
        onAvailable: () => {},
      };
      const connecting = createRedisConnections(url, { listener, acceptReplicas: true }).connect({
        onDisconnect: 'fail',
        name: 'cli-doctor',
      });
      redis = connecting;
      connecting.once('ready', () => resolve({ redis: connecting }));
    },
  );
  if (!('redis' in found)) redis?.disconnect();
  return found;
};

const checkWrites = (address: string, kind: string): Finding => {
  const advice =
    kind === 'READONLY'
      ? 'It is a replica: set REDIS_URL to the primary, or to a name that leads to it.'
      : 'See its log, its disk, and what the user of REDIS_URL may do.';
  return {
    check: 'redis',
    status: 'fail',
    message: `${address} answers, and takes no writes (${kind})`,
    advice,
  };
};

/** Of an error of a connection, the kind alone: messages of Redis's can quote what they were given. */
const kindOf = (error: unknown): string => {
  const { code, message = '' } = error as { code?: string; message?: string };
  return code ?? /^[A-Z]{3,}/.exec(message)?.[0] ?? 'no answer';
};

const infoOf = (text: string, field: string): string | undefined =>
  new RegExp(`^${field}:(\\S+)`, 'm').exec(text)?.[1];

export const checkMemory = (info: string): Finding => {
  const check = 'redis memory';
  const policy = infoOf(info, 'maxmemory_policy');
  if (policy !== undefined && policy !== 'noeviction') {
    return {
      check,
      status: 'fail',
      message: `its maxmemory-policy is ${policy}: it would throw away what is true`,
      advice: 'Set maxmemory-policy to noeviction. Gateway and workers refuse it as it is.',
    };
  }
  const [used, max] = [Number(infoOf(info, 'used_memory')), Number(infoOf(info, 'maxmemory'))];
  const share = max > 0 ? used / max : 0;
  if (share >= STOP_ACCEPTING_AT)
    return {
      check,
      status: 'fail',
      message: `${Math.round(share * 100)}% of its memory are used: nothing new is accepted`,
      advice: 'Give it more memory.',
    };
  return {
    check,
    status: 'ok',
    message:
      max > 0
        ? `noeviction; ${Math.round(share * 100)}% of maxmemory are used`
        : 'noeviction; no maxmemory is set',
  };
};

export const checkRights = (missing: readonly string[]): Finding => {
  const check = 'redis rights';
  if (missing.length === 0)
    return { check, status: 'ok', message: 'its user may do all that gateway and workers do' };
  return {
    check,
    status: 'fail',
    message: `its user lacks ${listRights(missing)}`,
    advice:
      'Give it the rights of docs/guides/operate.md ("The Redis user"). Gateway and workers refuse it as it is.',
  };
};

export const checkDurable = (info: string, required: boolean): Finding => {
  const check = 'redis durability';
  if (infoOf(info, 'aof_enabled') === '0') {
    return {
      check,
      status: required ? 'fail' : 'warn',
      message: 'it keeps no append-only file: what was accepted may be lost with it',
      advice: 'Set appendonly to yes.',
    };
  }
  const written = infoOf(info, 'aof_last_write_status');
  if (written !== undefined && written !== 'ok')
    return {
      check,
      status: 'fail',
      message: 'it could not write its append-only file',
      advice: 'See whether its disk is full.',
    };
  return { check, status: 'ok', message: 'it keeps an append-only file' };
};

export const checkBinding = (
  prefix: string,
  boundTo: string | undefined,
  fingerprintKeyId: string | undefined,
): Finding => {
  const check = 'ledger';
  if (boundTo === undefined)
    return {
      check,
      status: 'warn',
      message: `nothing is there under the prefix ${prefix} yet`,
      advice:
        'The first worker that starts makes it. If there should be one, see REDIS_URL and REKEY_PREFIX.',
    };
  if (fingerprintKeyId === undefined)
    return {
      check,
      status: 'warn',
      message: `it belongs to the key file with fingerprint key ${boundTo}`,
      advice: 'Set REKEY_KEY_FILE to see whether it is yours.',
    };
  if (boundTo !== fingerprintKeyId) {
    return {
      check,
      status: 'fail',
      message: `it belongs to the key file with fingerprint key ${boundTo}, and REKEY_KEY_FILE has ${fingerprintKeyId}`,
      advice: 'Use the key file that the ledger began with, or another REKEY_PREFIX.',
    };
  }
  return { check, status: 'ok', message: 'it belongs to this key file' };
};

const apiKeysOf = ({ INVENT_API_KEY, INVENT_API_KEYS_FILE }: DoctorEnvironment): ApiKeys | undefined => {
  if (INVENT_API_KEYS_FILE !== undefined) return apiKeysFromFile(INVENT_API_KEYS_FILE, () => {});
  return INVENT_API_KEY === undefined ? undefined : singleApiKey(INVENT_API_KEY);
};

async function* checkUpstream(environment: DoctorEnvironment): AsyncGenerator<Finding> {
  const check = 'invent';
  let baseUrl: URL;
  let proxy: Proxy | undefined;
  let apiKeys: ApiKeys | undefined;
  try {
    baseUrl = parseBaseUrl(environment.INVENT_BASE_URL, environment.INVENT_PLAIN_HTTP_HOSTS);
    proxy = proxyFor(baseUrl, environment);
  } catch (error) {
    const complaint =
      error instanceof ProxyVariableError
        ? `${error.variable} ${error.message}`
        : `INVENT_BASE_URL ${error instanceof z.ZodError ? 'must be a URL' : (error as Error).message}`;
    yield {
      check,
      status: 'fail',
      message: complaint,
      advice: 'Correct it, as workers do not start with it.',
    };
    return;
  }
  try {
    apiKeys = apiKeysOf(environment);
  } catch (error) {
    yield {
      check,
      status: 'fail',
      message: (error as Error).message,
      advice: 'Correct the file: a JSON object of org id to API key.',
    };
    return;
  }
  // As a worker asks: what this can read, a worker can.
  const timeoutMs = Math.min(environment.INVENT_TIMEOUT_MS, UPSTREAM_WITHIN_MS);
  const invent = createInventClient({
    baseUrl,
    proxy,
    apiKeys: apiKeys ?? Object.assign(() => undefined, { orgIds: () => [] }),
    timeoutMs,
    connections: 1,
  });
  try {
    if (apiKeys === undefined) {
      yield tellReachable(baseUrl, await invent.probe(), proxy);
      return;
    }
    const orgIds = apiKeys.orgIds();
    for (const orgId of orgIds.slice(0, MAX_TRIED_KEYS))
      yield tellAccepted(baseUrl, orgId, await invent.listAssistants(orgId, 1, { take: 1 }), proxy);
    const left = orgIds.length - MAX_TRIED_KEYS;
    if (left > 0) {
      const message =
        left === 1
          ? 'the API key of 1 more org of INVENT_API_KEYS_FILE was not tried'
          : `the API keys of ${left} more orgs of INVENT_API_KEYS_FILE were not tried`;
      yield {
        check,
        status: 'warn',
        message,
        advice: 'Each would cost a request. To try theirs, give a file with these alone.',
      };
    }
  } finally {
    await invent.close();
  }
}

const nameOf = (baseUrl: URL, proxy: Proxy | undefined): string =>
  proxy ? `${baseUrl.host}, through the proxy of ${proxy.variable},` : baseUrl.host;

/**
 * Without an API key nothing says that this is the environment of a worker, which alone has to reach Invent.
 */
export const tellReachable = (baseUrl: URL, answer: number | string, proxy?: Proxy): Finding => {
  const host = nameOf(baseUrl, proxy);
  if (typeof answer === 'string') {
    const advice =
      'If workers run here: set INVENT_API_KEY or INVENT_API_KEYS_FILE, and INVENT_BASE_URL, as they have them. Otherwise run this with the environment of a worker.';
    return {
      check: 'invent',
      status: 'warn',
      message: `${host} cannot be reached from here (${answer}), and no API key is set`,
      advice,
    };
  }
  return {
    check: 'invent',
    status: 'warn',
    message: `${host} answers (HTTP ${answer}); no API key is set here, so none was tried`,
    advice: 'Set INVENT_API_KEY or INVENT_API_KEYS_FILE to try it, with one request.',
  };
};

/** What a list of one assistant says. */
export const tellAccepted = (baseUrl: URL, orgId: string, outcome: ListOutcome, proxy?: Proxy): Finding => {
  const check = 'invent';
  const host = nameOf(baseUrl, proxy);
  const of = orgId === 'c' ? '' : ` of ${JSON.stringify(orgId)}`;
  if (outcome.outcome === 'read')
    return {
      check,
      status: 'ok',
      message: `${host} accepts the API key${of} (this took one request of its budget)`,
    };
  const { code, status, reason } = outcome;
  if (status === undefined) {
    return {
      check,
      status: 'fail',
      message: `${host} cannot be reached (${reason})`,
      advice:
        'Check the network, INVENT_BASE_URL, and the proxy: HTTPS_PROXY names one, and NO_PROXY what is reached without it.',
    };
  }
  switch (code) {
    case 'UPSTREAM_UNAUTHENTICATED':
    case 'UPSTREAM_FORBIDDEN':
      return {
        check,
        status: 'fail',
        message: `${host} does not accept the API key${of} (HTTP ${status})`,
        advice: 'Check the key, and that it is of this org or of its parent.',
      };
    case 'UPSTREAM_RATE_LIMITED':
      return {
        check,
        status: 'warn',
        message: `${host} is reached, but its request limit is used up at present (HTTP 429)`,
        advice: 'Try again in a minute; see who else uses it.',
      };
    case 'UPSTREAM_UNREACHABLE':
      return {
        check,
        status: 'fail',
        message: `${host} answers ${reason}`,
        advice: 'Invent is not well: see its status page.',
      };
    case 'ANSWER_UNREADABLE':
    case 'RECORD_TOO_LARGE':
    case 'UPSTREAM_UNEXPECTED':
      return {
        check,
        status: 'fail',
        message: `${host} answers, and workers cannot read that (${reason})`,
        advice: errorTable[code].advice,
      };
    default:
      return {
        check,
        status: 'fail',
        message: `${host} answers, but not with a list of assistants (${reason})`,
        advice: 'Check INVENT_BASE_URL and the org id.',
      };
  }
};

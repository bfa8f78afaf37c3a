import {
  ProxyVariableError,
  apiKeyFromFile,
  apiKeysFromFile,
  createInventClient,
  parseBaseUrl,
  proxyFor,
  singleApiKey,
  type ApiKeys,
  type ListOutcome,
  type Proxy,
} from '@rekey/invent';
import { errorTable } from '@rekey/schema';
import { z } from 'zod';
import type { DoctorEnvironment } from './doctor-environment.ts';
import type { Finding } from './finding.ts';

const WITHIN_MS = 10_000;
/** How many orgs of INVENT_API_KEYS_FILE have their key tried: each costs a request of its budget. */
const MAX_TRIED_KEYS = 10;

const apiKeysOf = (environment: DoctorEnvironment): ApiKeys | undefined => {
  const { INVENT_API_KEY, INVENT_API_KEY_FILE, INVENT_API_KEYS_FILE } = environment;
  const options = { onBadFile: () => {}, mounted: environment.REKEY_MOUNTED_SECRETS };
  if (INVENT_API_KEYS_FILE !== undefined) return apiKeysFromFile(INVENT_API_KEYS_FILE, options);
  if (INVENT_API_KEY_FILE !== undefined) return apiKeyFromFile(INVENT_API_KEY_FILE, options);
  return INVENT_API_KEY === undefined ? undefined : singleApiKey(INVENT_API_KEY);
};

/** Checks that Invent accepts each configured API key, or without any that it can be reached. */
export async function* checkUpstream(environment: DoctorEnvironment): AsyncGenerator<Finding> {
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
      advice: 'Correct it: workers do not start with this value.',
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
      advice:
        'Correct the file: the API key for INVENT_API_KEY_FILE, or a JSON object that maps each org id to ' +
        'its API key for INVENT_API_KEYS_FILE.',
    };
    return;
  }
  // The client of a worker: if this can read a list, so can a worker.
  const timeoutMs = Math.min(environment.INVENT_TIMEOUT_MS, WITHIN_MS);
  const invent = createInventClient({
    baseUrl,
    proxy,
    apiKeys: apiKeys ?? Object.assign(() => undefined, { orgIds: () => [] }),
    timeoutMs,
    connections: 1,
  });
  try {
    if (apiKeys === undefined) {
      yield reachableFinding(baseUrl, await invent.probe(), proxy);
      return;
    }
    const orgIds = apiKeys.orgIds();
    for (const orgId of orgIds.slice(0, MAX_TRIED_KEYS))
      yield acceptedFinding(baseUrl, orgId, await invent.listAssistants(orgId, 1, { take: 1 }), proxy);
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
        advice: 'Each key costs a request. To try these keys, use a file with only these orgs.',
      };
    }
  } finally {
    await invent.close();
  }
}

const nameOf = (baseUrl: URL, proxy: Proxy | undefined): string =>
  proxy ? `${baseUrl.host} (through the proxy of ${proxy.variable})` : baseUrl.host;

/**
 * The finding without an API key: never a failure, since only workers have to reach Invent, and this may be
 * no worker's environment.
 */
export const reachableFinding = (baseUrl: URL, answer: number | string, proxy?: Proxy): Finding => {
  const host = nameOf(baseUrl, proxy);
  if (typeof answer === 'string') {
    const advice =
      'Run this with the environment of a worker. If workers run here, set INVENT_API_KEY, ' +
      'INVENT_API_KEY_FILE or INVENT_API_KEYS_FILE, and INVENT_BASE_URL, as for them.';
    return {
      check: 'invent',
      status: 'warn',
      message: `${host} cannot be reached from here (${answer}); no API key is set`,
      advice,
    };
  }
  return {
    check: 'invent',
    status: 'warn',
    message: `${host} answers (HTTP ${answer}); no API key is set here, so none was tried`,
    advice:
      'Set INVENT_API_KEY, INVENT_API_KEY_FILE or INVENT_API_KEYS_FILE to try the key. ' +
      'This costs one request.',
  };
};

/** The finding of a request with the API key of an org: a list of one assistant. */
export const acceptedFinding = (
  baseUrl: URL,
  orgId: string,
  outcome: ListOutcome,
  proxy?: Proxy,
): Finding => {
  const check = 'invent';
  const host = nameOf(baseUrl, proxy);
  const of = orgId === 'c' ? '' : ` of ${JSON.stringify(orgId)}`;
  if (outcome.outcome === 'read')
    return {
      check,
      status: 'ok',
      message: `${host} accepts the API key${of} (this check used one request of its budget)`,
    };
  const { code, status, reason } = outcome;
  if (status === undefined) {
    return {
      check,
      status: 'fail',
      message: `${host} cannot be reached (${reason})`,
      advice:
        'Check the network, INVENT_BASE_URL and the proxy variables: ' +
        'HTTPS_PROXY sets the proxy, NO_PROXY lists the hosts that bypass it.',
    };
  }
  switch (code) {
    case 'UPSTREAM_UNAUTHENTICATED':
    case 'UPSTREAM_FORBIDDEN':
      return {
        check,
        status: 'fail',
        message: `${host} does not accept the API key${of} (HTTP ${status})`,
        advice: 'Check that the key is valid, and belongs to this org or its parent.',
      };
    case 'UPSTREAM_RATE_LIMITED':
      return {
        check,
        status: 'warn',
        message: `${host} answers, but its request limit is exhausted (HTTP 429)`,
        advice: 'Try again in a minute; check what else uses this API key.',
      };
    case 'UPSTREAM_UNREACHABLE':
      return {
        check,
        status: 'fail',
        message: `${host} answers ${reason}`,
        advice: 'Invent has a problem: see its status page.',
      };
    case 'ANSWER_UNREADABLE':
    case 'RECORD_TOO_LARGE':
    case 'UPSTREAM_UNEXPECTED':
      return {
        check,
        status: 'fail',
        message: `${host} answers, but workers cannot read the response (${reason})`,
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

import { ledgerKeys, missingRights, openLedger, probeAcknowledgements } from '@rekey/ledger';
import {
  STOP_ACCEPTING_AT,
  createRedisConnections,
  isRedisNotPermitted,
  listRights,
  probeWrite,
  type StartError,
} from '@rekey/runtime';
import type { Redis } from 'ioredis';
import type { DoctorEnvironment } from './doctor-environment.ts';
import type { Finding } from './finding.ts';

const WITHIN_MS = 5000;

/** Checks Redis: its writes, configuration and permissions, and which key file the ledger belongs to. */
export async function* checkRedis(
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
      advice: 'Correct REDIS_URL or the configuration of Redis: gateway and workers refuse this Redis.',
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
    ? { check: 'redis', status: 'ok', message: `${address} answers and accepts writes` }
    : checkWrites(address, kindOf(why));
  yield* checkConfiguration(redis, REKEY_REQUIRE_DURABLE_REDIS);
  yield await lackingRights(redis, REKEY_PREFIX).then(checkRights, (error: unknown): Finding => ({
    check: 'redis rights',
    status: 'warn',
    message: `the permissions of its user cannot be read (${kindOf(error)})`,
    advice: 'Run this again; see docs/guides/operate.md ("The Redis user").',
  }));
  yield await openLedger(redis, { prefix: REKEY_PREFIX })
    .system.boundTo()
    .then(
      (boundTo) => checkBinding(REKEY_PREFIX, boundTo, fingerprintKeyId),
      (error: unknown): Finding => ({
        check: 'ledger',
        status: 'fail',
        message: `it cannot be read (${kindOf(error)})`,
        advice: 'Check that the user of REDIS_URL may read it.',
      }),
    );
  redis.disconnect();
}

/** Asks for rights, and does what a script does with keys that it is not given. */
const lackingRights = async (redis: Redis, prefix: string): Promise<string[]> => {
  const missing = await missingRights(redis, prefix);
  const refused = await probeAcknowledgements(redis, prefix).then(() => false, isRedisNotPermitted);
  return refused && missing.length === 0 ? ['the right to read acknowledgements'] : missing;
};

async function* checkConfiguration(redis: Redis, requireDurable: boolean): AsyncGenerator<Finding> {
  try {
    const [memory, persistence] = await Promise.all([redis.info('memory'), redis.info('persistence')]);
    yield checkMemory(memory);
    yield checkDurable(persistence, requireDurable);
  } catch (error) {
    yield {
      check: 'redis set-up',
      status: 'warn',
      message: `its configuration cannot be read (${kindOf(error)})`,
      advice: 'Check that it has appendonly yes and maxmemory-policy noeviction.',
    };
  }
}

/** Connects once. Also to a replica, so that the other checks can run. */
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
      ? 'It is a replica: set REDIS_URL to the primary, or to a name that resolves to it.'
      : 'See its log, its disk, and the permissions of the user of REDIS_URL.';
  return {
    check: 'redis',
    status: 'fail',
    message: `${address} answers but refuses writes (${kind})`,
    advice,
  };
};

/** The kind of a connection error, without its message: Redis quotes arguments in messages. */
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
      message: `its maxmemory-policy is ${policy}, so it can evict keys of the ledger`,
      advice: 'Set maxmemory-policy to noeviction: gateway and workers refuse any other policy.',
    };
  }
  const [used, max] = [Number(infoOf(info, 'used_memory')), Number(infoOf(info, 'maxmemory'))];
  const share = max > 0 ? used / max : 0;
  if (share >= STOP_ACCEPTING_AT)
    return {
      check,
      status: 'fail',
      message: `${Math.round(share * 100)}% of its memory is in use: the gateway accepts no new requests`,
      advice: 'Give it more memory.',
    };
  return {
    check,
    status: 'ok',
    message:
      max > 0
        ? `noeviction; ${Math.round(share * 100)}% of maxmemory is in use`
        : 'noeviction; maxmemory is not set',
  };
};

const checkRights = (missing: readonly string[]): Finding => {
  const check = 'redis rights';
  if (missing.length === 0)
    return { check, status: 'ok', message: 'its user has all rights that gateway and workers need' };
  return {
    check,
    status: 'fail',
    message: `its user lacks ${listRights(missing)}`,
    advice:
      'Grant the rights in docs/guides/operate.md ("The Redis user"): ' +
      'gateway and workers do not start without them.',
  };
};

export const checkDurable = (info: string, required: boolean): Finding => {
  const check = 'redis durability';
  if (infoOf(info, 'aof_enabled') === '0') {
    return {
      check,
      status: required ? 'fail' : 'warn',
      message: 'it has no append-only file: if it crashes, accepted requests can be lost',
      advice: 'Set appendonly to yes.',
    };
  }
  const written = infoOf(info, 'aof_last_write_status');
  if (written !== undefined && written !== 'ok')
    return {
      check,
      status: 'fail',
      message: 'it could not write its append-only file',
      advice: 'Check whether its disk is full.',
    };
  return { check, status: 'ok', message: 'it has an append-only file' };
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
      message: `no ledger with the prefix ${prefix} exists yet`,
      advice:
        'The first worker that starts creates it. If one should exist, check REDIS_URL and REKEY_PREFIX.',
    };
  if (fingerprintKeyId === undefined)
    return {
      check,
      status: 'warn',
      message: `it belongs to the key file with fingerprint key ${boundTo}`,
      advice: 'Set REKEY_KEY_FILE to check that this is your key file.',
    };
  if (boundTo !== fingerprintKeyId) {
    return {
      check,
      status: 'fail',
      message:
        `it belongs to the key file with fingerprint key ${boundTo}, ` +
        `but REKEY_KEY_FILE has ${fingerprintKeyId}`,
      advice: "Use the ledger's own key file, or another REKEY_PREFIX.",
    };
  }
  return { check, status: 'ok', message: 'it belongs to this key file' };
};

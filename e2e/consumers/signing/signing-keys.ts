import { readFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { subscribe, type SubscribeOptions } from '@rekey/subscriber';

/** The keys of a service that signs, wherever they come from. */
interface SigningKeys {
  assistantIds(): Promise<string[]>;
  /** `isFresh`: what the service is told of its keys at that moment. */
  sign(assistantId: string, userId: string): Promise<{ hash: string; version: number; isFresh: boolean }>;
  /** The held keys, and whether they are up to date. */
  held(): Promise<{ keys: Record<string, string>; isFresh: boolean }>;
}

const STALE_AFTER_MS = 1000;

const openBySdk = async (transport: Pick<SubscribeOptions, 'redis' | 'gateway'>): Promise<SigningKeys> => {
  const { CONSUMER = '', KEY_FILE = '' } = process.env;
  const keys = await subscribe({
    ...transport,
    consumer: CONSUMER,
    privateKey: KEY_FILE,
    staleAfterMs: STALE_AFTER_MS,
  });
  return {
    assistantIds: async () => [...keys.assistantIds()],
    sign: async (assistantId, userId) => {
      const { userHash, version } = keys.signUserHashWithVersion(assistantId, userId);
      return { hash: userHash, version, isFresh: keys.freshness().upToDate };
    },
    held: async () => {
      const held = [...keys.assistantIds()].flatMap((id) => {
        const current = keys.current(id);
        return current?.state === 'held' ? [[id, current.secretKey] as const] : [];
      });
      return { keys: Object.fromEntries(held), isFresh: keys.freshness().upToDate };
    },
  };
};

/** A service without the SDK: it asks the socket of an agent, and reads its file. */
const openByAgent = async (): Promise<SigningKeys> => {
  const { AGENT_SOCKET: socketPath = '', KEYS_FILE = '' } = process.env;
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  const ask = (method: string, path: string, body?: object, by?: Agent): Promise<Record<string, any>> =>
    new Promise((resolve, reject) => {
      const asked = request({ socketPath, method, path, agent: by ?? false }, (response) => {
        let text = '';
        response.on('data', (chunk) => (text += chunk));
        response.on('end', () => resolve(JSON.parse(text)));
      });
      asked.on('error', reject);
      asked.end(body && JSON.stringify(body));
    });
  const inFile = async () => {
    const { assistants } = JSON.parse(await readFile(KEYS_FILE, 'utf8')) as {
      assistants: Record<string, { secret_key: string }>;
    };
    return Object.entries(assistants).map(([id, { secret_key: key }]) => [id, key] as const);
  };
  return {
    assistantIds: async () => (await inFile()).map(([id]) => id),
    sign: async (assistantId, userId) => {
      const path = `/v1/assistants/${assistantId}/user-hash`;
      const answer = await ask('POST', path, { user_id: userId }, agent);
      const { user_hash: hash, version, age_ms: ageMs, source } = answer;
      if (hash === undefined) throw new Error(JSON.stringify(answer));
      return { hash, version, isFresh: source === 'rekey' && ageMs <= STALE_AFTER_MS };
    },
    held: async () => {
      // In this order: what was healthy before is in the file.
      const isFresh = (await ask('GET', '/healthz'))['status'] === 'ok';
      return { keys: Object.fromEntries(await inFile()), isFresh };
    },
  };
};

const opening: Record<string, () => Promise<SigningKeys>> = {
  redis: () => openBySdk({ redis: process.env['REDIS_URL'] ?? '' }),
  agent: openByAgent,
  gateway: () => openBySdk({ gateway: { address: process.env['GATEWAY'] ?? '' } }),
};

/** Opens the keys that KEYS_FROM names. */
export const openSigningKeys = (): Promise<SigningKeys> => opening[process.env['KEYS_FROM'] ?? '']!();

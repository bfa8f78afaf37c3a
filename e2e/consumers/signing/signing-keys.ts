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

const opening: Record<string, () => Promise<SigningKeys>> = {
  redis: () => openBySdk({ redis: process.env['REDIS_URL'] ?? '' }),
  gateway: () => openBySdk({ gateway: { address: process.env['GATEWAY'] ?? '' } }),
};

/** Opens the keys that KEYS_FROM names. */
export const openSigningKeys = (): Promise<SigningKeys> => opening[process.env['KEYS_FROM'] ?? '']!();

import { createHmac } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { generateConsumerKey } from '@rekey/sealing';
import { subscribe, SubscribeError, type Keys } from '@rekey/subscriber';
import type { System } from '../support/system.ts';

export type OwnJwk = Awaited<ReturnType<typeof generateConsumerKey>>;

/** The key file of a consumer. */
export const keyFileOf = ({ sealer }: Pick<System, 'sealer'>, own: OwnJwk): { keys: object[] } => ({
  keys: [own, sealer.publicJwk],
});

/** The SDK with this key file, once it is ready; undefined if it does not become ready. */
export const readAs = async (
  { redisServer }: Pick<System, 'redisServer'>,
  consumer: string,
  privateKey: string | object,
): Promise<Keys | undefined> => {
  try {
    return await subscribe({ redis: redisServer.url, consumer, privateKey, readyTimeoutMs: 3000 });
  } catch (error) {
    if (error instanceof SubscribeError) return undefined;
    throw error;
  }
};

/** The assistants whose keys the SDK gets. */
export const assistantsReadAs = async (
  system: Pick<System, 'redisServer'>,
  consumer: string,
  privateKey: object,
): Promise<string[]> => {
  const keys = await readAs(system, consumer, privateKey);
  const ids = [...(keys?.assistantIds() ?? [])];
  await keys?.close();
  return ids;
};

/** The secret key that the SDK signs with; undefined if it has none. */
export const heldBy = (keys: Keys | undefined, assistantId: string): string | undefined => {
  const current = keys?.current(assistantId);
  return current?.state === 'held' ? current.secretKey : undefined;
};

const outcomeOf = async (
  { client, trueKey }: Pick<System, 'client' | 'trueKey'>,
  { id, consumer, keys }: { id: string; consumer: string; keys: Keys },
): Promise<string> => {
  const { consumers = [], assistantId } = await client.getRotation(id);
  const isAcknowledged = consumers.some(({ name, state }) => name === consumer && state === 'ACKNOWLEDGED');
  const held = heldBy(keys, assistantId);
  const hash = createHmac('sha256', (await trueKey(assistantId))!)
    .update('user')
    .digest('hex');
  const isRight = held !== undefined && keys.signUserHash(assistantId, 'user') === hash;
  const signs = isRight ? 'signs with the key in force' : held ? 'signs with a dead key' : 'signs nothing';
  const { upToDate } = keys.freshness();
  return [isAcknowledged && 'ACKNOWLEDGED', upToDate && 'up to date', signs].filter(Boolean).join(', ');
};

/** What is said within 3 s of a rotation and its consumer, and what the consumer signs with. */
export const outcomesOf = async (
  system: Pick<System, 'client' | 'trueKey'>,
  of: { id: string; consumer: string; keys: Keys },
): Promise<string[]> => {
  const seen = new Set<string>();
  for (const until = performance.now() + 3000; performance.now() < until; await sleep(50))
    seen.add(await outcomeOf(system, of));
  return [...seen];
};

import { generateConsumerKey } from '@rekey/sealing';
import { KeyEvent } from '@rekey/schema';
import { eventually, type System } from '../support/system.ts';
import type { OwnJwk } from './sdk-fixture.ts';

/** What specs do as another client that can write to this Redis, and what they then look at. */
export const writerOn = ({ redis }: Pick<System, 'redis'>) => {
  const entryOf = async (name: string): Promise<Record<string, unknown>> =>
    JSON.parse((await redis.hget('{rekey}:consumers', name))!) as Record<string, unknown>;
  /** As a gateway does: processes then read the consumers again, and reseal. */
  const raise = async (): Promise<void> => {
    await redis.hincrby('{rekey}:ledger', 'consumers', 1);
    await redis.hincrby('{rekey}:ledger', 'readers', 1);
  };
  return {
    entryOf,
    raise,
    write: async (name: string, fields: Record<string, unknown>): Promise<void> => {
      const before = (await redis.hexists('{rekey}:consumers', name)) ? await entryOf(name) : {};
      await redis.hset('{rekey}:consumers', name, JSON.stringify({ ...before, ...fields }));
      await raise();
    },
    /** The key ids that the current record of an assistant is sealed for, Rekey's own first. */
    recipientsOf: async (assistantId: string): Promise<string[]> => {
      const event = KeyEvent.parse(JSON.parse((await redis.get(`{rekey}:current:${assistantId}`))!));
      return (event.data.sealed as { recipients: { header: { kid: string } }[] }).recipients.map(
        ({ header }) => header.kid,
      );
    },
  };
};

/** The entry of a consumer as a gateway writes it, with a key of its own. */
export const newEntry = async (
  name: string,
  orgs: string[],
  own?: OwnJwk,
): Promise<Record<string, unknown>> => {
  const { d: _private, ...key } = own ?? (await generateConsumerKey('X25519'));
  return { name, orgs, state: 'PENDING', created_at: new Date().toISOString(), key };
};

/** Adds a consumer by the gateway, and waits until it can open everything. Resolves with its private key. */
export const addConsumer = async (
  { client }: Pick<System, 'client'>,
  name: string,
  orgs: string[],
  own?: OwnJwk,
): Promise<OwnJwk> => {
  const key = own ?? (await generateConsumerKey('X25519'));
  const { d: _private, ...jwk } = key;
  await client.addConsumer({ name, orgs, publicJwk: JSON.stringify(jwk) });
  await eventually(
    () => client.getConsumer(name),
    ({ state }) => state === 'ACTIVE',
  );
  return key;
};

/** The codes of `rekey status` with their subjects, such as `CONSUMER_UNTRUSTED evil`. */
export const problemsOf = async ({ client }: Pick<System, 'client'>): Promise<string[]> =>
  (await client.getStatus()).attention.map(({ code, subject }) => `${code} ${subject ?? ''}`.trim());

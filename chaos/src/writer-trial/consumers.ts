import { setTimeout as sleep } from 'node:timers/promises';
import type { RekeyClient } from '@rekey/client';
import { generateConsumerKey, parseConsumerKey, type Sealer } from '@rekey/sealing';
import { subscribe, type Keys } from '@rekey/subscriber';
import type { Truth } from './truth.ts';

/** A consumer as the operator set it up, with the key file that only it has. */
export interface TrialConsumer {
  name: string;
  orgs: string[];
  keyFile: { keys: object[] };
}

const ACTIVE_WITHIN_MS = 20_000;
const PROVED_WITHIN_MS = 2500;
const READY_WITHIN_MS = 4000;

export const mayRead = ({ orgs }: Pick<TrialConsumer, 'orgs'>, orgId: string): boolean =>
  orgs.includes('*') || orgs.includes(orgId);

/** Adds a consumer through the gateway, with Rekey's public key from the key file. */
export const addConsumer = async (
  client: RekeyClient,
  sealer: Sealer,
  name: string,
  orgs: string[],
): Promise<TrialConsumer> => {
  const own = await generateConsumerKey('X25519');
  const { d: _private, ...open } = own;
  const consumer = { name, orgs, keyFile: { keys: [own, sealer.publicJwk] } };
  await register(client, consumer, (await parseConsumerKey(open)).jwk);
  return consumer;
};

const register = async (
  client: RekeyClient,
  { name, orgs }: TrialConsumer,
  publicJwk: object,
): Promise<void> => {
  await client.addConsumer({ name, orgs, publicJwk: JSON.stringify(publicJwk) });
  await untilActive(client, name);
};

/** Removes a consumer if it is there, and adds it again with the same key file, as an operator does. */
export const addAgain = async (client: RekeyClient, consumer: TrialConsumer): Promise<void> => {
  await client.removeConsumer(consumer.name).catch(() => {});
  const { d: _private, ...open } = consumer.keyFile.keys[0] as { d?: string };
  await register(client, consumer, (await parseConsumerKey(open)).jwk);
};

export const untilActive = async (client: RekeyClient, name: string): Promise<void> => {
  const untilMs = performance.now() + ACTIVE_WITHIN_MS;
  while ((await client.getConsumer(name)).state !== 'ACTIVE') {
    if (performance.now() > untilMs) throw new Error(`${name} is not ACTIVE`);
    await sleep(100);
  }
};

export const subscribeAs = (redisUrl: string, { name, keyFile }: TrialConsumer): Promise<Keys> =>
  subscribe({ redis: redisUrl, consumer: name, privateKey: keyFile, readyTimeoutMs: READY_WITHIN_MS });

const untilLive = async (client: RekeyClient, name: string, live: boolean): Promise<void> => {
  const untilMs = performance.now() + ACTIVE_WITHIN_MS;
  while ((await client.getConsumer(name)).live !== live) {
    if (performance.now() > untilMs) throw new Error(`${name} is ${live ? 'not ' : ''}live`);
    await sleep(100);
  }
};

/** Runs an instance until Rekey has heard of it, and ends it: any later acknowledgement is forged. */
export const acknowledgeOnce = async (
  client: RekeyClient,
  redisUrl: string,
  consumer: TrialConsumer,
): Promise<void> => {
  const keys = await subscribeAs(redisUrl, consumer);
  await untilLive(client, consumer.name, true);
  // A worker has to notice that it proves what it says.
  await sleep(PROVED_WITHIN_MS);
  await keys.close();
  await untilLive(client, consumer.name, false);
};

/** The keys that a consumer holds and must not: not its own orgs', or never made for that assistant. */
export const wrongKeysOf = (
  consumer: TrialConsumer,
  held: readonly Pick<Received, 'assistantId' | 'secretKey'>[],
  { madeFor }: Truth,
): string[] =>
  held.flatMap(({ assistantId, secretKey }) => {
    if (secretKey === undefined) return [];
    const origin = madeFor(secretKey);
    if (origin?.assistantId !== assistantId)
      return [`FORGED: ${consumer.name} holds a key of ${assistantId} that Invent did not make for it`];
    if (!mayRead(consumer, origin.orgId))
      return [`LEAKED: ${consumer.name} holds a key of ${assistantId}, in ${origin.orgId}`];
    return [];
  });

/** What a running instance was told: a new key, or that there is none any more. */
export interface Received {
  assistantId: string;
  version: number;
  secretKey?: string;
}

/**
 * Keys that a running instance took although it held a newer one of the same assistant: Invent never goes
 * back here. `newest`: when the newest key that each consumer holds was made.
 */
export const olderKeysOf = (
  { name }: TrialConsumer,
  received: readonly Received[],
  { madeFor }: Truth,
  newest: Map<string, number>,
): string[] =>
  received.flatMap(({ assistantId, secretKey, version }) => {
    const place = `${name} ${assistantId}`;
    const before = newest.get(place) ?? 0;
    const atMs = secretKey === undefined ? 0 : (madeFor(secretKey)?.atMs ?? 0);
    newest.set(place, secretKey === undefined ? 0 : Math.max(before, atMs));
    return secretKey !== undefined && atMs < before
      ? [`WENT BACK: ${name} replaced its key of ${assistantId} by an older one, version ${version}`]
      : [];
  });

export const heldBy = (keys: Keys): { assistantId: string; secretKey: string }[] =>
  [...keys.assistantIds()].flatMap((assistantId) => {
    const current = keys.current(assistantId);
    return current?.state === 'held' ? [{ assistantId, secretKey: current.secretKey }] : [];
  });

/** The assistants whose key in force a consumer should hold, and does not. */
export const missingIn = (consumer: TrialConsumer, keys: Keys, truth: Truth): string[] =>
  truth.targets
    .filter(({ orgId, assistantId }) => {
      if (!mayRead(consumer, orgId)) return false;
      const current = keys.current(assistantId);
      return current?.state !== 'held' || current.secretKey !== truth.keyOf(assistantId);
    })
    .map(({ assistantId }) => assistantId);

/** What an instance has in place of a key that it lacks. */
export const insteadOf = (keys: Keys, assistantId: string): string => {
  const current = keys.current(assistantId);
  if (!current) return 'nothing';
  const { state, version, uncertain } = current;
  return `${state === 'held' ? 'an older key' : state}, version ${version}${uncertain ? ', uncertain' : ''}`;
};

/** What an instance says about itself that tells its service that something is wrong. */
export const complaintsOf = (keys: Keys, refusedBefore: number): string[] => {
  const { upToDate, revoked, fault } = keys.freshness();
  return [
    ...(keys.refused.count > refusedBefore ? [`refused events (${keys.refused.first.at(-1)?.why})`] : []),
    ...(keys.unapplied.count > 0 ? [`has unapplied versions (${keys.unapplied.last[0]?.why})`] : []),
    ...(revoked ? ['is revoked'] : []),
    ...(upToDate ? [] : ['is stale']),
    ...(fault === undefined ? [] : ['reports a fault']),
  ];
};

import { beforeEach } from '@jest/globals';
import { openLedger, type Consumers, type Hold, type Ledger } from '@rekey/ledger';
import { KEY_ROTATED, KeyEvent, type Consumer } from '@rekey/schema';
import {
  generateConsumerKey,
  openEnvelope,
  openGrant,
  parseOwnKey,
  parseRecord,
  parseVerifier,
  sealRecord,
} from '@rekey/sealing';
import { useRedis } from '@rekey/testing/redis-fixture';
import { Redis } from 'ioredis';
import { enrolConsumers, startEnrolment } from './enrolment.ts';
import { createRecipients, type Recipients } from '../publishing/recipients.ts';
import { sealer, signing } from '../publishing/sealing-fixture.ts';
import { silentMeter } from '../metrics/meter-fixture.ts';
import { silentLogger as logger } from '@rekey/runtime';

export const verifiers = [parseVerifier(signing.publicJwk)];

export let redis: Redis;
export let ledger: Ledger;
export let consumers: Consumers;
export let recipients: Recipients;
export let round: () => Promise<void>;
let runs = 1;
/** The worker meets another run of Redis. */
export const noteRestart = (): void => void (runs += 1);
/** Registers the hooks of a spec: a worker, and a Redis of its own. */
export const useEnrolment = (): void => {
  useRedis((url) => (redis = new Redis(url)));
  beforeEach(async () => {
    ledger = openLedger(redis, { prefix: 'spec', registry: { key: sealer.registryKey } });
    ({ consumers } = ledger);
    recipients = createRecipients({ registry: ledger.registry, sealer, logger });
    await recipients.refresh();
    round = enrolConsumers(deps());
  });
};
const deps = () => {
  const stopping = new AbortController().signal;
  return { ledger, sealer, recipients, logger, meter: silentMeter, redisRuns: () => runs, stopping };
};
/** Starts one more worker, which makes rounds by itself. */
export const startWorker = () => startEnrolment(deps());

/** Publishes a key as a worker does that knows the current recipients. */
export const publish = async (assistantId: string, orgId = 'org_1') => {
  const looked = await ledger.assistants.beginCheck({ orgId, assistantId });
  if (looked.kind !== 'begun') throw new Error(looked.kind);
  const { hold } = looked;
  const { keys, revision } = recipients.of(orgId);
  const envelope = sealRecord(
    sealer,
    {
      type: KEY_ROTATED,
      orgId,
      assistantId,
      version: hold.epoch,
      cause: 'import',
      assistantJson: `{"id":"${assistantId}","secret_key":"sk_${assistantId}"}`,
    },
    keys,
  );
  return commit(hold, envelope, revision);
};
export const commit = (hold: Hold, envelope: string, revision: string) =>
  ledger.assistants.commit(hold, {
    key: { fingerprint: `K:${hold.assistantId}` },
    sealed: { envelope, revision },
    cause: 'import',
    updatedMs: hold.atMs,
    rotation: 'continues',
    read: { beganMs: hold.atMs, lagMs: 0 },
  });

export const add = async (name: string, orgs: string[], type: 'X25519' | 'P-256' = 'X25519') => {
  const { d, ...key } = await generateConsumerKey(type);
  await consumers.write(name, undefined, {
    name,
    orgs,
    state: 'PENDING',
    created_at: new Date().toISOString(),
    key,
  } as Consumer);
  return { own: await parseOwnKey({ ...key, d }), name };
};
export const entry = async (name: string) => (await consumers.get(name))!.consumer;
export const eventOf = async (assistantId: string) =>
  KeyEvent.parse(JSON.parse((await redis.get(`{spec}:current:${assistantId}`))!));
export const readBy = async (
  { own, name }: Awaited<ReturnType<typeof add>>,
  assistantId: string,
): Promise<string | undefined> => {
  const shared = await openGrant((await entry(name)).grant!, { consumer: name, own, verifiers });
  const event = await eventOf(assistantId);
  const plaintext = openEnvelope(event.data.sealed, shared);
  return plaintext === undefined
    ? undefined
    : (parseRecord(plaintext, event).assistant?.secret_key ?? undefined);
};

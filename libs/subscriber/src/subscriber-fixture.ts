import { generateKeyPairSync } from 'node:crypto';
import { openLedger, type Consumers, type Hold, type Ledger } from '@rekey/ledger';
import { KEY_REMOVED, KEY_ROTATED, KEY_UNCERTAIN, mayRead } from '@rekey/schema';
import {
  acknowledgementKeyOf,
  createSealer,
  generateConsumerKey,
  generateSharedKeys,
  parseConsumerKey,
  parseSharedKeys,
  sealGrant,
  sealRecord,
  type Sealer,
  type SharedKeys,
} from '@rekey/sealing';
import { Redis } from 'ioredis';
import type { JWK } from 'jose';
import { readAcknowledgements } from './acknowledgements-fixture.ts';
import { recordText, type Publisher, type RawEvent } from './publisher-fixture.ts';

const PREFIX = 'spec';
const bytes = (byte: number) => new Uint8Array(32).fill(byte);

export const createPublisher = (
  url: string,
  { keepEvents = 100_000, connection }: { keepEvents?: number; connection?: Redis } = {},
): Publisher => {
  const redis = connection ?? new Redis(url);
  redis.on('error', () => {});
  const tools = createTools(redis, keepEvents);
  return {
    redis,
    sealer: tools.sealer,
    consumers: tools.consumers,
    ...enrolling(tools),
    ...publishing(tools),
    ...forging(tools),
    close: () => redis.disconnect(),
  };
};

interface Tools {
  redis: Redis;
  sealer: Sealer;
  ledger: Ledger;
  consumers: Consumers;
  /** What verifies the acknowledgements of each grant that it has made, by the kid of the grant. */
  ackKeys: Map<string, string>;
  /** The shared keys of all consumers that may read an org, and the revision of that list. */
  recipientsOf(orgId: string): Promise<{ keys: SharedKeys[]; revision: string }>;
}

const createTools = (redis: Redis, keepEvents: number): Tools => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const signing = {
    kid: 'rekey',
    privateKey,
    publicJwk: { ...publicKey.export({ format: 'jwk' }), use: 'sig', alg: 'EdDSA', kid: 'rekey' },
  };
  const sealer = createSealer({
    sealing: { kid: 'sealing', bytes: bytes(1) },
    fingerprinting: { kid: 'printing', bytes: bytes(2) },
    signing,
  });
  const ledger: Ledger = openLedger(redis, {
    prefix: PREFIX,
    keepEvents: () => keepEvents,
    confirmAfterMs: 0,
    maxChangedPercent: 100,
    registry: { key: sealer.registryKey },
  });
  const recipientsOf = async (orgId: string) => {
    const { recipients: revision } = await ledger.consumers.revisions();
    const { consumers: seen } = await ledger.consumers.list();
    const may = seen.filter(({ consumer }) => consumer.kept !== undefined && mayRead(consumer, orgId));
    return {
      revision,
      keys: await Promise.all(
        may.map(async ({ consumer }) => parseSharedKeys(await sealer.openOwn(consumer.kept, 'kept'))),
      ),
    };
  };
  return { redis, sealer, ledger, consumers: ledger.consumers, ackKeys: new Map(), recipientsOf };
};

type Enrolling = Pick<Publisher, 'enrol' | 'finishEnrolling' | 'remove'>;
const enrolling = ({ redis, sealer, ledger, consumers, ackKeys, recipientsOf }: Tools): Enrolling => ({
  enrol: async (
    name,
    {
      orgs = ['*'],
      type = 'X25519',
      state = 'ACTIVE',
      keyFile,
      revision = Date.now() * 1000,
      signs = true,
    } = {},
  ) => {
    await ledger.system.recognise({ mayBegin: true });
    const own = (keyFile?.keys[0] as JWK | undefined) ?? (await generateConsumerKey(type));
    const { d: _private, ...registered } = own;
    const to = await parseConsumerKey(registered);
    const sharedKeys = await generateSharedKeys();
    const parsed = parseSharedKeys(sharedKeys);
    const ackKey = acknowledgementKeyOf(parsed);
    ackKeys.set(parsed.kid, ackKey);
    const claims = { consumer: name, sharedKeys, to, signer: sealer.signer, revision, nowMs: Date.now() };
    const granted =
      state === 'PENDING'
        ? {}
        : {
            grant: await sealGrant(claims),
            grant_kid: parsed.kid,
            kept: JSON.parse(sealer.sealOwn(sharedKeys, 'kept')) as unknown,
            ...(signs && { ack_key: ackKey }),
          };
    const entry = {
      name,
      orgs,
      state,
      created_at: new Date().toISOString(),
      key: { kty: String(own.kty), kid: to.kid },
      ...granted,
    };
    await consumers.write(name, undefined, entry, { reseals: true });
    return { keys: [own, sealer.publicJwk] };
  },
  finishEnrolling: async (name) => {
    for (const orgId of await redis.smembers('{spec}:orgs')) {
      const { keys } = await recipientsOf(orgId);
      for (let cursor: string | undefined = '0'; cursor !== undefined;) {
        const page: Awaited<ReturnType<typeof ledger.assistants.publishedPage>> =
          await ledger.assistants.publishedPage(orgId, cursor);
        for await (const { assistantId, event } of page.events) {
          const parsed = JSON.parse(event!) as { data: { sealed: unknown } };
          const sealed = JSON.parse(sealer.reseal(parsed.data.sealed, keys)) as unknown;
          const after = JSON.stringify({ ...parsed, data: { ...parsed.data, sealed } });
          await consumers.reseal([{ assistantId, uncertain: false, before: event!, after }]);
        }
        cursor = page.next;
      }
    }
    const before = (await consumers.get(name))!;
    await consumers.write(name, before, { ...before.consumer, state: 'ACTIVE' }, { emit: 'ACTIVE' });
  },
  remove: async (name) => {
    const seen = await consumers.get(name);
    await ledger.events.noteFormer(name, seen?.consumer.orgs ?? []);
    await consumers.write(name, seen, undefined, { reseals: true, emit: 'REMOVED' });
  },
});

type Publishing = Pick<Publisher, 'publish' | 'claim' | 'removeKey' | 'makeUncertain'>;
const publishing = (tools: Tools): Publishing => {
  const { redis, sealer, ledger, recipientsOf } = tools;
  const commit = createCommit(tools);
  const look = async (orgId: string, assistantId: string): Promise<Hold> => {
    const looked = await ledger.assistants.beginCheck({ orgId, assistantId });
    if (looked.kind !== 'begun') throw new Error(looked.kind);
    return looked.hold;
  };
  return {
    publish: async (assistantId, secretKey, { orgId = 'org_1', cause = 'import', ...more } = {}) => {
      const { version, recipients } = more;
      const hold = await look(orgId, assistantId);
      if (version !== undefined)
        await redis.hset(`{spec}:assistant:${encodeURIComponent(assistantId)}`, 'epoch', version);
      return commit(
        { ...hold, epoch: version ?? hold.epoch },
        { fingerprint: sealer.fingerprint(secretKey) },
        cause,
        { secretKey, recipients },
      );
    },
    claim: async (assistantId, orgId = 'org_1') => {
      const { rotation } = await ledger.rotations.accept(`rot_${String(Date.now()).padStart(26, '0')}`, {
        orgId,
        assistantId,
        reason: '',
      });
      const claimed = await ledger.rotations.claim(
        { rotationId: rotation.id, orgId, assistantId },
        { leaseMs: 60_000, landingWindowMs: 60_000, maxOpenIntents: 100 },
      );
      if (claimed.kind !== 'claimed') return undefined;
      return (secretKey) =>
        commit(claimed.claim, { fingerprint: sealer.fingerprint(secretKey) }, 'rotation', { secretKey });
    },
    removeKey: async (assistantId, removal = 'no-key', orgId = 'org_1') =>
      commit(await look(orgId, assistantId), { removal }, 'import'),
    makeUncertain: async (assistantId, orgId = 'org_1') => {
      const rotationId = `rot_${String(Date.now()).padStart(26, '0')}`;
      await ledger.rotations.accept(rotationId, { orgId, assistantId, reason: '' });
      const claimed = await ledger.rotations.claim(
        { rotationId, orgId, assistantId },
        { leaseMs: 60_000, landingWindowMs: 0, maxOpenIntents: 100 },
      );
      if (claimed.kind !== 'claimed') throw new Error(claimed.kind);
      const { keys, revision } = await recipientsOf(orgId);
      const envelope = sealRecord(
        sealer,
        { type: KEY_UNCERTAIN, orgId, assistantId, version: claimed.claim.versionBefore! },
        keys,
      );
      await ledger.rotations.noteUnknown(claimed.claim, { readInMs: 0, holdMs: 0 }, { envelope, revision });
      // Later versions are published as if they were read.
      await redis.hdel(`{spec}:assistant:${encodeURIComponent(assistantId)}`, 'holder', 'lease');
    },
  };
};

type Commit = (
  hold: Hold,
  key: { fingerprint: string } | { removal: 'no-key' | 'deleted' },
  cause: 'rotation' | 'import',
  more?: { secretKey?: string; recipients?: SharedKeys[] | undefined },
) => Promise<number>;
const createCommit =
  ({ sealer, ledger, recipientsOf }: Tools): Commit =>
  async (hold, key, cause, { secretKey, recipients } = {}) => {
    const { orgId, assistantId, epoch } = hold;
    const isAnswer = hold.rotationId !== undefined;
    const { keys, revision } = recipients ? { keys: recipients, revision: '' } : await recipientsOf(orgId);
    const what =
      'removal' in key
        ? ({ type: KEY_REMOVED, removal: key.removal } as const)
        : ({ type: KEY_ROTATED, assistantJson: recordText(assistantId, secretKey!) } as const);
    const envelope = sealRecord(sealer, { ...what, orgId, assistantId, version: epoch, cause }, keys);
    const { kind } = await ledger.assistants.commit(hold, {
      key,
      sealed: { envelope, revision },
      cause,
      updatedMs: hold.atMs,
      ...(isAnswer
        ? { rotation: 'ends' }
        : { rotation: 'continues', read: { beganMs: hold.atMs, lagMs: 0 }, witnessedMs: 0 }),
    });
    if (kind !== 'committed') throw new Error(kind);
    return epoch;
  };

type Forging = Pick<Publisher, 'eventOf' | 'put' | 'currentEvent' | 'acks'>;
const forging = ({ redis, sealer, ackKeys, recipientsOf }: Tools): Forging => ({
  currentEvent: async (assistantId) =>
    JSON.parse((await redis.get(`{spec}:current:${encodeURIComponent(assistantId)}`))!) as RawEvent,
  eventOf: async (
    assistantId,
    {
      orgId = 'org_1',
      version = Date.now() * 1000,
      secretKey = 'sk_made',
      recipients,
      type = KEY_ROTATED,
      ahead,
    } = {},
  ) => {
    const keys = recipients ?? (await recipientsOf(orgId)).keys;
    const sealed = JSON.parse(
      sealRecord(
        sealer,
        {
          type: type as typeof KEY_ROTATED,
          orgId,
          assistantId,
          version,
          cause: 'rotation',
          assistantJson: recordText(assistantId, secretKey),
          ...(ahead && { ahead }),
        },
        keys,
      ),
    ) as RawEvent['data']['sealed'];
    const source = `/orgs/${encodeURIComponent(orgId)}/assistants/${encodeURIComponent(assistantId)}`;
    return {
      type,
      subject: assistantId,
      source,
      data: { seq: Number(await redis.incr('{spec}:seq')), version, sealed },
    };
  },
  put: async (event) =>
    (await redis.xadd(
      '{spec}:events',
      '*',
      'event',
      typeof event === 'string' ? event : JSON.stringify(event),
    ))!,
  acks: async (instance) => {
    const all = await readAcknowledgements(redis, ackKeys);
    return instance === undefined ? all : all.filter((ack) => ack.instance === instance);
  },
});

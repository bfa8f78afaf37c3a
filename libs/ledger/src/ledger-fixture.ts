import { beforeEach } from '@jest/globals';
import { specRegistry } from '@rekey/testing';
import { useRedis } from '@rekey/testing/redis-fixture';
import { KeyEvent, type RekeyError, type Removal, type Rotation, type RotationRequest } from '@rekey/schema';
import { Redis } from 'ioredis';
import type { Hold } from './assistants/hold.ts';
import type { KeyVersion, Sealed } from './assistants/key-version.ts';
import { openLedger, type Ledger, type LedgerOptions } from './open-ledger.ts';
import type { Claim, ClaimOptions, ClaimResult } from './rotations/claim.ts';

/** For specs only: a ledger under the prefix `spec`, and the steps that specs take through it. */
export let redis: Redis;
export let ledger: Ledger;
let made = 0;

/** Opens it, once in each spec file. */
export const openSpecLedger = (
  url: string,
  { connection = new Redis(url), ...options }: { connection?: Redis } & Omit<LedgerOptions, 'prefix'> = {},
): void => {
  redis = connection;
  ledger = openLedger(redis, {
    prefix: 'spec',
    keepEvents: () => 1000,
    confirmAfterMs: 0,
    registry: specRegistry,
    ...options,
  });
};

/** For a spec file: a ledger on a Redis of its own, empty before each test. */
export const useLedger = ({
  connect = (url) => new Redis(url),
  ...options
}: { connect?: (url: string) => Redis } & Omit<LedgerOptions, 'prefix'> = {}): { url(): string } => {
  const used = useRedis((url) => {
    openSpecLedger(url, { ...options, connection: connect(url) });
    return redis;
  });
  // What a ledger believes of the consumers outlives what is in Redis.
  beforeEach(() => openSpecLedger('', { ...options, connection: redis }));
  return used;
};

const NOW = 'simulated-now';
/**
 * A connection whose commands read the time from a key, not from the clock: their text is changed on its way
 * to Redis.
 */
export const connectSimulated = (url: string): Redis => {
  const simulated = new Redis(url);
  const define = simulated.defineCommand.bind(simulated);
  simulated.defineCommand = (command, definition) =>
    define(command, {
      ...definition,
      lua: definition.lua.replace(`redis.call('TIME')`, `redis.call('HMGET', '${NOW}', 's', 'us')`),
    });
  simulated.time = (async () => (await simulated.hmget(NOW, 's', 'us')).map(Number)) as typeof simulated.time;
  return simulated;
};
/** Later commands see it: one connection keeps the order. */
export const setNow = (nowUs: number): Promise<unknown> =>
  redis.hset(NOW, { s: Math.floor(nowUs / 1_000_000), us: Math.floor(nowUs % 1_000_000) });

type Target = Pick<Rotation, 'id' | 'orgId' | 'assistantId'>;
export type Resumed = ClaimResult & { kind: 'resumed' };

export const nextId = (): string => `rot_${String((made += 1)).padStart(26, '0')}`;
export const request = (more: Partial<RotationRequest> = {}): RotationRequest => ({
  orgId: 'org_1',
  assistantId: 'ast_1',
  reason: '',
  ...more,
});
export const accept = async (more: Partial<RotationRequest> = {}): Promise<Rotation> =>
  (await ledger.rotations.accept(nextId(), request(more))).rotation;

export const claimOf = (
  { id, orgId, assistantId }: Target,
  options: Partial<ClaimOptions> = {},
): Promise<ClaimResult> =>
  ledger.rotations.claim(
    { rotationId: id, orgId, assistantId },
    { leaseMs: 60_000, landingWindowMs: 60_000, maxOpenIntents: 10, ...options },
  );
const expectKind = <T extends { kind: string }, K extends T['kind']>(result: T, kind: K): T & { kind: K } => {
  if (result.kind !== kind) throw new Error(`${result.kind}, and not ${kind}`);
  return result as T & { kind: K };
};
export const claimed = async (rotation: Target, options?: Partial<ClaimOptions>): Promise<Claim> =>
  expectKind(await claimOf(rotation, options), 'claimed').claim;
export const resumed = async (rotation: Target, options?: Partial<ClaimOptions>): Promise<Resumed> =>
  expectKind(await claimOf(rotation, options), 'resumed');
/** The time to wait of a result. */
export const waitOf = (result: object): number => (result as { retryInMs: number }).retryInMs;
export const looked = async (target: { orgId?: string; assistantId?: string } = {}): Promise<Hold> =>
  expectKind(await ledger.assistants.beginCheck({ orgId: 'org_1', assistantId: 'ast_1', ...target }), 'begun')
    .hold;

export const ENVELOPE = { protected: 'p', recipients: [], iv: 'i', ciphertext: 'c', tag: 't' };
/** Sealed for no consumers, before any was added. */
export const SEALED: Sealed = { envelope: JSON.stringify(ENVELOPE), revision: '0' };
export const printOf = (name: string): string => `KEYID:${name.padStart(43, '_')}`;
/** The commit time of the worker. */
export const LONG_AGO = 1_700_000_000_000;
type More = Partial<Omit<KeyVersion, 'key'>>;
export const key = (name: string, more: More = {}): KeyVersion => ({
  key: { fingerprint: printOf(name) },
  sealed: SEALED,
  cause: 'rotation',
  updatedMs: LONG_AGO,
  rotation: 'ends',
  ...more,
});
/** A key that was read at the beginning of a hold; without a lag by default. */
export const readKey = (name: string, { atMs }: Hold, more: More = {}): KeyVersion =>
  key(name, { cause: 'reconciliation', rotation: 'continues', read: { beganMs: atMs, lagMs: 0 }, ...more });
export const removed = (removal: Removal, { atMs }: Hold, more: More = {}): KeyVersion => ({
  key: { removal },
  sealed: SEALED,
  cause: 'drift',
  updatedMs: LONG_AGO,
  rotation: 'continues',
  read: { beganMs: atMs, lagMs: 0 },
  ...more,
});

/** A whole rotation that succeeds at once. */
export const rotate = async (
  name: string,
  target: Partial<RotationRequest> = {},
  more?: More,
): Promise<Claim> => {
  const claim = await claimed(await accept(target));
  expectKind(await ledger.assistants.commit(claim, key(name, more)), 'committed');
  return claim;
};
/** A rotation whose outcome is unknown, free until the next read. */
export const lose = async (
  target: Partial<RotationRequest> = {},
  options?: Partial<ClaimOptions>,
): Promise<Claim> => {
  const claim = await claimed(await accept(target), options);
  await ledger.rotations.noteUnknown(claim, { readInMs: 0, holdMs: 0 }, SEALED);
  return claim;
};

export const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'resolved',
    (error: RekeyError) => error.code,
  );
export const events = async (): Promise<KeyEvent[]> =>
  (await redis.xrange('{spec}:events', '-', '+')).map(([, fields]) => KeyEvent.parse(JSON.parse(fields[1]!)));
export const dueChecks = async (): Promise<string[]> =>
  (await ledger.assistants.drawChecks(100, 60_000)).map(
    ({ orgId, assistantId }) => `${orgId}/${assistantId}`,
  );
/** Everything under the prefix: to see that nothing was written. */
export const everything = async (): Promise<Record<string, string>> => {
  const names = (await redis.keys('{spec}:*')).toSorted();
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, (await redis.dumpBuffer(name))!.toString('base64')])),
  );
};

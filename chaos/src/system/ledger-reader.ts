import { ledgerKeys } from '@rekey/ledger';
import { KEY_UNCERTAIN, KeyEvent, type RotationState } from '@rekey/schema';
import type { Redis } from 'ioredis';
import type { Outcome, Published } from '../verdict/evidence.ts';

const PREFIX = 'rekey';
/** Checks that are due later are left out: a second read of an assistant that is gone waits for minutes. */
const SOON_MS = 45_000;

export interface LedgerReader {
  openRotations(): Promise<number>;
  /** The number of checks that are due soon. */
  dueChecks(): Promise<number>;
  publishedEvents(): Promise<Published[]>;
  /** The fingerprint that was published last for each assistant; null after a removal. */
  lastPrints(): Promise<Map<string, string | null>>;
  outcomeOf(id: string): Promise<Outcome | undefined>;
  succeededRotations(): Promise<{ id: string; assistantId: string }[]>;
  heldOrgs(): Promise<string[]>;
  isAccepting(orgId: string): Promise<boolean>;
  /** The upstream requests of all sweeps so far. */
  sweepRequests(): Promise<number>;
  /** Whether the org of the API key is known, and the first sweep has ended. */
  isSettled(): Promise<boolean>;
}

type Keys = ReturnType<typeof ledgerKeys>;

const publishedEvents = async (redis: Redis, keys: Keys): Promise<Published[]> =>
  (await redis.xrange(keys.events, '-', '+')).map(([id, fields]) => ({
    atMs: Number(id.split('-')[0]),
    event: KeyEvent.parse(JSON.parse(fields[1]!)),
  }));

const outcomeOf = async (redis: Redis, keys: Keys, id: string): Promise<Outcome | undefined> => {
  const fields = ['state', 'error', 'assistant', 'created', 'version'];
  const [state, error, assistant, created, version] = await redis.hmget(keys.rotation(id), ...fields);
  if (!state) return undefined;
  return {
    state: state as RotationState,
    assistantId: assistant!,
    acceptedMs: Number(created),
    ...(error && { code: error }),
    ...(version && { version: Number(version) }),
  };
};

const sweepRequests = async (redis: Redis, keys: Keys): Promise<number> => {
  const ids = await redis.zrange(keys.sweeps, '0', '-1');
  const counts = await Promise.all(ids.map((id) => redis.hget(keys.sweep(id), 'counts')));
  return counts.reduce(
    (sum, text) => sum + (text ? (JSON.parse(text) as { requests: number }).requests : 0),
    0,
  );
};

/** What a read that another writer's value breaks counts as. */
const orIfSpoilt = async <T>(read: Promise<T>, otherwise: T): Promise<T> => read.catch(() => otherwise);

/** The same of a Redis that something else writes to: a key can have any type, and the stream any entry. */
export const createTolerantReader = (redis: Redis, recorded: () => Published[]): LedgerReader => {
  const reader = createLedgerReader(redis, async () => recorded());
  return {
    ...reader,
    openRotations: () => orIfSpoilt(reader.openRotations(), 0),
    dueChecks: () => orIfSpoilt(reader.dueChecks(), 0),
    outcomeOf: (id) => orIfSpoilt(reader.outcomeOf(id), undefined),
    succeededRotations: () => orIfSpoilt(reader.succeededRotations(), []),
    heldOrgs: () => orIfSpoilt(reader.heldOrgs(), []),
    isAccepting: (orgId) => orIfSpoilt(reader.isAccepting(orgId), false),
    sweepRequests: () => orIfSpoilt(reader.sweepRequests(), 0),
  };
};

/** Reads in Redis what no RPC shows. */
export const createLedgerReader = (
  redis: Redis,
  readEvents: () => Promise<Published[]> = () => publishedEvents(redis, ledgerKeys(PREFIX)),
): LedgerReader => {
  const keys = ledgerKeys(PREFIX);
  return {
    openRotations: () => redis.zcard(keys.rotations('open')),
    dueChecks: async () =>
      (await redis.zcount(keys.checks, '-inf', Date.now() + SOON_MS)) +
      (await redis.zcount(keys.slowChecks, '-inf', Date.now() + SOON_MS)),
    publishedEvents: readEvents,
    lastPrints: async () => {
      const last = new Map<string, string | null>();
      for (const { event } of await readEvents())
        if (event.type !== KEY_UNCERTAIN) last.set(event.subject, event.data.fingerprint);
      return last;
    },
    outcomeOf: (id) => outcomeOf(redis, keys, id),
    succeededRotations: async () => {
      const ids = await redis.zrange(keys.rotations('SUCCEEDED'), '0', '-1');
      return Promise.all(
        ids.map(async (id) => ({
          id,
          assistantId: (await redis.hget(keys.rotation(id), 'assistant')) ?? '',
        })),
      );
    },
    heldOrgs: async () => Object.keys(await redis.hgetall(`${keys.prefix}:held`)),
    isAccepting: async (orgId) => (await redis.hexists(`${keys.prefix}:accepted`, orgId)) === 1,
    sweepRequests: () => sweepRequests(redis, keys),
    isSettled: async () =>
      (await redis.hexists(keys.ledger, 'alias')) === 1 &&
      (await redis.hexists(keys.ledger, 'sweep_ended')) === 1 &&
      (await redis.exists(keys.sweeping)) === 0,
  };
};

import type { AssistantSince, SystemStatus } from '@rekey/schema';
import type { ChainableCommander, Redis } from 'ioredis';
import { z } from 'zod';
import { ledgerKeys } from './keys.ts';
import { createOrgAlias } from './org-alias.ts';
import { defineScripts } from './scripts.ts';

/** What an operator sees of the whole, and the brake. Every method is one atomic command, or reads. */
export interface System {
  /** From now on no request leaves for a rotation; what may have left is still read back. Frozen already: since when and why stay. */
  freeze(reason: string): Promise<void>;
  unfreeze(): Promise<void>;
  /** Entries that cannot be read are shown as such, and never break it. */
  status(): Promise<SystemStatus>;
}

/** How many of a long list are shown, and how many are looked at to find those. */
const SHOWN = 100;
const LOOKED_AT = 1000;
/** So begin the fields of the ledger's own facts that count unknown outcomes in a row, each of an org. */
const RUN_OF = 'run:';

export const createSystem = ({ redis, prefix }: { redis: Redis; prefix: string }): System => {
  const keys = ledgerKeys(prefix);
  const run = defineScripts(redis, keys.prefix);

  const alias = createOrgAlias({ redis, prefix });

  const openIntents = async (): Promise<SystemStatus['openIntents']> => {
    // An org that nothing was published under yet is known by its unknown outcomes alone.
    const unknowns = (await redis.hkeys(keys.ledger)).filter((field) => field.startsWith(RUN_OF)).map((field) => field.slice(RUN_OF.length));
    const orgIds = [...new Set([...(await redis.smembers(keys.orgs)), ...unknowns])];
    const counts = await replies(orgIds.reduce((pipeline, orgId) => pipeline.zcard(keys.intents(orgId)), redis.pipeline()));
    return orgIds
      .map((orgId, i) => ({ orgId, count: Number(counts[i]) }))
      .filter(({ count }) => count > 0)
      .toSorted((a, b) => b.count - a.count || (a.orgId < b.orgId ? -1 : 1));
  };

  return {
    freeze: async (reason) => {
      await run.freeze([keys.ledger], [reason]);
    },

    unfreeze: async () => {
      await redis.hdel(keys.ledger, 'frozen', 'frozen_reason');
    },

    status: async () => {
      const [facts, open, failed, uncertainCount, quarantinedCount, checksDue] = await replies(
        redis.pipeline()
          .hmget(keys.ledger, 'frozen', 'frozen_reason')
          .zcard(keys.rotations('open')).zcard(keys.rotations('FAILED'))
          .hlen(keys.uncertain).hlen(keys.quarantine).zcard(keys.checks),
      );
      const [since, reason] = facts as (string | null)[];
      const { known, conflict } = await alias.read();
      const uncertain = (await someFields(redis, keys.uncertain)).map(([assistantId, text]) => ({ assistantId, ...read(Doubt, text) }));
      const quarantined = (await someFields(redis, keys.quarantine)).map(([assistantId, text]) => ({ assistantId, ...(read(Quarantine, text) ?? { why: 'its entry in the quarantine cannot be read' }) }));
      return {
        ...(typeof since === 'string' && { frozen: { ...(isMoment(since) && { sinceMs: Number(since) }), reason: reason ?? '' } }),
        rotations: { open: Number(open), failed: Number(failed) },
        openIntents: await openIntents(),
        uncertain: longestFirst(uncertain),
        uncertainCount: Number(uncertainCount),
        quarantined: longestFirst(quarantined),
        quarantinedCount: Number(quarantinedCount),
        checksDue: Number(checksDue),
        ...(known || conflict ? { orgAlias: { ...known, ...(conflict && { conflict }) } } : {}),
      };
    },
  };
};

const replies = async (pipeline: ChainableCommander): Promise<unknown[]> =>
  ((await pipeline.exec()) ?? []).map(([error, reply]) => {
    if (error) throw error;
    return reply;
  });

/** Fields and values of a hash that may be long: all of a short one, and of a long one about as many as are looked at. */
const someFields = async (redis: Redis, key: string): Promise<[string, string][]> => {
  const found = new Map<string, string>();
  let cursor = '0';
  do {
    const [next, flat] = await redis.hscan(key, cursor, 'COUNT', LOOKED_AT);
    for (let i = 0; i + 1 < flat.length; i += 2) found.set(flat[i]!, flat[i + 1]!);
    cursor = next;
  } while (cursor !== '0' && found.size < LOOKED_AT);
  return [...found];
};

const longestFirst = <T extends AssistantSince>(entries: T[]): T[] => entries.toSorted((a, b) => (a.sinceMs ?? 0) - (b.sinceMs ?? 0)).slice(0, SHOWN);

/** What a Date can hold. */
const Moment = z.int().nonnegative().max(8_640_000_000_000_000);
const Doubt = z.object({ time: z.iso.datetime({ offset: true }) }).transform(({ time }) => ({ sinceMs: Date.parse(time) }));
const Quarantine = z.object({ since: Moment, why: z.string() }).transform(({ since, why }) => ({ sinceMs: since, why }));

const isMoment = (text: string): boolean => Moment.safeParse(Number(text)).success;

const read = <T extends z.ZodType>(schema: T, text: string): z.output<T> | undefined => {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
};

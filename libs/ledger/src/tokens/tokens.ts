import {
  LOCAL_ACTOR,
  MAX_ACTIVITY_STATE_BYTES,
  MAX_TOKENS,
  ORG_ALIAS,
  RekeyError,
  type Actor,
} from '@rekey/schema';
import { onlyOrg } from '../activity/consumer-writes.ts';
import { namesText } from '../activity/state-text.ts';
import type { Connection } from '../connection.ts';
import { EXPIRED_KEPT_MS, expiryOf } from '../registry/facts/expiring.ts';
import type { UntrustedCode } from '../registry/problems.ts';
import type { Registry } from '../registry/registry.ts';
import {
  factOf,
  isRevoked,
  liveFact,
  revokedFact,
  takesPlace,
  tokenOf,
  type AccessToken,
} from './token-facts.ts';

/**
 * Access tokens that Rekey has made: facts of the signed registry, so that nobody who writes to Redis can
 * make one, change one, or put a revoked one back. All that is not a promise answers from memory.
 */
export interface Tokens {
  /** Why no token can be verified; undefined if they can. */
  untrusted(): UntrustedCode | undefined;
  /** Reads the registry again. */
  look(): Promise<void>;
  /** The token of this digest, if it was not revoked and has not expired. */
  find(sha256: string): AccessToken | undefined;
  /** Whether a token that was found still is one. */
  isCurrent(token: AccessToken): boolean;
  /** All that were not revoked, by name: also those that have expired, for a day. */
  list(): AccessToken[];
  get(name: string): AccessToken | undefined;
  /**
   * Throws TOKEN_EXISTS if a token of this name is not revoked and has not expired, TOO_MANY_TOKENS,
   * TOKEN_BUSY, and the codes of `Registry.requireTrusted`.
   */
  create(name: string, fields: Omit<AccessToken, 'name' | 'rev'>, actor?: Actor): Promise<AccessToken>;
  /**
   * `checked`: the token for which the right to revoke it was looked up. Throws TOKEN_BUSY if the name is
   * another token's by now, TOKEN_NOT_FOUND, and the codes of `Registry.requireTrusted`.
   */
  revoke(name: string, actor?: Actor, checked?: Pick<AccessToken, 'sha256'>): Promise<void>;
  /** Notes that a token was used, for people to see. Nothing proves it. */
  noteUse(name: string, atMs: number): Promise<void>;
  /** When tokens were last used, by name, as far as that is known. */
  lastUses(names: readonly string[]): Promise<ReadonlyMap<string, number>>;
}

/** Facts of tokens take at most this of the manifest, as JSON: the rest belongs to consumers. */
const MAX_FACT_BYTES = 131_072;

const checkRoom = (facts: ReturnType<Registry['facts']>, name: string, value: string): void => {
  const others = [...facts].filter(([fact, one]) => fact !== factOf(name) && takesPlace(fact, one.value));
  // JSON inside of JSON: some characters become four.
  const bytesOf = (text: string) => Buffer.byteLength(JSON.stringify(text));
  const bytes = others.reduce((sum, [fact, one]) => sum + bytesOf(fact) + bytesOf(one.value), 0);
  if (others.length >= MAX_TOKENS || bytes + bytesOf(value) > MAX_FACT_BYTES)
    throw new RekeyError('TOO_MANY_TOKENS', { metadata: { limit: String(MAX_TOKENS) } });
};

const isOver = ({ expiresMs }: AccessToken, keptMs = 0): boolean => expiresMs + keptMs <= Date.now();

/** The registry reports contention in the words of consumers. */
const busy = (error: unknown): never => {
  throw error instanceof RekeyError && error.code === 'CONSUMER_BUSY' ? new RekeyError('TOKEN_BUSY') : error;
};

/** What the facts say, computed once for each version of what is believed. */
const createIndex = (registry: Registry) => {
  let version = -1;
  let byName = new Map<string, AccessToken>();
  let bySha256 = new Map<string, AccessToken>();
  /** An org has one name, even if a token has it as `c`. */
  const renamed = (token: AccessToken): AccessToken =>
    token.orgs.includes(ORG_ALIAS)
      ? { ...token, orgs: token.orgs.map((org) => (org === ORG_ALIAS ? registry.alias() : org)) }
      : token;
  return () => {
    if (version !== registry.version()) {
      version = registry.version();
      const tokens = [...registry.facts()]
        .flatMap(([fact, record]) => tokenOf(fact, record) ?? [])
        .map(renamed)
        .toSorted((a, b) => (a.name < b.name ? -1 : 1));
      byName = new Map(tokens.map((token) => [token.name, token]));
      bySha256 = new Map(tokens.map((token) => [token.sha256, token]));
    }
    return { byName, bySha256 };
  };
};

const concerned = (name: string, { orgs }: Pick<AccessToken, 'orgs'>) => ({
  target: `token:${name}`,
  ...onlyOrg(orgs),
});
const describe = ({ role, orgs }: Pick<AccessToken, 'role' | 'orgs'>): string =>
  `${role} ${namesText(orgs)}`.slice(0, MAX_ACTIVITY_STATE_BYTES);

export const openTokens = ({ redis, keys }: Connection, registry: Registry): Tokens => {
  const index = createIndex(registry);
  return {
    untrusted: () => registry.untrusted(),
    look: async () => void (await registry.look()),
    find: (sha256) => {
      const token = index().bySha256.get(sha256);
      return token === undefined || isOver(token) ? undefined : token;
    },
    isCurrent: (token) => {
      const current = index().byName.get(token.name);
      return current?.sha256 === token.sha256 && !isOver(current);
    },
    list: () => [...index().byName.values()].filter((token) => !isOver(token, EXPIRED_KEPT_MS)),
    get: (name) => index().byName.get(name),

    create: async (name, fields, actor = LOCAL_ACTOR) => {
      const rev = await registry
        .writeFacts((facts) => {
          const before = facts.get(factOf(name));
          const known = before && tokenOf(factOf(name), before);
          // One that cannot be read is of a later version, and may be in use.
          const isFree = before === undefined || isRevoked(before.value) || (known && isOver(known));
          if (!isFree) throw new RekeyError('TOKEN_EXISTS');
          const value = liveFact(fields, before && expiryOf(factOf(name), before.value));
          checkRoom(facts, name, value);
          const activity = {
            what: 'token-created' as const,
            actor,
            ...concerned(name, fields),
            after: describe(fields),
          };
          return { values: { [factOf(name)]: value }, activity };
        })
        .catch(busy);
      // Nothing is known of the use of this one yet.
      await redis.hdel(keys.tokenUses, name).catch(() => {});
      return { ...fields, name, rev: rev! };
    },

    revoke: async (name, actor = LOCAL_ACTOR, checked) => {
      await registry
        .writeFacts((facts) => {
          const before = facts.get(factOf(name));
          const token = before && tokenOf(factOf(name), before);
          if (before === undefined || token === undefined) throw new RekeyError('TOKEN_NOT_FOUND');
          if (checked !== undefined && checked.sha256 !== token.sha256) throw new RekeyError('TOKEN_BUSY');
          const activity = {
            what: 'token-revoked' as const,
            actor,
            ...concerned(name, token),
            before: describe(token),
          };
          return { values: { [factOf(name)]: revokedFact(factOf(name), before.value) }, activity };
        })
        .catch(busy);
      await redis.hdel(keys.tokenUses, name).catch(() => {});
    },

    noteUse: async (name, atMs) => void (await redis.hset(keys.tokenUses, name, String(atMs))),

    lastUses: async (names) => {
      // Another client may have put anything there.
      const uses =
        names.length === 0 ? [] : await redis.hmget(keys.tokenUses, ...names).catch(() => [] as null[]);
      return new Map(
        names.flatMap((name, i): [string, number][] => {
          const ms = /^\d{1,15}$/.test(uses[i] ?? '') ? Number(uses[i]) : 0;
          return ms > 0 && ms <= Date.now() + 60_000 ? [[name, ms]] : [];
        }),
      );
    },
  };
};

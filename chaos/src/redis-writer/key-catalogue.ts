import type { Redis } from 'ioredis';
import type { Random } from '../random.ts';

const SCAN_COUNT = 1000;
/** Ids and orgs in the names of keys. */
const ID = /^(?:[a-z]{2,5}_.*|[0-9a-f-]{32,}|[0-9A-Z]{20,}|\d+|c|.*%.*|.*:\d+)$/;

/** The kind of a key: its name without ids. */
const kindOf = (key: string, prefix: string): string =>
  key
    .slice(prefix.length + 1)
    .split(':')
    .map((part) => (ID.test(part) ? '*' : part))
    .join(':')
    .slice(0, 60);

/** Picks a random key: one of each kind equally often. */
export interface KeyPicker {
  /** Undefined if there is no key. */
  pick(): string | undefined;
  /** A key of the same kind, or any key if there is no other. */
  pickLike(key: string): string | undefined;
}

/** The keys under a prefix, by kind. */
interface KeyCatalogue {
  refresh(): Promise<void>;
  /** All keys of kinds that have at most `most` keys. */
  rare(most: number): string[];
  picker(random: Random): KeyPicker;
}

/** `without`: keys that are never picked. */
export const createKeyCatalogue = (redis: Redis, prefix: string, without?: RegExp): KeyCatalogue => {
  let kinds = new Map<string, string[]>();
  let names: string[] = [];
  return {
    refresh: async () => {
      const found: string[] = [];
      let cursor = '0';
      do {
        const [next, keys] = await redis.scan(cursor, 'MATCH', `${prefix}:*`, 'COUNT', SCAN_COUNT);
        found.push(...keys.filter((key) => !without?.test(key)));
        cursor = next;
      } while (cursor !== '0');
      // A scan returns keys in an order that the seed does not decide.
      kinds = Map.groupBy(found.toSorted(), (key) => kindOf(key, prefix)) as Map<string, string[]>;
      names = [...kinds.keys()];
    },
    rare: (most) => [...kinds.values()].filter((keys) => keys.length <= most).flat(),
    picker: (random) => ({
      pick: () => (names.length === 0 ? undefined : random.pick(kinds.get(random.pick(names))!)),
      pickLike: (key) => {
        const like = (kinds.get(kindOf(key, prefix)) ?? []).filter((other) => other !== key);
        if (like.length > 0) return random.pick(like);
        return names.length === 0 ? undefined : random.pick(kinds.get(random.pick(names))!);
      },
    }),
  };
};

import type { Consumers } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import { ORG_ALIAS, mayRead, type Consumer } from '@rekey/schema';
import { parseSharedKeys, type Sealer, type SharedKeys } from '@rekey/sealing';

/** The consumers that records are sealed for. */
export interface Readers {
  /** The names and keys of those that may read an org, and at which revision of the consumers that was so. */
  of(orgId: string): { names: readonly string[]; keys: readonly SharedKeys[]; revision: number };
  /**
   * The one name of an org: `c` is translated once it is known which org that is. As of the same revision.
   */
  nameOf(orgId: string): string;
  /** Looks at the ledger again. */
  refresh(): Promise<void>;
}

interface Reader {
  consumer: Consumer;
  keys: SharedKeys;
}

export const createReaders = ({
  consumers,
  sealer,
  logger,
}: {
  consumers: Pick<Consumers, 'revisions' | 'list'>;
  sealer: Sealer;
  logger: Logger;
}): Readers => {
  let readers: Reader[] = [];
  let revision = -1;
  let alias: string = ORG_ALIAS;
  const nameOf = (orgId: string): string => (orgId === ORG_ALIAS ? alias : orgId);
  let byOrg = new Map<string, { names: readonly string[]; keys: readonly SharedKeys[] }>();

  const readerOf = async (consumer: Consumer): Promise<Reader[]> => {
    if (consumer.kept === undefined) return [];
    try {
      return [{ consumer, keys: parseSharedKeys(await sealer.open(consumer.kept)) }];
    } catch (err) {
      logger.error(
        { err, consumer: consumer.name },
        'the keys that are shared with a consumer cannot be opened: nothing is sealed for it; remove it and add it again',
      );
      return [];
    }
  };

  return {
    nameOf,
    of: (named) => {
      const orgId = nameOf(named);
      let found = byOrg.get(orgId);
      if (!found) {
        const may = readers.filter(({ consumer }) => mayRead(consumer, orgId));
        found = { names: may.map(({ consumer }) => consumer.name), keys: may.map(({ keys }) => keys) };
        byOrg.set(orgId, found);
      }
      return { ...found, revision };
    },
    refresh: async () => {
      // Read before them: should consumers change in between, what is sealed for these is refused.
      const { readers: now, alias: known = ORG_ALIAS } = await consumers.revisions();
      const { consumers: seen } = await consumers.list();
      readers = (await Promise.all(seen.map(({ consumer }) => readerOf(consumer)))).flat();
      revision = now;
      alias = known;
      byOrg = new Map();
    },
  };
};

import type { Registry } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import { ORG_ALIAS, mayRead, type Consumer } from '@rekey/schema';
import { parseSharedKeys, type Sealer, type SharedKeys } from '@rekey/sealing';

/** The consumers that records are sealed for. */
export interface Recipients {
  /**
   * The names and keys of the consumers that may read an org, and the revision of the consumers they are
   * from.
   */
  of(orgId: string): { names: readonly string[]; keys: readonly SharedKeys[]; revision: string };
  /**
   * The one name of an org: `c` is translated once it is known which org that is. As of the same revision.
   */
  nameOf(orgId: string): string;
  /** The revision of the registry that records are sealed by. */
  rev(): number;
  /** Reads the consumers from the registry again. */
  refresh(): Promise<void>;
}

interface Recipient {
  consumer: Consumer;
  keys: SharedKeys;
}

export const createRecipients = ({
  registry,
  sealer,
  logger,
}: {
  registry: Pick<Registry, 'look' | 'list' | 'alias' | 'rev' | 'version'>;
  sealer: Sealer;
  logger: Logger;
}): Recipients => {
  let recipients: Recipient[] = [];
  let revision = '';
  /** What was believed at the last refresh. */
  let believed = { version: -1, rev: 0 };
  let alias: string = ORG_ALIAS;
  const nameOf = (orgId: string): string => (orgId === ORG_ALIAS ? alias : orgId);
  let byOrg = new Map<string, { names: readonly string[]; keys: readonly SharedKeys[] }>();

  const recipientOf = async (consumer: Consumer): Promise<Recipient[]> => {
    if (consumer.kept === undefined) return [];
    try {
      return [{ consumer, keys: parseSharedKeys(await sealer.open(consumer.kept)) }];
    } catch (err) {
      logger.event('consumer_keys_unreadable', { err, consumer: consumer.name });
      return [];
    }
  };

  return {
    nameOf,
    // The registry may be signed again without a change.
    rev: () => (registry.version() === believed.version ? registry.rev() : believed.rev),
    of: (named) => {
      const orgId = nameOf(named);
      let found = byOrg.get(orgId);
      if (!found) {
        const allowed = recipients.filter(({ consumer }) => mayRead(consumer, orgId));
        found = {
          names: allowed.map(({ consumer }) => consumer.name),
          keys: allowed.map(({ keys }) => keys),
        };
        byOrg.set(orgId, found);
      }
      return { ...found, revision };
    },
    refresh: async () => {
      // The revision is read first: if consumers change in between, the ledger refuses what is sealed for
      // these.
      const { recipients: current } = await registry.look();
      const [{ consumers: seen }, known] = [registry.list(), registry.alias()];
      const now = { version: registry.version(), rev: registry.rev() };
      recipients = (await Promise.all(seen.map(({ consumer }) => recipientOf(consumer)))).flat();
      revision = current;
      alias = known;
      believed = now;
      byOrg = new Map();
    },
  };
};

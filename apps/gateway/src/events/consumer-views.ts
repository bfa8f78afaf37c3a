import type { Events, Registry, SeenConsumer } from '@rekey/ledger';
import { ORG_ALIAS, RekeyError } from '@rekey/schema';
import type { ConsumerView } from './consumer-view.ts';

/** What each consumer is served by, as the registry proves it. */
export interface ConsumerViews {
  /**
   * As of now. Throws CONSUMER_LOST for a consumer whose entry nobody can believe, and the reason if none is
   * believed.
   */
  load(name: string): Promise<ConsumerView>;
  /** As of the last look at the registry. Throws the same. */
  current(name: string): Promise<ConsumerView>;
  /** The same at once, of a consumer that was loaded before. */
  known(view: ConsumerView): ConsumerView;
  /** Rises with each change of what is believed. */
  version(): number;
  look(): Promise<unknown>;
}

type BelievedConsumers = Pick<Registry, 'look' | 'requireTrusted' | 'get' | 'lost' | 'version' | 'alias'>;

/** What was published under `c` stays there until its key is published again under the real id. */
const withAlias = (orgs: readonly string[], alias: string): string[] =>
  orgs.includes(alias) ? [...new Set([...orgs, ORG_ALIAS])] : [...orgs];

const viewOf = ({ consumer, text, storedOrgs }: SeenConsumer, alias: string): ConsumerView => ({
  name: consumer.name,
  entry: text,
  orgs: withAlias([...new Set([...consumer.orgs, ...storedOrgs])], alias),
  kid: consumer.grant_kid,
});

export const createConsumerViews = (
  registry: BelievedConsumers,
  events: Pick<Events, 'formerConsumer'>,
): ConsumerViews => {
  const views = new Map<string, ConsumerView>();
  let version = -1;

  /** Undefined if it is not registered. */
  const registered = (name: string): ConsumerView | undefined => {
    registry.requireTrusted();
    if (version !== registry.version()) {
      version = registry.version();
      views.clear();
    }
    const known = views.get(name);
    if (known) return known;
    const seen = registry.get(name);
    if (!seen) {
      if (registry.lost().includes(name)) throw new RekeyError('CONSUMER_LOST', { which: name });
      return undefined;
    }
    const view = viewOf(seen, registry.alias());
    views.set(name, view);
    return view;
  };
  const current = async (name: string): Promise<ConsumerView> =>
    registered(name) ?? {
      name,
      entry: undefined,
      orgs: withAlias(await events.formerConsumer(name), registry.alias()),
      kid: undefined,
    };

  return {
    load: async (name) => {
      await registry.look();
      return current(name);
    },
    current,
    known: (view) => registered(view.name) ?? { ...view, entry: undefined, kid: undefined },
    version: registry.version,
    look: () => registry.look(),
  };
};

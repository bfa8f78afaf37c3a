import type { Events, Registry, SeenConsumer } from '@rekey/ledger';
import { RekeyError } from '@rekey/schema';
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

type BelievedConsumers = Pick<Registry, 'look' | 'requireTrusted' | 'get' | 'lost' | 'version'>;

const viewOf = ({ consumer, text, storedOrgs }: SeenConsumer): ConsumerView => ({
  name: consumer.name,
  entry: text,
  // What was published under `c` stays there: an entry may still name it.
  orgs: [...new Set([...consumer.orgs, ...storedOrgs])],
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
    const view = viewOf(seen);
    views.set(name, view);
    return view;
  };
  const current = async (name: string): Promise<ConsumerView> =>
    registered(name) ?? {
      name,
      entry: undefined,
      orgs: await events.formerConsumer(name),
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

import type { Consumers, Events, Registry, SeenConsumer } from '@rekey/ledger';
import { RekeyError, type Actor, type Consumer } from '@rekey/schema';

/** How often a write is attempted if another process changes the consumer meanwhile. */
const WRITE_ATTEMPTS = 5;

/** As the ledger stores them. Two names of one org are one by now: `c` has been translated. */
export const inOrder = (orgs: string[]): string[] => [...new Set(orgs)].toSorted();

export const withOrgs = (consumer: Consumer, orgs: string[]): Consumer | undefined => {
  if (consumer.orgs.join('\n') === orgs.join('\n')) return undefined;
  const state = consumer.state === 'ACTIVE' ? 'ENROLLING' : consumer.state;
  return { ...consumer, orgs, state };
};

/** Throws if a consumer has other orgs than it had when the right to change it was looked up. */
const requireChecked = (seen: SeenConsumer | undefined, checked: SeenConsumer | undefined): void => {
  if (checked !== undefined && seen?.consumer.orgs.join('\n') !== checked.consumer.orgs.join('\n'))
    throw new RekeyError('CONSUMER_BUSY');
};

/** Reads and changes consumers that the registry proves; every change is one compare-and-set. */
export const createConsumerChanges = (
  registry: Registry,
  consumers: Pick<Consumers, 'nowMs'>,
  events: Pick<Events, 'noteFormer'>,
) => {
  const read = async (name: string): Promise<SeenConsumer | undefined> => {
    await registry.look();
    registry.requireTrusted();
    return registry.get(name);
  };

  const find = async (name: string): Promise<SeenConsumer> => {
    const seen = await read(name);
    if (seen) return seen;
    throw new RekeyError(registry.lost().includes(name) ? 'CONSUMER_LOST' : 'CONSUMER_NOT_FOUND');
  };

  const untilWritten = async (attempt: () => Promise<boolean>): Promise<void> => {
    for (let attempts = 0; attempts < WRITE_ATTEMPTS; attempts += 1) if (await attempt()) return;
    throw new RekeyError('CONSUMER_BUSY');
  };

  /**
   * `changeOf` returns what to write, or undefined if nothing has to change. `checked`: as it was when the
   * right to change it was looked up. If it has other orgs by now, the caller must ask again.
   */
  const change = (
    name: string,
    actor: Actor,
    changeOf: (consumer: Consumer) => Consumer | undefined,
    checked?: SeenConsumer,
  ): Promise<void> =>
    untilWritten(async () => {
      const seen = await find(name);
      requireChecked(seen, checked);
      const after = changeOf(seen.consumer);
      return after === undefined || registry.write(name, seen, after, { reseals: true, actor });
    });

  /** Also removes an entry that another client has written, and one whose true text is lost. */
  const remove = (name: string, actor: Actor, checked?: SeenConsumer): Promise<void> =>
    untilWritten(async () => {
      const seen = await read(name);
      requireChecked(seen, checked);
      if (!seen && !(await registry.isKnown(name))) throw new RekeyError('CONSUMER_NOT_FOUND');
      // Before: it must not miss that a key which it keeps was replaced.
      if (seen) await events.noteFormer(name, seen.consumer.orgs);
      return registry.write(name, seen, undefined, { reseals: true, emit: 'REMOVED', actor });
    });

  /** Returns the consumer of this name and key. Throws CONSUMER_EXISTS if the name has another key. */
  const add = async (
    name: string,
    orgs: string[],
    key: Pick<Consumer, 'key' | 'shared_key'>,
    actor: Actor,
  ): Promise<SeenConsumer> => {
    const before = await read(name);
    if (!before) {
      const created_at = new Date(await consumers.nowMs()).toISOString();
      const added: Consumer = { name, orgs, state: 'PENDING', created_at, requested_by: actor.by, ...key };
      await registry.write(name, undefined, added, { actor });
    }
    // Written by this call, or by the same call at the same moment.
    const seen = await find(name);
    if (seen.consumer.key.kid !== key.key.kid || (before && key.shared_key !== undefined))
      throw new RekeyError('CONSUMER_EXISTS');
    return seen;
  };

  return { find, change, remove, add };
};

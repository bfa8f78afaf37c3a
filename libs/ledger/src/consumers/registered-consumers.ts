import type { Registry } from '../registry/registry.ts';
import type { RegisteredConsumer } from './known-consumers.ts';

/** Reads whose acknowledgements are to be followed, as the registry proves it. */
export const readRegistered = (
  registry: Pick<Registry, 'look' | 'version' | 'list'>,
): (() => Promise<readonly RegisteredConsumer[]>) => {
  let known: readonly RegisteredConsumer[] = [];
  let version = -1;
  return async () => {
    await registry.look();
    if (registry.version() === version) return known;
    version = registry.version();
    known = registry
      .list()
      .consumers.map(({ consumer: { name, ack_key: ackKey, proves = false } }) => ({ name, ackKey, proves }));
    return known;
  };
};

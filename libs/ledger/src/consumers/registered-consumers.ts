import type { Registry } from '../registry/registry.ts';
import type { RegisteredConsumer } from './known-consumers.ts';

/**
 * Reads whose acknowledgements are to be followed, as the registry proves it. Rejects with a RekeyError while
 * the registry is not believed.
 */
export const readRegistered = (
  registry: Pick<Registry, 'look' | 'requireTrusted' | 'version' | 'list'>,
): (() => Promise<readonly RegisteredConsumer[]>) => {
  let known: readonly RegisteredConsumer[] = [];
  let version = -1;
  return async () => {
    await registry.look();
    registry.requireTrusted();
    if (registry.version() === version) return known;
    version = registry.version();
    known = registry
      .list()
      .consumers.map(({ consumer: { name, ack_key: ackKey, grant_kid: grantKid, proves = false } }) => ({
        name,
        ackKey,
        grantKid,
        proves,
      }));
    return known;
  };
};

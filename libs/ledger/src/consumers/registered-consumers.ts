import type { Consumers } from './consumers.ts';
import type { RegisteredConsumer } from './known-consumers.ts';

/** They are read again after this time also if their revision is the same. */
const READ_EVERY_MS = 60_000;

/** Reads whose acknowledgements are to be followed: the entries only if they have changed. */
export const readRegistered = (
  consumers: Pick<Consumers, 'revisions' | 'list'>,
): (() => Promise<readonly RegisteredConsumer[]>) => {
  let known: readonly RegisteredConsumer[] = [];
  let revision: unknown;
  let readAt = -Infinity;
  return async () => {
    const { consumers: current } = await consumers.revisions();
    if (current === revision && performance.now() - readAt < READ_EVERY_MS) return known;
    const { consumers: seen } = await consumers.list();
    known = seen.map(({ consumer: { name, ack_key: ackKey, proves = false } }) => ({ name, ackKey, proves }));
    revision = current;
    readAt = performance.now();
    return known;
  };
};

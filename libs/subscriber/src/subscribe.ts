import { createHmac } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { createFollower, type Follower } from './follower/follower.ts';
import { HeldKeys } from './held/held-keys.ts';
import { restoreKeys } from './records/restore-keys.ts';
import type { Freshness, HeldKey, Keys, KeysEvents, Refusal, RemovedKey, UnreadableKey } from './keys.ts';
import { settingsOf, type SubscribeOptions } from './options.ts';
import { readOwnKeys } from './own-keys.ts';
import { sourceOf } from './source/source-of.ts';
import { SubscribeError } from './subscribe-error.ts';

/**
 * Resolves when all keys that the consumer may read are held. Rejects with a SubscribeError (BAD_OPTION,
 * BAD_KEY_FILE, NO_REKEY_KEY, WRONG_KEY_FILE, NOT_REGISTERED, OLD_GRANT, NOT_READY, REDIS_AWAY,
 * REDIS_REFUSED, GATEWAY_AWAY or GATEWAY_REFUSED), or with the reason of the signal.
 */
export const subscribe = async (options: SubscribeOptions): Promise<Keys> => {
  const { signal } = options;
  signal?.throwIfAborted();
  const settings = settingsOf(options);
  const ownKeys = await readOwnKeys(options.privateKey, { mounted: options.mountedKeyFile ?? false });
  const held = new HeldKeys();
  const keys = new SubscribedKeys(held);
  const follower = createFollower({
    settings,
    ownKeys,
    held,
    beforeAcknowledge: options.beforeAcknowledge,
    source: await sourceOf(options, settings),
    listeners: {
      has: (event) => keys.listenerCount(event) > 0,
      emit: (event, ...args) => keys.notify(event, ...args),
    },
  });
  keys.follower = follower;
  const abort = () => void follower.close();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    await follower.start(options.restore && restoreKeys(held, options.restore));
  } catch (error) {
    await follower.close();
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
  return keys;
};

class SubscribedKeys extends EventEmitter<KeysEvents> implements Keys {
  follower: Follower | undefined;
  readonly #held: HeldKeys;
  #closed = false;

  constructor(held: HeldKeys) {
    super();
    this.#held = held;
  }

  notify<E extends keyof KeysEvents>(event: E, ...args: KeysEvents[E]): void {
    try {
      (this as EventEmitter).emit(event, ...args);
    } catch (error) {
      // The error of a listener belongs to the service. It must not count as a fault of Redis.
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  get size(): number {
    return this.#held.size;
  }
  get unapplied(): { count: number; last: readonly Refusal[] } {
    return this.follower!.unapplied();
  }
  get refused(): { count: number; first: readonly Refusal[] } {
    return this.follower!.refused();
  }
  current(assistantId: string): HeldKey | RemovedKey | UnreadableKey | undefined {
    return this.#held.get(assistantId);
  }
  assistantIds(): IterableIterator<string> {
    return this.#held.ids();
  }
  freshness(): Freshness {
    return this.follower!.freshness();
  }

  signUserHash(assistantId: string, userId: string): string {
    return userHash((this.#held.signing(assistantId) ?? this.#noKey(assistantId)).secretKey, userId);
  }
  signUserHashWithVersion(
    assistantId: string,
    userId: string,
  ): { userHash: string; version: number; uncertain: boolean } {
    const { secretKey, version, uncertain } = this.#held.signing(assistantId) ?? this.#noKey(assistantId);
    return { userHash: userHash(secretKey, userId), version, uncertain };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.follower!.close();
  }

  #noKey(assistantId: string): never {
    if (this.#closed) throw new SubscribeError('CLOSED', 'the keys were closed');
    const known = this.#held.get(assistantId);
    if (!known)
      throw new SubscribeError(
        'UNKNOWN_ASSISTANT',
        `no key of the assistant ${JSON.stringify(assistantId)} was published to this consumer`,
      );
    if (known.state === 'unreadable') {
      throw new SubscribeError(
        'NOT_READABLE_ANY_MORE',
        `the current record of the assistant ${JSON.stringify(assistantId)} is newer than the held key, ` +
          'and is not sealed for this consumer: check the org that it is published under, ' +
          'and the orgs of this consumer (rekey consumer orgs)',
      );
    }
    throw new SubscribeError(
      'KEY_REMOVED',
      `the assistant ${JSON.stringify(assistantId)} no longer has a key`,
    );
  }
}

const userHash = (secretKey: string, userId: string): string => {
  if (typeof userId !== 'string') throw new TypeError('the user id must be a string');
  return createHmac('sha256', secretKey).update(userId).digest('hex');
};

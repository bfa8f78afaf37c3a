import type { AcknowledgementState } from '@rekey/schema';
import { createFollowing, type FollowingOptions } from './acknowledgement-streams.ts';
import { HeardInstances, type ConsumerInstance } from './heard-instances.ts';
import { KnownConsumers } from './known-consumers.ts';
import { reachOf, type AssistantVersion, type BelievedEntry } from './reach.ts';

/** The progress of consumers, from the streams of their acknowledgements (decision 0023). */
export interface ConsumerPositions {
  /**
   * Follows the streams, from the acknowledgements that count now. Resolves when these are read, however long
   * Redis is away; or after a few seconds in which Redis refuses that.
   */
  start(): Promise<void>;
  /** Newest first; ended instances are kept for ten minutes. */
  instancesOf(consumer: string): ConsumerInstance[];
  /** The slowest live instance; undefined if none is live. */
  slowest(consumer: string): ConsumerInstance | undefined;
  /**
   * Whether a consumer has applied the entry of the event stream; for a version of one assistant, also
   * whether it could apply it. An instance that acts by another entry than the believed one could not.
   */
  reach(
    consumer: string,
    entry: string,
    version?: AssistantVersion,
    believed?: BelievedEntry,
  ): AcknowledgementState;
  /** For how long the streams could not be read; undefined if they can be. */
  unreadableForMs(): number | undefined;
  /** Consumers that have signed an acknowledgement, and whose entry does not say so yet. */
  newlyProved(): string[];
  /** Calls back when `reach` may have changed; returns a function that stops it. */
  onChange(listener: () => void): () => void;
  close(): Promise<void>;
}

interface ConsumerPositionsOptions extends FollowingOptions {
  onError: (error: unknown) => void;
}

/** Longer than a read waits, and shorter than most leases: nobody is gone because nothing could be read. */
const UNREADABLE_AFTER_MS = 3000;
const PAUSE_AFTER_ERROR_MS = 500;
/** What arrives meanwhile is read together: only the newest of each instance is verified. */
const PAUSE_MS = 20;

export const createConsumerPositions = (options: ConsumerPositionsOptions): ConsumerPositions => {
  const { blocking, onError } = options;
  const heard = new HeardInstances();
  const listeners = new Set<() => void>();
  const closing = new AbortController();
  let following: Promise<void> | undefined;
  let readAt = performance.now();
  const unreadableForMs = (): number | undefined => {
    const forMs = performance.now() - readAt;
    return following !== undefined && forMs > UNREADABLE_AFTER_MS ? forMs : undefined;
  };
  const emit = () => {
    for (const listener of listeners) listener();
  };
  const known = new KnownConsumers();
  const { readNews, isAtRest, hasBegun, isUnknown } = createFollowing(options, heard, known);

  /** `onBegun` may be called again. */
  const follow = async (onBegun: () => void): Promise<void> => {
    for (let begun = false; !closing.signal.aborted;) {
      try {
        const progressed = await readNews();
        const wasUnreadable = unreadableForMs() !== undefined;
        begun ||= hasBegun();
        if (begun) {
          readAt = performance.now();
          onBegun();
        }
        if (heard.review() || progressed || wasUnreadable) emit();
        if (isAtRest()) await pause(PAUSE_MS, closing.signal);
      } catch (error) {
        if (closing.signal.aborted) return;
        onError(error);
        if (unreadableForMs() !== undefined) onBegun();
        await pause(PAUSE_AFTER_ERROR_MS, closing.signal);
      }
    }
  };

  return {
    start: () =>
      new Promise((resolve) => {
        if (following) return;
        readAt = performance.now();
        following = follow(resolve);
      }),
    instancesOf: (consumer) => heard.instancesOf(consumer),
    slowest: (consumer) => heard.slowest(consumer, known.proves(consumer)),
    reach: (consumer, entry, version, believed) => {
      const live = heard.liveOf(consumer);
      const isUnread = unreadableForMs() !== undefined || (believed !== undefined && isUnknown(consumer));
      const isIncomplete = isUnread || heard.isIncomplete(consumer);
      const proves = known.proves(consumer);
      return reachOf({ live, isIncomplete, proves, believed }, entry, version);
    },
    unreadableForMs,
    newlyProved: () => known.newlyProved(),
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: async () => {
      closing.abort();
      blocking.disconnect();
      await following;
      emit();
    },
  };
};

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
  });

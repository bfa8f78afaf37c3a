import type { AcknowledgementState } from '@rekey/schema';
import { createFollowing, type FollowingOptions } from './acknowledgement-streams.ts';
import { HeardInstances, type ConsumerInstance } from './heard-instances.ts';
import { KnownConsumers } from './known-consumers.ts';
import { reachOf, type AssistantVersion } from './reach.ts';

/** The progress of consumers, from the streams of their acknowledgements (decision 0023). */
export interface ConsumerPositions {
  /**
   * Follows the streams, from the acknowledgements that count now. Resolves when these are read, however long
   * Redis is away.
   */
  start(): Promise<void>;
  /** Newest first; ended instances are kept for ten minutes. */
  instancesOf(consumer: string): ConsumerInstance[];
  /** The slowest live instance; undefined if none is live. */
  slowest(consumer: string): ConsumerInstance | undefined;
  /**
   * Whether a consumer has applied the entry of the event stream; for a version of one assistant, also
   * whether it could apply it. An instance that holds another grant than that of `grantKid` could not.
   */
  reach(consumer: string, entry: string, version?: AssistantVersion, grantKid?: string): AcknowledgementState;
  /** Consumers that have signed an acknowledgement, and whose entry does not say so yet. */
  newlyProved(): string[];
  /**
   * Calls back when a consumer progresses, or an instance starts or ends; returns a function that stops it.
   */
  onChange(listener: () => void): () => void;
  close(): Promise<void>;
}

interface ConsumerPositionsOptions extends FollowingOptions {
  onError: (error: unknown) => void;
}

const PAUSE_AFTER_ERROR_MS = 500;
/** What arrives meanwhile is read together: only the newest of each instance is verified. */
const PAUSE_MS = 20;

export const createConsumerPositions = (options: ConsumerPositionsOptions): ConsumerPositions => {
  const { blocking, onError } = options;
  const heard = new HeardInstances();
  const listeners = new Set<() => void>();
  const closing = new AbortController();
  let following: Promise<void> | undefined;
  const emit = () => {
    for (const listener of listeners) listener();
  };
  const known = new KnownConsumers();
  const { readNews, isAtRest, hasBegun } = createFollowing(options, heard, known);

  const follow = async (onBegun: () => void): Promise<void> => {
    for (let begun = false; !closing.signal.aborted;) {
      try {
        const progressed = await readNews();
        if (heard.review() || progressed) emit();
        if (!begun && hasBegun()) {
          onBegun();
          begun = true;
        }
        if (isAtRest()) await pause(PAUSE_MS, closing.signal);
      } catch (error) {
        if (closing.signal.aborted) return;
        onError(error);
        await pause(PAUSE_AFTER_ERROR_MS, closing.signal);
      }
    }
  };

  return {
    start: () =>
      new Promise((resolve) => {
        following ??= follow(resolve);
      }),
    instancesOf: (consumer) => heard.instancesOf(consumer),
    slowest: (consumer) => heard.slowest(consumer, known.proves(consumer)),
    reach: (consumer, entry, version, grantKid) => {
      const [live, isIncomplete] = [heard.liveOf(consumer), heard.isIncomplete(consumer)];
      const proves = known.proves(consumer);
      return reachOf({ live, isIncomplete, proves, grantKid }, entry, version);
    },
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

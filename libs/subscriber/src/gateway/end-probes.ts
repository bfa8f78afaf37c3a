import type { EventsState } from '@rekey/client';
import { isBefore } from '@rekey/schema';

/** An answer about where the stream ended, and when the question was sent. */
interface Probe {
  sentMs: number;
  endId: string;
}

/** What proves how recent the held keys are: nothing that a gateway sends by itself does. */
interface EndProbes {
  /** Notes an answer to a question that was sent at this time (`performance.now()`). */
  answered(sentMs: number, state: EventsState): void;
  /** The last time up to which everything is applied, once everything up to this id is. */
  provenAt(appliedId: string): number | undefined;
  /** When the oldest question was sent whose answer is not proven yet; Infinity if there is none. */
  oldestMs(): number;
}

/** While the follower is behind, the oldest answers are proven first. */
const MAX_OPEN = 16;

export const createEndProbes = (): EndProbes => {
  let open: Probe[] = [];
  return {
    answered: (sentMs, { lastEntryId }) => {
      if (open.length < MAX_OPEN) open.push({ sentMs, endId: lastEntryId });
    },
    oldestMs: () => open[0]?.sentMs ?? Infinity,
    provenAt: (appliedId) => {
      const proven = open.filter(({ endId }) => !isBefore(appliedId, endId));
      open = open.filter(({ endId }) => isBefore(appliedId, endId));
      return proven.length === 0 ? undefined : Math.max(...proven.map(({ sentMs }) => sentMs));
    },
  };
};

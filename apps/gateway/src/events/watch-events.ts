import type { WatchEventsResponse } from '@rekey/rpc';
import type { ConsumerView } from './consumer-view.ts';
import { beginAt, type WatchPlace, type WatchStep } from './entry-messages.ts';
import type { EventHub, EventWatch } from './event-hub.ts';

/** A watch that is behind tells as often how far it has come: its caller counts on the end otherwise. */
const TELL_EVERY_MS = 250;

/** Calls `check` for each view that is another one than before. */
const onceForEach = (check: (view: ConsumerView) => void): ((view: ConsumerView) => void) => {
  let checked: ConsumerView | undefined;
  return (view) => {
    if (view !== checked) check(view);
    checked = view;
  };
};

interface Step extends WatchStep {
  isAtEnd: boolean;
}

const nextStep = async (
  watch: Pick<EventWatch, 'read' | 'view' | 'steps'>,
  from: WatchPlace,
  check: (view: ConsumerView) => void,
  isDue: () => boolean,
): Promise<Step> => {
  const seen = await watch.read(from.read);
  const view = watch.view();
  check(view);
  const isAtEnd = seen.length === 0;
  const step = watch.steps.next(view, from, seen);
  if (step.message || isAtEnd || !(step.place.messages.areMany || isDue())) return { ...step, isAtEnd };
  return { ...watch.steps.next(view, step.place, []), isAtEnd };
};

/**
 * Sends what is for a consumer at the pace of its reader: what it does not take stays in Redis.
 * Long reads take turns by `party`.
 * `requireRights` throws if the caller may no longer follow the consumer, whose orgs may have changed.
 */
export async function* watchEvents(
  hub: Pick<EventHub, 'watch'>,
  { consumer, after, party = consumer }: { consumer: string; after: string; party?: string },
  signal: AbortSignal,
  requireRights: (view: ConsumerView) => void = () => {},
): AsyncGenerator<WatchEventsResponse> {
  const watch = await hub.watch(consumer, party);
  try {
    yield { entries: [], after };
    let place = beginAt(after);
    let sentMs = -Infinity;
    const isDue = () => performance.now() - sentMs > TELL_EVERY_MS;
    const check = onceForEach(requireRights);
    while (!signal.aborted) {
      const step = await nextStep(watch, place, check, isDue);
      place = step.place;
      if (step.message) {
        yield step.message;
        sentMs = performance.now();
        await watch.next(signal, place.read);
      } else if (step.isAtEnd) {
        await watch.next(signal);
      }
    }
  } finally {
    watch.end();
  }
}

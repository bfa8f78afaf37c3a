import type { CallOptions } from '../../calls/calls.ts';
import { asClientError, RekeyClientError } from '../../calls/client-error.ts';
import { createServiceCalls, type ServiceDeps } from '../../calls/service-calls.ts';
import type { ResponseOf } from '../../connection/transport.ts';

type Messages = {
  [Method in 'WatchEvents' | 'GetSnapshot' | 'GetRecords' | 'GetEventsState' | 'Acknowledge']: ResponseOf<
    'EventService',
    Method
  >;
};

/** As the contract has it; numbers are texts. */
export type EventsMessage = Messages['WatchEvents'];
export type EventEntry = EventsMessage['entries'][number];
export type SnapshotPage = Messages['GetSnapshot'];
export type EventRecord = SnapshotPage['records'][number];
export type EventsState = Messages['GetEventsState'];

/**
 * What a consumer follows events with. Whoever writes no consumer uses `subscribe` of @rekey/subscriber,
 * which does all that docs/guides/events.md requires.
 */
export interface EventMethods {
  /**
   * Yields the messages of one watch, at the pace of the loop. Does not reconnect: it throws
   * GATEWAY_UNAVAILABLE when the watch is lost.
   */
  watchEvents(
    request: { consumer: string; after: string },
    options?: Pick<CallOptions, 'signal'>,
  ): AsyncIterable<EventsMessage>;
  /** The state of the events at the time of the call. Retried. */
  eventsState(
    request: { consumer: string; after?: string; withLastEntries?: boolean },
    options?: CallOptions,
  ): Promise<EventsState>;
  /** One page of a snapshot. Retried. */
  eventsSnapshot(
    request: { consumer: string; pageToken?: string },
    options?: CallOptions,
  ): Promise<SnapshotPage>;
  /** Current records: of the first of these assistants if they are long. Retried. */
  eventRecords(
    request: { consumer: string; assistantIds: string[] },
    options?: CallOptions,
  ): Promise<EventRecord[]>;
  /**
   * Passes on a signed acknowledgement. Sent once. Throws REDIS_REPLACED if another Redis answers than
   * `redisRunId` of `eventsState`.
   */
  acknowledgeEvents(
    request: { consumer: string; ack: string; proof?: string; redisRunId?: string },
    options?: CallOptions,
  ): Promise<void>;
}

export const createEventMethods = (deps: ServiceDeps): EventMethods => {
  const { transport, scopes } = deps;
  const { read, change } = createServiceCalls(deps, 'EventService');
  return {
    watchEvents: async function* (request, { signal } = {}) {
      const scope = scopes.open({ signal });
      const about = { reads: true };
      try {
        yield* transport.receive('EventService', 'WatchEvents', request, scope);
      } catch (error) {
        throw asClientError(error, about);
      } finally {
        scope.end();
      }
      throw (
        scope.cancelled() ??
        new RekeyClientError('GATEWAY_UNAVAILABLE', { ...about, message: 'The gateway ended the watch.' })
      );
    },
    eventsState: (request, options) => read('GetEventsState', request, (state) => state, options),
    eventsSnapshot: (request, options) => read('GetSnapshot', request, (page) => page, options),
    eventRecords: (request, options) => read('GetRecords', request, ({ records }) => records, options),
    acknowledgeEvents: (request, options) => change('Acknowledge', request, () => undefined, options),
  };
};

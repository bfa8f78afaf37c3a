import type { CallOptions } from '../../calls/calls.ts';
import { eachOf, withToken, type Page } from '../../calls/pages.ts';
import { createServiceCalls, type ServiceDeps } from '../../calls/service-calls.ts';
import { toActivityRecord, type ActivityRecord } from '../../models/activity.ts';
import { toTimestamp } from '../../models/values.ts';
import { watchActivity, type WatchActivityOptions } from './watch-activity.ts';

/** Which records. */
export interface ActivityFilter {
  orgId?: string;
  /** What this principal did, by any of its names. */
  principal?: string;
  /** About this target (`rotation:rot_…`), or the assistant with this id. */
  target?: string;
  /** `rotation.*` stands for all that begin with `rotation.`. */
  types?: string[];
}

/** Which part of the list. */
export interface ActivityTimes {
  /** From this time on. */
  startTime?: Date;
  /** Before this time. */
  endTime?: Date;
  /** Default: the newest first. */
  oldestFirst?: boolean;
}

export interface ActivityPage {
  records: ActivityRecord[];
  /** Not set on the last page. */
  nextPageToken?: string;
  /** How many entries were passed over because they are no records. Not set if there were none. */
  unreadableCount?: number;
}

export interface ActivityMethods {
  /** One page, which may have no records although more follow. */
  listActivity(request?: ActivityFilter & ActivityTimes & Page, options?: CallOptions): Promise<ActivityPage>;
  /** All records that the caller may see, one page at a time. */
  activity(
    filter?: ActivityFilter & ActivityTimes & Pick<Page, 'pageSize'>,
    options?: CallOptions & {
      /** Called with the number of entries of a page that are no records. */
      onUnreadable?: (count: number) => void;
    },
  ): AsyncIterable<ActivityRecord>;
  /**
   * Yields each record that is added from now on, or after a position. Reconnects if the connection is lost,
   * and misses none.
   */
  watchActivity(
    filter?: ActivityFilter & { after?: string },
    options?: WatchActivityOptions,
  ): AsyncIterable<ActivityRecord>;
}

/** The largest page of the gateway. */
const PAGE_SIZE = 500;

export const createActivityMethods = (deps: ServiceDeps): ActivityMethods => {
  const { transport, scopes, backoff } = deps;
  const { read } = createServiceCalls(deps, 'ActivityService');

  const methods: ActivityMethods = {
    listActivity: async ({ startTime, endTime, ...request } = {}, options) =>
      read(
        'ListActivity',
        {
          ...request,
          ...(startTime && { startTime: toTimestamp(startTime) }),
          ...(endTime && { endTime: toTimestamp(endTime) }),
        },
        (response): ActivityPage => {
          const unreadableCount = Number(response.unreadableCount);
          const page = withToken({ records: response.records.map(toActivityRecord) }, response);
          return { ...page, ...(unreadableCount > 0 && { unreadableCount }) };
        },
        options,
      ),
    activity: (filter = {}, { onUnreadable, ...options } = {}) =>
      eachOf(async (pageToken) => {
        const page = await methods.listActivity({ pageSize: PAGE_SIZE, ...filter, pageToken }, options);
        if (page.unreadableCount !== undefined) onUnreadable?.(page.unreadableCount);
        return { items: page.records, nextPageToken: page.nextPageToken };
      }),
    watchActivity: async function* (filter = {}, options = {}) {
      const scope = scopes.open({ signal: options.signal });
      try {
        yield* watchActivity({ transport, scope, backoff }, filter, options);
      } finally {
        scope.end();
      }
    },
  };
  return methods;
};

import type { Activity, ActivityEntry, ActivityFeed } from '@rekey/ledger';
import { toProtoActivity } from '@rekey/rpc';
import { ORG_ALIAS } from '@rekey/schema';
import type { z } from 'zod';
import { withRealNames, type ReadOrgName } from '../pipeline/org-names.ts';
import { defineRpc, defineServerStreamRpc, type RpcContext, type RpcTable } from '../pipeline/rpc.ts';
import { makePageToken, readPageToken } from '../requests/page-token.ts';
import { given } from '../requests/parse-request.ts';
import { ListActivity, Position, WatchActivity, createFilter } from './activity-requests.ts';

export interface ActivityServiceDeps {
  activity: Activity;
  activityFeed: ActivityFeed;
  readOrgName: ReadOrgName;
}

/** Of what has no org: only who may see every org sees it. */
const EVERY_ORG = '*';
/** A watch that is sent no record reports how far it has come. */
const PROGRESS_EVERY_MS = 5000;

type Filter = Pick<z.output<typeof ListActivity>, 'orgId' | 'principal' | 'target' | 'types'>;

/** Whether a caller is shown a record: it passes the filter, and the caller may see its org. */
const createShows = async (
  filter: Filter,
  sees: RpcContext['sees'],
  readOrgName: ReadOrgName,
): Promise<(entry: ActivityEntry) => boolean> => {
  const [realOrg] = await withRealNames([ORG_ALIAS], readOrgName);
  const passes = createFilter(filter, realOrg!);
  return (entry) => passes(entry) && sees(entry.record.org ?? EVERY_ORG);
};

const listActivity = async (
  { activity, readOrgName }: ActivityServiceDeps,
  request: z.output<typeof ListActivity>,
  { sees, signal }: Pick<RpcContext, 'sees' | 'signal'>,
) => {
  const { pageSize, pageToken, ...filter } = request;
  const after = readPageToken(pageToken, filter, Position);
  const { entries, unreadable, next } = await activity.list({
    size: pageSize,
    newestFirst: !filter.oldestFirst,
    ...given({ after, fromMs: filter.startTime ?? undefined, beforeMs: filter.endTime ?? undefined }),
    matches: await createShows(filter, sees, readOrgName),
    signal,
  });
  return {
    records: entries.map(toProtoActivity),
    nextPageToken: makePageToken(next, filter),
    unreadableCount: sees(EVERY_ORG) ? unreadable : 0,
  };
};

async function* watchActivity(
  { activityFeed, readOrgName }: ActivityServiceDeps,
  { after, ...filter }: z.output<typeof WatchActivity>,
  { signal, sees }: Pick<RpcContext, 'signal' | 'sees'>,
) {
  let shows = await createShows(filter, sees, readOrgName);
  let isFirst = true;
  let unreadable = 0;
  let sentMs = performance.now();
  for await (const batch of activityFeed.follow({ after, signal })) {
    // Rekey may have learned meanwhile which org `c` stands for.
    if (batch.entries.some(({ record }) => record.org === ORG_ALIAS))
      shows = await createShows(filter, sees, readOrgName);
    if (sees(EVERY_ORG)) unreadable += batch.unreadable;
    for (const entry of batch.entries) {
      if (!shows(entry)) continue;
      yield { record: toProtoActivity(entry), position: entry.position, unreadableCount: unreadable };
      unreadable = 0;
      sentMs = performance.now();
    }
    if (isFirst || unreadable > 0 || performance.now() - sentMs > PROGRESS_EVERY_MS) {
      yield { record: null, position: batch.position, unreadableCount: unreadable };
      unreadable = 0;
      sentMs = performance.now();
    }
    isFirst = false;
  }
}

export const createActivityService = (deps: ActivityServiceDeps): RpcTable['ActivityService'] => ({
  ListActivity: defineRpc({
    request: ListActivity,
    permission: 'activity.read',
    orgs: 'listed',
    effect: 'read',
    handler: (request, context) => listActivity(deps, request, context),
    respond: (page) => page,
  }),

  WatchActivity: defineServerStreamRpc({
    request: WatchActivity,
    permission: 'activity.read',
    orgs: 'listed',
    effect: 'read',
    handler: (request, context) => watchActivity(deps, request, context),
    respond: (response) => response,
  }),
});

import type { Connection } from '../connection.ts';
import { readOrgIds } from '../orgs/org-ids.ts';
import { openAssistantIndex, type AssistantIndex } from './assistant-index.ts';
import { listAssistants } from './assistant-list.ts';
import { INDEXES } from './index-check.ts';
import { readKeyHistory, type PastVersion } from './key-history.ts';
import { readListed, type ListedAssistant } from './listed-assistant.ts';
import { readOrgCounts, type OrgCounts } from './org-counts.ts';
import type { AssistantPage, AssistantQuery, PageRequest } from './pages/assistant-query.ts';
import { readRotationTimes, type RotationTimes } from './rotation-times.ts';

/** Lists of assistants and orgs, and the history of keys. Everything but `index` only reads. */
export interface Listing {
  /** A page of assistants. It looks at 1000 at most, and may be short or empty although more follow. */
  list(query: AssistantQuery, page: PageRequest): Promise<AssistantPage>;
  /** Undefined if nothing is published of it. */
  get(assistantId: string): Promise<ListedAssistant | undefined>;
  /** The last versions of an assistant, newest first. */
  history(assistantId: string): Promise<PastVersion[]>;
  /** When a rotation took the steps that its state does not show. */
  rotationTimes(id: string): Promise<RotationTimes>;
  orgIds(): Promise<string[]>;
  /** Whether an org has no index: then nothing is listed of it. */
  isEmpty(orgId: string): Promise<boolean>;
  orgCounts(orgIds: readonly string[]): Promise<OrgCounts[]>;
  readonly index: AssistantIndex;
}

export const openListing = (connection: Connection): Listing => ({
  list: (query, page) => listAssistants(connection, query, page),
  get: (assistantId) => readListed(connection, assistantId),
  history: (assistantId) => readKeyHistory(connection, assistantId),
  rotationTimes: (id) => readRotationTimes(connection, id),
  orgIds: () => readOrgIds(connection),
  isEmpty: async (orgId) => {
    const indexes = INDEXES.map((name) => connection.keys.index(name, orgId));
    return (await connection.redis.exists(indexes)) === 0;
  },
  orgCounts: (orgIds) => readOrgCounts(connection, orgIds),
  index: openAssistantIndex(connection),
});

import { pagesOf, verifyRequests, IDS_A_CHUNK, type BulkWork } from '@rekey/ledger';
import { complaintAboutId, type BulkList, type BulkRotation, type BulkSelection } from '@rekey/schema';
import type { Listing } from '../../verification/lists/read-list.ts';
import { compareListed } from '../../verification/sweep/compare-listed.ts';
import { sweepOrg } from '../../verification/sweep/sweep-org.ts';
import { saved } from './bulk-lost.ts';
import { createSweepRun, throwIfStopping, type BulkTaskDeps } from './bulk-task-deps.ts';
import { knownOf, takes } from './estimate.ts';

type OrgSelection = BulkSelection & { kind: 'org' };

/**
 * Finds the assistants of a bulk rotation of an org. Its list is a sweep of the org: keys that were rotated
 * elsewhere, and new assistants, are published on the way, and the ledger knows them before their POST.
 */
export const prepare = async (
  deps: BulkTaskDeps,
  bulk: BulkRotation,
  selection: OrgSelection,
  token: string,
): Promise<void> => {
  const { work, ledger } = deps;
  const { id, orgId, createdMs, validateOnly } = bulk;
  await saved(work.restart(id, token));
  const writer = createIdWriter(work, id, token);
  const { policyId, search } = selection;
  const share = policyId === undefined ? undefined : await deps.openShare(policyId, createdMs);
  const onPresent = async (present: string[]) => {
    const wanted = await selectIds(deps, bulk, selection, present);
    if (!share) return writer.add(wanted);
    // A policy chooses once all of its assistants are known.
    const facts = await ledger.assistants.keyFacts(wanted);
    await share.consider(
      wanted.map((assistantId, i) => ({
        assistantId,
        rotatedMs: facts[i]?.rotatedMs,
        knownMs: facts[i]?.knownMs,
      })),
    );
  };
  const save = async () => throwIfStopping(deps);
  const run = { ...(await createSweepRun(deps, orgId, save, onPresent)), thorough: true };
  const listing = await (search === undefined ? sweepOrg(deps, run) : compareListed(deps, run, search));
  const list = listOf(listing);
  // A dry run reports only assistants that were seen.
  if (validateOnly && !list.complete) return saved(work.fail(id, token, 'LIST_INCOMPLETE', list));
  if (share) await writer.add(share.chosen());
  const total = await writer.finish();
  await finish(deps, bulk, token, { total, list, requests: run.counts.requests });
};

/** The wanted ones of some assistants: valid ids that are not excluded, and old enough. */
const selectIds = async (
  { work, ledger, logger }: BulkTaskDeps,
  { id, orgId }: BulkRotation,
  { rotatedBeforeMs }: OrgSelection,
  present: string[],
): Promise<string[]> => {
  // An older ledger may know an id that Invent refuses today.
  const assistantIds = present.filter((assistantId) => complaintAboutId(assistantId) === undefined);
  if (assistantIds.length < present.length)
    logger.event('bulk_invalid_ids_excluded', {
      bulk_id: id,
      org_id: orgId,
      assistants: present.length - assistantIds.length,
    });
  const excluded = await work.excluded(id, assistantIds);
  const left = assistantIds.filter((_, i) => !excluded[i]);
  if (rotatedBeforeMs === undefined) return left;
  const facts = await ledger.assistants.keyFacts(left);
  return left.filter((_, i) => (facts[i]?.rotatedMs ?? 0) < rotatedBeforeMs);
};

/** Saves ids in chunks. `add` is called once at a time, as sweeps report assistants. */
const createIdWriter = (work: BulkWork, bulkId: string, token: string) => {
  let total = 0;
  let waiting: string[] = [];
  const write = async (assistantIds: string[]) => {
    await saved(work.saveIds(bulkId, token, Math.floor(total / IDS_A_CHUNK), assistantIds));
    total += assistantIds.length;
  };
  return {
    add: async (assistantIds: string[]) => {
      for (const assistantId of assistantIds) {
        if (waiting.push(assistantId) < IDS_A_CHUNK) continue;
        const full = waiting;
        waiting = [];
        await write(full);
      }
    },
    /** Returns the number of ids. */
    finish: async (): Promise<number> => {
      if (waiting.length > 0) await write(waiting);
      return total;
    },
  };
};

const finish = async (
  deps: BulkTaskDeps,
  { id, orgId, validateOnly }: BulkRotation,
  token: string,
  { total, list, requests }: { total: number; list: BulkList; requests: number },
): Promise<void> => {
  const { work, logger } = deps;
  // After a dry run the org is listed again, and the list brings nothing new.
  const listRequests = validateOnly ? pagesOf(list.listed) : requests;
  const known = await knownOf(deps, orgId);
  const estimate = takes(listRequests + total + verifyRequests(total, known, list.listed), deps);
  if (validateOnly) {
    await saved(work.saveLetters(id, token, 0, 'v'.repeat(total)));
    return saved(work.endDryRun(id, token, estimate, list));
  }
  if (!list.complete)
    logger.event('bulk_list_incomplete', {
      bulk_id: id,
      org_id: orgId,
      listed: list.listed,
      counted: list.counted,
    });
  await saved(work.endPrepare(id, token, total, estimate, list));
};

const listOf = ({ complete, count, counted, unreadable }: Listing): BulkList => ({
  complete,
  listed: count,
  ...(counted !== undefined && { counted }),
  unreadable,
});

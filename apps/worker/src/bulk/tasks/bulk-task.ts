import { BulkLost, saved } from './bulk-lost.ts';
import type { BulkTaskDeps } from './bulk-task-deps.ts';
import { hasCode, isFinal } from './failures.ts';
import { prepare } from './prepare.ts';
import { validateNamed } from './validate-named.ts';
import { verify } from './verify.ts';

/** Finds the assistants of a bulk rotation, or compares them with upstream once they were rotated. */
export const doBulkTask =
  (deps: BulkTaskDeps) =>
  async (kind: 'prepare' | 'verify', bulkId: string, token: string): Promise<void> => {
    const { work, logger } = deps;
    const bulk = await work.read(bulkId);
    if (!bulk) throw new BulkLost();
    logger.event('bulk_task_started', { bulk_id: bulkId, org_id: bulk.orgId, task: kind });
    if (kind === 'verify') return verify(deps, bulk, token);
    try {
      if (bulk.selection.kind === 'ids') await validateNamed(deps, bulk, token);
      else await prepare(deps, bulk, bulk.selection, token);
    } catch (error) {
      if (!hasCode(error)) throw error;
      // A bulk rotation that is PREPARING changes only when it is created or resumed.
      if (!isFinal(error.code) && (await deps.ledger.system.nowMs()) < bulk.updatedMs + deps.retryForMs)
        throw error;
      logger.event('bulk_preparation_failed', { bulk_id: bulkId, org_id: bulk.orgId, code: error.code });
      await saved(work.fail(bulkId, token, error.code));
    }
  };

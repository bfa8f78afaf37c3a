import type { Sweep as LedgerSweep } from '@rekey/schema';
import type { Sweep } from '../generated/rekey/v1/Sweep.ts';
import { explain, timestamp } from './fields.ts';

/** A sweep of the ledger as the contract shows it. */
export const toProtoSweep = (sweep: LedgerSweep, noLiveWorker = false): Sweep => ({
  id: sweep.id,
  orgId: sweep.orgId ?? '',
  state: sweep.state,
  createTime: timestamp(sweep.createdMs),
  startTime: timestamp(sweep.startedMs),
  updateTime: timestamp(sweep.updatedMs),
  endTime: timestamp(sweep.endedMs),
  counts: sweep.counts,
  error: sweep.errorCode === undefined ? null : explain(sweep.errorCode, 'sweep', sweep.orgId),
  noLiveWorker: noLiveWorker && (sweep.state === 'QUEUED' || sweep.state === 'RUNNING'),
  requestedBy: sweep.requestedBy ?? '',
});

import type { LastSweep, LedgerHoldings, SystemStatus } from '@rekey/schema';
import type { ArchiveStatus } from '../generated/rekey/v1/ArchiveStatus.ts';
import type { EndedSweep } from '../generated/rekey/v1/EndedSweep.ts';
import type { LimitedCaller } from '../generated/rekey/v1/LimitedCaller.ts';
import type { Status } from '../generated/rekey/v1/Status.ts';
import { timestamp } from './fields.ts';

const endedSweep = (sweep: LastSweep | undefined): EndedSweep | null =>
  sweep === undefined
    ? null
    : {
        id: sweep.id,
        state: sweep.state,
        endTime: timestamp(sweep.endedMs),
        comparedCount: sweep.compared,
        reason: sweep.errorCode ?? '',
      };

const holdings = (held: LedgerHoldings | undefined) =>
  held === undefined
    ? null
    : {
        assistantCount: held.assistants,
        consumerCount: held.consumers,
        policyCount: held.policies,
      };

const archiveOf = (archive: SystemStatus['archive']): ArchiveStatus | null =>
  archive === undefined
    ? null
    : {
        archiveId: archive.archiveId,
        processId: archive.by,
        reportTime: timestamp(archive.reportedMs),
        eventPosition: archive.positions.events,
        activityPosition: archive.positions.activity,
        waitingEventCount: archive.waiting.events,
        waitingActivityCount: archive.waiting.activity,
        maxWaitingCount: archive.maxWaiting,
        segment: archive.segment,
        digest: archive.digest ?? '',
        problem: archive.problem ?? '',
        gapTime: timestamp(archive.gapMs),
      };

/** The system's status as the contract shows it. */
export const toProtoStatus = (status: SystemStatus): Status => ({
  frozen: status.frozen
    ? {
        sinceTime: timestamp(status.frozen.sinceMs),
        reason: status.frozen.reason,
        requestedBy: status.frozen.requestedBy ?? '',
      }
    : null,
  openRotationCount: status.rotations.open,
  failedRotationCount: status.rotations.failed,
  openIntents: status.openIntents,
  uncertain: status.uncertain.map(({ assistantId, sinceMs }) => ({
    assistantId,
    sinceTime: timestamp(sinceMs),
  })),
  uncertainCount: status.uncertainCount,
  quarantined: status.quarantined.map(({ assistantId, sinceMs, why }) => ({
    assistantId,
    sinceTime: timestamp(sinceMs),
    why,
  })),
  quarantinedCount: status.quarantinedCount,
  checkCount: status.checksDue,
  heldOrgs: status.heldOrgs.map(({ orgId, sinceMs, code, affected = 0, known = 0 }) => ({
    orgId,
    sinceTime: timestamp(sinceMs),
    reason: code,
    affectedCount: affected,
    knownCount: known,
  })),
  orgAlias: status.orgAlias
    ? {
        orgId: status.orgAlias.orgId ?? '',
        knownBy: status.orgAlias.how ?? '',
        sinceTime: timestamp(status.orgAlias.sinceMs),
        conflict: status.orgAlias.conflict?.why ?? '',
        conflictOrgIds: status.orgAlias.conflict?.orgIds ?? [],
        conflictTime: timestamp(status.orgAlias.conflict?.sinceMs),
      }
    : null,
  archive: archiveOf(status.archive),
  attention: status.attention.map(({ code, sinceMs, subject, message, advice }) => ({
    code,
    sinceTime: timestamp(sinceMs),
    subject,
    message,
    advice,
  })),
  processes: status.processes.map(({ id, kind, roles, version, startedMs, seenMs, live }) => ({
    id,
    kind,
    roles,
    version,
    startTime: timestamp(startedMs),
    seenTime: timestamp(seenMs),
    live,
  })),
  lastSweep: endedSweep(status.lastSweep),
  lastSuccessfulSweep: endedSweep(status.lastSuccess),
  runningSweepId: status.runningSweep?.id ?? '',
  openBulkRotations: status.openBulks.map(({ id, state, total, done }) => ({
    id,
    state,
    totalCount: total,
    doneCount: done,
  })),
  waitingInBulksCount: status.rotations.waitingInBulks,
  ledger: {
    id: status.ledger.id,
    beginTime: timestamp(status.ledger.begunMs),
    lostTime: timestamp(status.ledger.lostMs),
    before: holdings(status.ledger.before),
    now: holdings(status.ledger.now),
  },
});

/** A caller that a gateway has refused because of a limit of its own. */
export const toProtoLimitedCaller = ({
  caller,
  limit,
  refused,
  sinceMs,
}: {
  caller: string;
  limit: string;
  refused: number;
  sinceMs: number;
}): LimitedCaller => ({ caller, limit, refusedCount: refused, sinceTime: timestamp(sinceMs) });

import { describe, expect, it } from '@jest/globals';
import { toProtoStatus } from './status.ts';
import { T0_MS, t0 } from './times-fixture.ts';

describe('toProtoStatus', () => {
  it('shows what is frozen, open and uncertain, with and without a time', () => {
    expect(
      toProtoStatus({
        attention: [
          {
            code: 'FROZEN',
            subject: '',
            message: 'm',
            advice: 'a',
            sinceMs: T0_MS,
          },
          { code: 'NO_WORKER', subject: 's', message: 'm', advice: 'a' },
        ],
        processes: [
          {
            id: 'worker-1',
            kind: 'worker',
            roles: ['rotating'],
            version: '1.0.0',
            startedMs: T0_MS,
            seenMs: T0_MS,
            live: true,
          },
        ],
        ledger: {
          id: 'led',
          begunMs: T0_MS,
          lostMs: T0_MS,
          before: { assistants: 1, consumers: 2, policies: 3 },
          now: { assistants: 0, consumers: 0, policies: 0 },
        },
        lastSweep: {
          id: 'swp_2',
          state: 'FAILED',
          endedMs: T0_MS,
          compared: 0,
          errorCode: 'TOO_MANY_GONE',
        },
        lastSuccess: {
          id: 'swp_1',
          state: 'SUCCEEDED',
          endedMs: T0_MS,
          compared: 7,
        },
        runningSweep: { id: 'swp_3' },
        openBulks: [{ id: 'blk_1', state: 'HALTED', total: 10, done: 4 }],
        frozen: { reason: 'ill', requestedBy: 'local' },
        rotations: { open: 1, failed: 2, waitingInBulks: 6 },
        openIntents: [{ orgId: 'org_1', count: 3 }],
        uncertain: [{ assistantId: 'ast_1', sinceMs: T0_MS }],
        uncertainCount: 4,
        quarantined: [{ assistantId: 'ast_2', why: 'version' }],
        quarantinedCount: 5,
        checksDue: 6,
        heldOrgs: [
          {
            orgId: 'org_1',
            sinceMs: T0_MS,
            code: 'TOO_MANY_GONE',
            affected: 8,
            known: 30,
          },
          { orgId: 'org_2', code: 'LEDGER_CORRUPT' },
        ],
      }),
    ).toEqual({
      frozen: { sinceTime: null, reason: 'ill', requestedBy: 'local' },
      openRotationCount: 1,
      failedRotationCount: 2,
      openIntents: [{ orgId: 'org_1', count: 3 }],
      uncertain: [{ assistantId: 'ast_1', sinceTime: t0 }],
      uncertainCount: 4,
      quarantined: [{ assistantId: 'ast_2', sinceTime: null, why: 'version' }],
      quarantinedCount: 5,
      checkCount: 6,
      attention: [
        {
          code: 'FROZEN',
          sinceTime: t0,
          subject: '',
          message: 'm',
          advice: 'a',
        },
        {
          code: 'NO_WORKER',
          sinceTime: null,
          subject: 's',
          message: 'm',
          advice: 'a',
        },
      ],
      processes: [
        {
          id: 'worker-1',
          kind: 'worker',
          roles: ['rotating'],
          version: '1.0.0',
          startTime: t0,
          seenTime: t0,
          live: true,
        },
      ],
      lastSweep: {
        id: 'swp_2',
        state: 'FAILED',
        endTime: t0,
        comparedCount: 0,
        reason: 'TOO_MANY_GONE',
      },
      lastSuccessfulSweep: {
        id: 'swp_1',
        state: 'SUCCEEDED',
        endTime: t0,
        comparedCount: 7,
        reason: '',
      },
      runningSweepId: 'swp_3',
      openBulkRotations: [{ id: 'blk_1', state: 'HALTED', totalCount: 10, doneCount: 4 }],
      waitingInBulksCount: 6,
      ledger: {
        id: 'led',
        beginTime: t0,
        lostTime: t0,
        before: { assistantCount: 1, consumerCount: 2, policyCount: 3 },
        now: { assistantCount: 0, consumerCount: 0, policyCount: 0 },
      },
      heldOrgs: [
        {
          orgId: 'org_1',
          sinceTime: t0,
          reason: 'TOO_MANY_GONE',
          affectedCount: 8,
          knownCount: 30,
        },
        {
          orgId: 'org_2',
          sinceTime: null,
          reason: 'LEDGER_CORRUPT',
          affectedCount: 0,
          knownCount: 0,
        },
      ],
      archive: null,
      orgAlias: null,
    });
  });

  it('shows which org `c` is, how that is known, and what contradicts it', () => {
    const status = {
      attention: [],
      processes: [],
      ledger: { id: '', now: { assistants: 0, consumers: 0, policies: 0 } },
      openBulks: [],
      rotations: { open: 0, failed: 0, waitingInBulks: 0 },
      openIntents: [],
      uncertain: [],
      uncertainCount: 0,
      quarantined: [],
      quarantinedCount: 0,
      checksDue: 0,
      heldOrgs: [],
    };
    expect(
      toProtoStatus({
        ...status,
        archive: {
          archiveId: 'archive-1',
          by: 'worker-1',
          reportedMs: T0_MS,
          positions: { events: '1-0', activity: '2-0' },
          waiting: { events: 3, activity: 4 },
          maxWaiting: 5,
          segment: 6,
          gapMs: T0_MS,
        },
      }).archive,
    ).toEqual({
      archiveId: 'archive-1',
      processId: 'worker-1',
      reportTime: t0,
      eventPosition: '1-0',
      activityPosition: '2-0',
      waitingEventCount: 3,
      waitingActivityCount: 4,
      maxWaitingCount: 5,
      segment: 6,
      digest: '',
      problem: '',
      gapTime: t0,
    });
    expect(
      toProtoStatus({
        ...status,
        orgAlias: { orgId: 'org_1', how: 'learned', sinceMs: T0_MS },
      }).orgAlias,
    ).toEqual({
      orgId: 'org_1',
      knownBy: 'learned',
      sinceTime: t0,
      conflict: '',
      conflictOrgIds: [],
      conflictTime: null,
    });
    expect(
      toProtoStatus({
        ...status,
        orgAlias: {
          conflict: {
            sinceMs: T0_MS,
            why: 'two orgs',
            orgIds: ['org_1', 'org_2'],
          },
        },
      }).orgAlias,
    ).toEqual({
      orgId: '',
      knownBy: '',
      sinceTime: null,
      conflict: 'two orgs',
      conflictOrgIds: ['org_1', 'org_2'],
      conflictTime: t0,
    });
  });
});

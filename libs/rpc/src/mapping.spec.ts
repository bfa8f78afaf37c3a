import { describe, expect, it } from '@jest/globals';
import {
  KEY_REMOVED,
  KEY_ROTATED,
  errorTable,
  errorText,
  noSweepCounts,
  type BulkRotation,
  type KeyRemoved,
  type KeyRotated,
  type Rotation,
} from '@rekey/schema';
import {
  toProtoAssistant,
  toProtoConsumer,
  toProtoBulkItem,
  toProtoBulkRotation,
  toProtoRotation,
  toProtoStatus,
  toProtoSweep,
} from './mapping.ts';

const T0_MS = 1_700_000_000_123;
const t0 = { seconds: '1700000000', nanos: 123_000_000 };

describe('toProtoRotation', () => {
  const unknown: Rotation = {
    id: 'rot_1',
    orgId: 'org_1',
    assistantId: 'ast_1',
    state: 'RECONCILING',
    reason: '',
    createdMs: 0,
    updatedMs: 0,
    attempts: 1,
    uncertainSinceMs: T0_MS,
    nextReadMs: T0_MS,
  };

  it('says that nothing is to be done while it is read back', () => {
    expect(toProtoRotation(unknown).reconciliation).toEqual({
      sinceTime: t0,
      nextReadTime: t0,
      operatorNeeded: false,
      advice:
        'Nothing: the assistant is read again at next_read_time, and no second request is sent meanwhile.',
      readError: '',
    });
  });

  it('advises an operator in the words for an open rotation', () => {
    expect(
      toProtoRotation({ ...unknown, operatorNeeded: true, readErrorCode: 'UPSTREAM_UNAUTHENTICATED' })
        .reconciliation,
    ).toMatchObject({
      operatorNeeded: true,
      advice: errorText('UPSTREAM_UNAUTHENTICATED', 'open rotation').advice,
      readError: 'UPSTREAM_UNAUTHENTICATED',
    });
  });

  it('says why the last read failed also where nobody is needed', () => {
    expect(toProtoRotation({ ...unknown, readErrorCode: 'STALE_READ' }).reconciliation).toMatchObject({
      operatorNeeded: false,
      advice: expect.stringMatching(/^Nothing/),
      readError: 'STALE_READ',
    });
  });

  it('has no reconciliation in any other state', () => {
    expect(toProtoRotation({ ...unknown, state: 'QUEUED' }).reconciliation).toBeNull();
  });
});

describe('toProtoAssistant', () => {
  const SEALED = { protected: 'p', recipients: [], iv: 'i', ciphertext: 'c', tag: 't' };
  const envelope = {
    specversion: '1.0' as const,
    id: '7',
    source: '/orgs/org_1/assistants/ast_1',
    subject: 'ast_1',
    time: '2023-11-14T22:13:20.123Z',
    datacontenttype: 'application/json' as const,
  };
  const common = {
    seq: 1,
    rotation_id: null,
    bulk_rotation_id: null,
    version: 7,
    cause: 'drift' as const,
    updated_at: '2023-11-14T22:13:20.123Z',
  };
  const rotated: KeyRotated = {
    ...envelope,
    type: KEY_ROTATED,
    data: { ...common, fingerprint: 'K:f', sealed: SEALED },
  };

  it('shows a key', () => {
    expect(toProtoAssistant(rotated)).toEqual({
      assistantId: 'ast_1',
      version: 7,
      cause: 'DRIFT',
      rotationId: '',
      updateTime: t0,
      fingerprint: 'K:f',
      sealed: JSON.stringify(SEALED),
      uncertainTime: null,
      removal: 'REMOVAL_UNSPECIFIED',
    });
  });

  it('shows a key of a cause that it does not know', () => {
    expect(
      toProtoAssistant({ ...rotated, data: { ...rotated.data, cause: 'of a later version' } }),
    ).toMatchObject({ version: 7, cause: 'CAUSE_UNSPECIFIED' });
  });

  it('shows since when a key is in doubt', () => {
    expect(toProtoAssistant(rotated, T0_MS).uncertainTime).toEqual(t0);
  });

  it.each([
    ['no-key', 'NO_KEY'],
    ['deleted', 'DELETED'],
  ] as const)('shows that there is no key any more: %s', (removal, shown) => {
    const removed: KeyRemoved = {
      ...envelope,
      type: KEY_REMOVED,
      data: { ...common, removal, fingerprint: null, sealed: SEALED },
    };
    expect(toProtoAssistant(removed)).toMatchObject({
      version: 7,
      removal: shown,
      fingerprint: '',
      sealed: JSON.stringify(SEALED),
    });
  });
});

describe('toProtoConsumer', () => {
  const entry = {
    name: 'billing',
    orgs: ['*'],
    state: 'ACTIVE' as const,
    created_at: '2023-11-14T22:13:20.123Z',
    key: { kty: 'OKP', crv: 'X25519', kid: 'k' },
  };
  const instance = {
    instance: 'i',
    lease_ms: 1000,
    position: '5-0',
    seq: 5,
    keys: 2,
    unapplied: { count: 0, first: [] },
    leaving: false,
    live: true,
    heardMs: T0_MS,
  };

  it('shows what an instance has refused, and nothing of one that does not report it', () => {
    const refused = { count: 3, first: [{ assistant_id: 'ast_1', version: 7, why: 'forged' }] };
    const [one, old] = toProtoConsumer(entry, [{ ...instance, refused }, instance]).instances!;
    expect(one).toMatchObject({
      refusedCount: 3,
      refused: [{ assistantId: 'ast_1', version: 7, why: 'forged' }],
      unappliedCount: 0,
    });
    expect(old).toMatchObject({ refusedCount: 0, refused: [] });
  });
});

describe('toProtoSweep', () => {
  it('shows a sweep of all orgs that failed, and why in words', () => {
    const counts = { ...noSweepCounts, compared: 3 };
    expect(
      toProtoSweep({
        id: 'swp_1',
        state: 'FAILED',
        createdMs: T0_MS,
        updatedMs: T0_MS,
        counts,
        errorCode: 'ORG_NOT_CONFIGURED',
      }),
    ).toEqual({
      id: 'swp_1',
      orgId: '',
      state: 'FAILED',
      createTime: t0,
      startTime: null,
      updateTime: t0,
      endTime: null,
      counts,
      error: { reason: 'ORG_NOT_CONFIGURED', ...errorText('ORG_NOT_CONFIGURED', 'sweep') },
      noLiveWorker: false,
    });
  });
});

describe('toProtoStatus', () => {
  it('shows what is frozen, open and in doubt, also without a time', () => {
    expect(
      toProtoStatus({
        attention: [
          { code: 'FROZEN', subject: '', message: 'm', advice: 'a', sinceMs: T0_MS },
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
        lastSweep: { id: 'swp_2', state: 'FAILED', endedMs: T0_MS, compared: 0, errorCode: 'TOO_MANY_GONE' },
        lastSuccess: { id: 'swp_1', state: 'SUCCEEDED', endedMs: T0_MS, compared: 7 },
        runningSweep: { id: 'swp_3' },
        openBulks: [{ id: 'blk_1', state: 'HALTED', total: 10, done: 4 }],
        frozen: { reason: 'ill' },
        rotations: { open: 1, failed: 2, waitingInBulks: 6 },
        openIntents: [{ orgId: 'org_1', count: 3 }],
        uncertain: [{ assistantId: 'ast_1', sinceMs: T0_MS }],
        uncertainCount: 4,
        quarantined: [{ assistantId: 'ast_2', why: 'version' }],
        quarantinedCount: 5,
        checksDue: 6,
        heldOrgs: [
          { orgId: 'org_1', sinceMs: T0_MS, code: 'TOO_MANY_GONE', affected: 8, known: 30 },
          { orgId: 'org_2', code: 'LEDGER_CORRUPT' },
        ],
      }),
    ).toEqual({
      frozen: { sinceTime: null, reason: 'ill' },
      openRotationCount: 1,
      failedRotationCount: 2,
      openIntents: [{ orgId: 'org_1', count: 3 }],
      uncertain: [{ assistantId: 'ast_1', sinceTime: t0 }],
      uncertainCount: 4,
      quarantined: [{ assistantId: 'ast_2', sinceTime: null, why: 'version' }],
      quarantinedCount: 5,
      checkCount: 6,
      attention: [
        { code: 'FROZEN', sinceTime: t0, subject: '', message: 'm', advice: 'a' },
        { code: 'NO_WORKER', sinceTime: null, subject: 's', message: 'm', advice: 'a' },
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
      lastSweep: { id: 'swp_2', state: 'FAILED', endTime: t0, comparedCount: 0, reason: 'TOO_MANY_GONE' },
      lastSuccessfulSweep: { id: 'swp_1', state: 'SUCCEEDED', endTime: t0, comparedCount: 7, reason: '' },
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
        { orgId: 'org_1', sinceTime: t0, reason: 'TOO_MANY_GONE', affectedCount: 8, knownCount: 30 },
        { orgId: 'org_2', sinceTime: null, reason: 'LEDGER_CORRUPT', affectedCount: 0, knownCount: 0 },
      ],
      orgAlias: null,
    });
  });

  it('shows which org `c` is, how that is known, and what speaks against it', () => {
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
      toProtoStatus({ ...status, orgAlias: { orgId: 'org_1', how: 'learned', sinceMs: T0_MS } }).orgAlias,
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
        orgAlias: { conflict: { sinceMs: T0_MS, why: 'two orgs', orgIds: ['org_1', 'org_2'] } },
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

describe('toProtoBulkRotation', () => {
  const noCounts = {
    total: 0,
    waiting: 0,
    rotating: 0,
    unknown: 0,
    succeeded: 0,
    shared: 0,
    failed: 0,
    cancelled: 0,
    valid: 0,
    duplicates: 0,
  };
  const running: BulkRotation = {
    id: 'blk_1',
    orgId: 'org_1',
    reason: '',
    selection: { kind: 'ids' },
    urgent: false,
    validateOnly: false,
    maxFailures: { percent: 5 },
    state: 'RUNNING',
    createdMs: T0_MS,
    updatedMs: T0_MS,
    counts: { ...noCounts, total: 100, waiting: 40, rotating: 10, succeeded: 50 },
    estimate: { requests: 102, durationMs: 12_500 },
    lastFailures: [],
  };

  it('says of one that nobody works on how it is, and not how long it takes', () => {
    expect(toProtoBulkRotation({ ...running, noLiveWorker: true })).toMatchObject({
      noLiveWorker: true,
      remaining: null,
    });
    expect(toProtoBulkRotation({ ...running, state: 'COMPLETED', noLiveWorker: true })).toMatchObject({
      noLiveWorker: false,
    });
  });

  it('shows one of named assistants, without what it does not have', () => {
    expect(toProtoBulkRotation(running)).toEqual({
      id: 'blk_1',
      orgId: 'org_1',
      state: 'RUNNING',
      reason: '',
      requestId: '',
      createTime: t0,
      startTime: null,
      updateTime: t0,
      endTime: null,
      urgent: false,
      validateOnly: false,
      explicit: true,
      search: '',
      rotatedBefore: null,
      canary: null,
      maxFailures: { percent: 5 },
      counts: running.counts,
      stop: null,
      rate: 0,
      remaining: { seconds: '6', nanos: 250_000_000 },
      estimate: { requestCount: 102, duration: { seconds: '12', nanos: 500_000_000 } },
      verification: null,
      lastFailures: [],
      policyId: '',
      consumers: [],
      list: null,
      noLiveWorker: false,
    });
  });

  it('shows everything that one of a whole org has', () => {
    const selection = { kind: 'org' as const, search: 'shop', rotatedBeforeMs: T0_MS, policyId: 'pol_1' };
    const verification = { verified: 8, repaired: 1, unverified: 1, differing: ['ast_1', 'ast_2'] };
    expect(
      toProtoBulkRotation({
        ...running,
        selection,
        verification,
        requestId: 'r',
        canary: { count: 3, continues: true },
        maxFailures: { count: 0 },
        startedMs: T0_MS,
        endedMs: T0_MS,
        lastFailures: [{ assistantId: 'ast_9', code: 'ASSISTANT_DELETED', atMs: T0_MS }],
      }),
    ).toMatchObject({
      explicit: false,
      search: 'shop',
      rotatedBefore: t0,
      policyId: 'pol_1',
      requestId: 'r',
      canary: { count: 3, continues: true },
      maxFailures: { count: 0 },
      startTime: t0,
      endTime: t0,
      verification: { verified: 8, repaired: 1, unverified: 1, differingAssistantIds: ['ast_1', 'ast_2'] },
      lastFailures: [{ assistantId: 'ast_9', reason: 'ASSISTANT_DELETED', time: t0 }],
    });
  });

  it('takes the time that remains from its own rate as soon as there is one', () => {
    expect(toProtoBulkRotation({ ...running, perSecond: 4 })).toMatchObject({
      rate: 4,
      remaining: { seconds: '12', nanos: 500_000_000 },
    });
  });

  it.each<Partial<BulkRotation>>([
    { state: 'PAUSED', perSecond: 4 },
    { state: 'COMPLETED', perSecond: 4 },
    { state: 'PREPARING', counts: noCounts },
    { counts: { ...noCounts, total: 2, succeeded: 2 }, perSecond: 4 },
  ])('promises no time where it does not move, or nothing is left: %j', (change) => {
    expect(toProtoBulkRotation({ ...running, ...change }).remaining).toBeNull();
  });

  it('says in the words of the error table why it stands still', () => {
    const { message, advice } = errorTable.CANARY_DONE;
    expect(toProtoBulkRotation({ ...running, state: 'PAUSED', why: 'CANARY_DONE' }).stop).toEqual({
      reason: 'CANARY_DONE',
      message,
      advice,
    });
  });

  it('says with LIST_INCOMPLETE how many were listed and how many upstream counts', () => {
    const halted = { ...running, state: 'HALTED' as const, why: 'LIST_INCOMPLETE' };
    expect(
      toProtoBulkRotation({
        ...halted,
        list: { complete: false, listed: 450, counted: 1e15, unreadable: 2 },
      }),
    ).toMatchObject({
      stop: {
        reason: 'LIST_INCOMPLETE',
        message: expect.stringMatching(
          / 450 assistants were listed; Invent counts 1000000000000000; records that could not be read: 2\.$/,
        ),
      },
      list: { incomplete: true, listedCount: 450, inventCount: '1000000000000000', unreadableCount: 2 },
    });
    const { stop, list } = toProtoBulkRotation({
      ...halted,
      list: { complete: false, listed: 450, unreadable: 0 },
    });
    expect(stop!.message).toMatch(/ 450 assistants were listed; Invent gives no count\.$/);
    expect(list).toEqual({ incomplete: true, listedCount: 450, unreadableCount: 0 });
  });
});

describe('toProtoBulkItem', () => {
  it('says in the words for an assistant of a bulk rotation why it failed', () => {
    expect(
      toProtoBulkItem({ index: 0, assistantId: 'ast_1', state: 'FAILED', errorCode: 'NO_SECRET_KEY' }),
    ).toEqual({
      assistantId: 'ast_1',
      state: 'FAILED',
      error: { reason: 'NO_SECRET_KEY', ...errorText('NO_SECRET_KEY', 'bulk item') },
    });
    expect(toProtoBulkItem({ index: 1, assistantId: 'ast_2', state: 'SHARED' })).toEqual({
      assistantId: 'ast_2',
      state: 'SHARED',
      error: null,
    });
  });
});

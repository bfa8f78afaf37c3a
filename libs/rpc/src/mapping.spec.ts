import { describe, expect, it } from '@jest/globals';
import { KEY_REMOVED, KEY_ROTATED, errorTable, noSweepCounts, type KeyRemoved, type KeyRotated, type Rotation } from '@rekey/schema';
import { toProtoAssistant, toProtoRotation, toProtoStatus, toProtoSweep } from './mapping.ts';

const T0_MS = 1_700_000_000_123;
const t0 = { seconds: '1700000000', nanos: 123_000_000 };

describe('toProtoRotation', () => {
  const unknown: Rotation = { id: 'rot_1', orgId: 'org_1', assistantId: 'ast_1', state: 'RECONCILING', reason: '', createdMs: 0, updatedMs: 0, attempts: 1, uncertainSinceMs: T0_MS, nextReadMs: T0_MS };

  it('says that nothing is to be done while it is read back', () => {
    expect(toProtoRotation(unknown).reconciliation).toEqual({
      sinceTime: t0, nextReadTime: t0, operatorNeeded: false, advice: 'Nothing: the assistant is read again at next_read_time, and no second request is sent meanwhile.', readError: '',
    });
  });

  it('advises an operator in the words of the error table', () => {
    expect(toProtoRotation({ ...unknown, operatorNeeded: true, readErrorCode: 'UPSTREAM_UNAUTHENTICATED' }).reconciliation).toMatchObject({
      operatorNeeded: true, advice: errorTable.UPSTREAM_UNAUTHENTICATED.advice, readError: 'UPSTREAM_UNAUTHENTICATED',
    });
  });

  it('says why the last read failed also where nobody is needed', () => {
    expect(toProtoRotation({ ...unknown, readErrorCode: 'STALE_READ' }).reconciliation).toMatchObject({ operatorNeeded: false, advice: expect.stringMatching(/^Nothing/), readError: 'STALE_READ' });
  });

  it('has no reconciliation in any other state', () => {
    expect(toProtoRotation({ ...unknown, state: 'QUEUED' }).reconciliation).toBeNull();
  });
});

describe('toProtoAssistant', () => {
  const envelope = { specversion: '1.0' as const, id: '7', source: '/orgs/org_1/assistants/ast_1', subject: 'ast_1', time: '2023-11-14T22:13:20.123Z', datacontenttype: 'application/json' as const };
  const common = { seq: 1, rotation_id: null, bulk_rotation_id: null, version: 7, cause: 'drift' as const, updated_at: '2023-11-14T22:13:20.123Z' };
  const rotated: KeyRotated = { ...envelope, type: KEY_ROTATED, data: { ...common, fingerprint: 'K:f', sealed: 'a.b.c' } };

  it('shows a key', () => {
    expect(toProtoAssistant(rotated)).toEqual({
      assistantId: 'ast_1', version: 7, cause: 'DRIFT', rotationId: '', updateTime: t0, fingerprint: 'K:f', sealed: 'a.b.c', uncertainTime: null, removal: 'REMOVAL_UNSPECIFIED',
    });
  });

  it('shows since when a key is in doubt', () => {
    expect(toProtoAssistant(rotated, T0_MS).uncertainTime).toEqual(t0);
  });

  it.each([['no-key', 'NO_KEY'], ['deleted', 'DELETED']] as const)('shows that there is no key any more: %s', (removal, shown) => {
    const removed: KeyRemoved = { ...envelope, type: KEY_REMOVED, data: { ...common, removal, fingerprint: null, sealed: null } };
    expect(toProtoAssistant(removed)).toMatchObject({ version: 7, removal: shown, fingerprint: '', sealed: '' });
  });
});

describe('toProtoSweep', () => {
  it('shows a sweep of all orgs that failed, and why in words', () => {
    const counts = { ...noSweepCounts, compared: 3 };
    expect(toProtoSweep({ id: 'swp_1', state: 'FAILED', createdMs: T0_MS, updatedMs: T0_MS, counts, errorCode: 'ORG_NOT_CONFIGURED' })).toEqual({
      id: 'swp_1', orgId: '', state: 'FAILED', createTime: t0, startTime: null, updateTime: t0, endTime: null, counts,
      error: { reason: 'ORG_NOT_CONFIGURED', message: errorTable.ORG_NOT_CONFIGURED.message, advice: errorTable.ORG_NOT_CONFIGURED.advice },
    });
  });
});

describe('toProtoStatus', () => {
  it('shows what is frozen, open and in doubt, also without a time', () => {
    expect(
      toProtoStatus({
        frozen: { reason: 'ill' }, rotations: { open: 1, failed: 2 }, openIntents: [{ orgId: 'org_1', count: 3 }], uncertain: [{ assistantId: 'ast_1', sinceMs: T0_MS }], uncertainCount: 4,
        quarantined: [{ assistantId: 'ast_2', why: 'version' }], quarantinedCount: 5, checksDue: 6,
      }),
    ).toEqual({
      frozen: { sinceTime: null, reason: 'ill' }, openRotationCount: 1, failedRotationCount: 2, openIntents: [{ orgId: 'org_1', count: 3 }], uncertain: [{ assistantId: 'ast_1', sinceTime: t0 }], uncertainCount: 4,
      quarantined: [{ assistantId: 'ast_2', sinceTime: null, why: 'version' }], quarantinedCount: 5, checkCount: 6,
    });
  });
});

import { describe, expect, it } from '@jest/globals';
import { errorText, type Rotation } from '@rekey/schema';
import { toProtoRotation } from './rotation.ts';
import { T0_MS, t0 } from './times-fixture.ts';

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

  it('advises nothing while the worker reads the assistant back', () => {
    expect(toProtoRotation(unknown).reconciliation).toEqual({
      sinceTime: t0,
      nextReadTime: t0,
      operatorNeeded: false,
      advice:
        'Nothing: Rekey reads the assistant again at next_read_time, and sends no second request before.',
      readError: '',
    });
  });

  it('gives an operator the advice for an open rotation', () => {
    expect(
      toProtoRotation({
        ...unknown,
        operatorNeeded: true,
        readErrorCode: 'UPSTREAM_UNAUTHENTICATED',
      }).reconciliation,
    ).toMatchObject({
      operatorNeeded: true,
      advice: errorText('UPSTREAM_UNAUTHENTICATED', 'open rotation').advice,
      readError: 'UPSTREAM_UNAUTHENTICATED',
    });
  });

  it('shows why the last read failed even if no operator is needed', () => {
    expect(toProtoRotation({ ...unknown, readErrorCode: 'STALE_READ' }).reconciliation).toMatchObject({
      operatorNeeded: false,
      advice: expect.stringMatching(/^Nothing/),
      readError: 'STALE_READ',
    });
  });

  it('shows no reconciliation in any other state', () => {
    expect(toProtoRotation({ ...unknown, state: 'QUEUED' }).reconciliation).toBeNull();
  });
});

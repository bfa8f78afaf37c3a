import { describe, expect, it } from '@jest/globals';
import { errorText, noSweepCounts } from '@rekey/schema';
import { toProtoSweep } from './sweep.ts';
import { T0_MS, t0 } from './times-fixture.ts';

describe('toProtoSweep', () => {
  it('shows a failed sweep of all orgs with the message and advice for its error', () => {
    const counts = { ...noSweepCounts, compared: 3 };
    expect(
      toProtoSweep({
        id: 'swp_1',
        state: 'FAILED',
        createdMs: T0_MS,
        updatedMs: T0_MS,
        counts,
        errorCode: 'ORG_NOT_CONFIGURED',
        requestedBy: 'local',
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
      error: {
        reason: 'ORG_NOT_CONFIGURED',
        ...errorText('ORG_NOT_CONFIGURED', 'sweep'),
      },
      noLiveWorker: false,
      requestedBy: 'local',
    });
  });
});

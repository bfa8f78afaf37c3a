import { describe, expect, it } from '@jest/globals';
import { status } from '@grpc/grpc-js';
import { call, useServices } from '../services-fixture.ts';

const fixture = useServices();

describe('Freeze and Unfreeze', () => {
  it('return the resulting status', async () => {
    const { Freeze, Unfreeze, GetStatus } = fixture.services.SystemService;
    const frozen = await call(Freeze, { reason: 'ill' });
    expect(frozen).toMatchObject({ frozen: { reason: 'ill' }, openRotationCount: 0 });
    expect(await call(GetStatus, {})).toEqual(frozen);
    expect(await call(Unfreeze, {})).toMatchObject({ frozen: null });
  });

  it.each(['', '  ', 'a\nb', 'x'.repeat(1025)])('refuse the reason %j', async (reason) => {
    await expect(call(fixture.services.SystemService.Freeze, { reason })).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
    });
    expect(await fixture.redis.exists('{spec}:ledger')).toBe(0);
  });
});

import { describe, expect, it } from '@jest/globals';
import { redis } from '../../ledger-fixture.ts';
import { bulks, drawn, makeBulk, useBulks } from '../bulk-fixture.ts';
import { verifyRequests } from './request-estimate.ts';

useBulks();

describe('the estimate of a bulk', () => {
  it.each([
    [1, 0],
    [1, 100],
    [2, 99],
    [2, 100],
    [2, 101],
    [50, 4900],
    [50, 5000],
    [150, 20],
  ])('of %d assistants in an org of %d is the same in Lua and in TypeScript', async (assistants, known) => {
    const members = Array.from({ length: known }, (_, i) => [i, `known_${i}`]).flat();
    if (known > 0) await redis.zadd('{spec}:assistants:org_1', ...members);
    const { id } = await makeBulk(assistants);
    await drawn();
    const { estimate } = await bulks.get(id);
    expect(estimate!.requests).toBe(assistants + verifyRequests(assistants, known));
  });
});

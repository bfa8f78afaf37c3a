import { beforeEach, describe, expect, it } from '@jest/globals';
import { status, type ServiceError } from '@grpc/grpc-js';
import { openLedger } from '@rekey/ledger';
import { readStatusDetails } from '@rekey/rpc';
import { PREFIX, call, useServices } from '../services-fixture.ts';

const fixture = useServices();

describe('CreateSweep', () => {
  const queued = () => fixture.redis.lrange('{spec}:bull:sweeps:wait', 0, -1);
  const queuedOfOrgs = () => fixture.redis.zrange('{spec}:bull:sweeps:prioritized', '0', '-1');

  it('records a sweep, enqueues it, and returns it', async () => {
    const sweep = await call(fixture.services.SweepService.CreateSweep, { orgId: 'org_1' });
    expect(sweep).toMatchObject({ id: expect.stringMatching(/^swp_/), orgId: 'org_1', state: 'QUEUED' });
    expect(await queuedOfOrgs()).toEqual([sweep.id]);
  });

  it('refuses more than ten sweeps of one org that wait, but never one of everything', async () => {
    const { CreateSweep } = fixture.services.SweepService;
    for (let i = 0; i < 10; i += 1) await call(CreateSweep, { orgId: `org_${i}` });
    const error: ServiceError = await call(CreateSweep, { orgId: 'org_10' }).catch((caught) => caught);
    expect(error.code).toBe(status.RESOURCE_EXHAUSTED);
    expect(readStatusDetails(error)).toMatchObject({ reason: 'TOO_MANY_SWEEPS', metadata: { limit: '10' } });
    expect(fixture.refused).toEqual(['TOO_MANY_SWEEPS']);
    expect(await queuedOfOrgs()).toHaveLength(10);
    expect(await call(CreateSweep, { orgId: '' })).toMatchObject({ state: 'QUEUED' });
    expect(await queued()).toHaveLength(1);
  });

  it('refuses an org that nothing says exists', async () => {
    await fixture.sweeps.noteConfigured(['org_1'], Date.now());
    const error: ServiceError = await call(fixture.services.SweepService.CreateSweep, {
      orgId: 'org_2',
    }).catch((caught) => caught);
    expect(error.code).toBe(status.NOT_FOUND);
    expect(readStatusDetails(error)).toMatchObject({
      reason: 'ORG_NOT_KNOWN',
      metadata: { org_id: 'org_2' },
    });
    expect(fixture.refused).toEqual(['ORG_NOT_KNOWN']);
    expect(await queuedOfOrgs()).toEqual([]);
  });

  it('enqueues a sweep whose gateway died before it did', async () => {
    const id = 'swp_01ARZ3NDEKTSV4RRFFQ69G5FAV';
    await fixture.sweeps.create(id, undefined);
    expect(await call(fixture.services.SweepService.CreateSweep, { orgId: '' })).toMatchObject({ id });
    expect(await queued()).toEqual([id]);
  });
});

describe('CreateSweep with accept_removals', () => {
  const hold = (orgId: string) =>
    fixture.redis.hset(
      '{spec}:held',
      orgId,
      JSON.stringify({ since: 1_700_000_000_000, code: 'TOO_MANY_GONE', affected: 12, known: 30 }),
    );
  const accept = (orgId: string) =>
    call(fixture.services.SweepService.CreateSweep, { orgId, acceptRemovals: true });
  const stored = async () => [
    await fixture.redis.hkeys('{spec}:held'),
    await fixture.redis.hkeys('{spec}:accepted'),
    await fixture.redis.zcard('{spec}:sweeps'),
    await fixture.redis.zcard('{spec}:bull:sweeps:prioritized'),
  ];
  beforeEach(() => hold('org_1'));

  it('accepts the changes of the held org, and sweeps it', async () => {
    await hold('org_2');
    expect(await accept('org_1')).toMatchObject({ orgId: 'org_1', state: 'QUEUED' });
    expect(await stored()).toEqual([['org_2'], ['org_1'], 1, 1]);
  });

  it('accepts them under `c` once its org is known', async () => {
    await fixture.redis.hset('{spec}:ledger', 'alias', 'org_1');
    expect(await accept('c')).toMatchObject({ orgId: 'org_1' });
    expect(await stored()).toEqual([[], ['org_1'], 1, 1]);
  });

  it('can be repeated: the gateway may have died before the sweep was created', async () => {
    await openLedger(fixture.redis, { prefix: PREFIX }).orgs.acceptHeld('org_1');
    const { id } = await accept('org_1');
    expect(await accept('org_1')).toMatchObject({ id });
    expect(await stored()).toEqual([[], ['org_1'], 1, 1]);
  });

  it('is not refused while as many sweeps wait as callers may request', async () => {
    for (let i = 0; i < 10; i += 1)
      await call(fixture.services.SweepService.CreateSweep, { orgId: `org_other_${i}` });
    expect(await accept('org_1')).toMatchObject({ orgId: 'org_1', state: 'QUEUED' });
  });

  it('fails once the sweep has published the accepted changes: later ones are not accepted', async () => {
    await accept('org_1');
    const { orgs } = openLedger(fixture.redis, { prefix: PREFIX });
    await orgs.endSweep('org_1');
    expect(await accept('org_1')).toMatchObject({ orgId: 'org_1' });
    await orgs.endSweep('org_1', { settled: true });
    await expect(accept('org_1')).rejects.toMatchObject({ code: status.FAILED_PRECONDITION });
  });

  it.each(['org_2', 'c', 'ORG_1'])('does nothing if the org is not held: %s', async (orgId) => {
    const error: ServiceError = await accept(orgId).catch((caught: ServiceError) => caught);
    expect(readStatusDetails(error)).toMatchObject({ reason: 'ORG_NOT_HELD', metadata: { org_id: orgId } });
    expect(await stored()).toEqual([['org_1'], [], 0, 0]);
  });

  it('needs an org', async () => {
    const error: ServiceError = await accept('').catch((caught: ServiceError) => caught);
    expect(error.code).toBe(status.INVALID_ARGUMENT);
    expect(readStatusDetails(error)).toMatchObject({
      fieldViolations: [
        { field: 'org_id', description: 'must be given with accept_removals: one org at a time' },
      ],
    });
    expect(await stored()).toEqual([['org_1'], [], 0, 0]);
  });
});

describe('GetSweep and ListSweeps', () => {
  it('return sweeps, newest first', async () => {
    const { CreateSweep, GetSweep, ListSweeps } = fixture.services.SweepService;
    const [a, b] = [await call(CreateSweep, { orgId: 'org_a' }), await call(CreateSweep, { orgId: 'org_b' })];
    expect(await call(GetSweep, { id: a.id })).toEqual(a);
    expect(await call(ListSweeps, { pageSize: 0 })).toEqual({ sweeps: [b, a], nextPageToken: '' });
    const first = await call(ListSweeps, { pageSize: 1 });
    expect(first).toEqual({ sweeps: [b], nextPageToken: expect.stringMatching(/./) });
    expect(await call(ListSweeps, { pageSize: 1, pageToken: first.nextPageToken })).toEqual({
      sweeps: [a],
      nextPageToken: '',
    });
  });

  it.each([-1, 1.5])('refuse a page of %j', async (pageSize) => {
    await expect(call(fixture.services.SweepService.ListSweeps, { pageSize })).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
    });
  });
});

import { describe, expect, it } from '@jest/globals';
import { status, type ServiceError } from '@grpc/grpc-js';
import { readStatusDetails } from '@rekey/rpc';
import { nextUlid } from '@rekey/runtime';
import { LOCAL_ACTOR, type PolicySpec, type RekeyError, type RotationPolicy } from '@rekey/schema';
import { parseRequest } from '../requests/parse-request.ts';
import { call, useServices } from '../services-fixture.ts';
import { UpdatePolicy, updatePolicy } from './policy-update.ts';

const fixture = useServices();

const ID = 'pol_01ARZ3NDEKTSV4RRFFQ69G5FAV';
/** A policy as proto-loader gives it, without any field but the id. */
const unset = { id: ID, orgId: '', everyDays: 0, window: null, maxFailures: null, reason: '', paused: false };
const changesOf = (policy: object, paths: string[] = []) =>
  parseRequest(UpdatePolicy, { rotationPolicy: { ...unset, ...policy }, updateMask: { paths } }).changes;
const violations = (policy: object, paths: string[] = []): string[] => {
  try {
    changesOf(policy, paths);
    return [];
  } catch (error) {
    return (error as RekeyError).fieldViolations.map(({ field, description }) => `${field} ${description}`);
  }
};
const length = { seconds: '3600', nanos: 0 };
const full = {
  everyDays: 30,
  window: { cron: '0 3 * * *', timeZone: 'Europe/Berlin', length },
  maxFailures: { count: 0 },
  reason: 'audit',
};
const allChanges = {
  everyDays: 30,
  window: { cron: '0 3 * * *', timeZone: 'Europe/Berlin', lengthMs: 3_600_000 },
  maxFailures: { count: 0 },
  reason: 'audit',
};
const defaults = { cron: '0 2 * * *', timeZone: 'UTC', lengthMs: 4 * 3_600_000 };

describe('the mask of an update', () => {
  it.each<[string[], object]>([
    [['every_days'], { everyDays: 30 }],
    [['window.cron'], { window: { cron: '0 3 * * *' } }],
    [['window.length', 'reason'], { window: { lengthMs: 3_600_000 }, reason: 'audit' }],
    [['window'], { window: allChanges.window }],
    [['window', 'window.cron'], { window: allChanges.window }],
    [['*'], allChanges],
  ])('%j selects the changes', (paths, changes) => {
    expect(changesOf(full, paths)).toMatchObject(changes);
    expect(Object.keys(changesOf(full, paths)).filter((name) => name !== 'window')).toEqual(
      Object.keys(changes).filter((name) => name !== 'window'),
    );
  });

  it('gives a named field that is not set its default', () => {
    expect(changesOf({}, ['window', 'max_failures', 'reason'])).toEqual({
      window: defaults,
      maxFailures: { percent: 5 },
      reason: '',
    });
    expect(changesOf({ window: { cron: '', timeZone: '', length: null } }, ['window.cron']).window).toEqual({
      cron: defaults.cron,
    });
  });

  it.each<[string[], RegExp]>([
    [['org_id'], /^update_mask\.paths\[0\] must not be org_id: only \*, window, .*reason can be changed$/],
    [['reason', 'paused'], /^update_mask\.paths\[1\] must not be paused: /],
    [['every_dayz'], /^update_mask\.paths\[0\] must not be every_dayz: /],
    [['everyDays'], /^update_mask\.paths\[0\] must be one of \*, /],
    [['hunter2!\n'], /^update_mask\.paths\[0\] must be one of \*, /],
    [['constructor'], /^update_mask\.paths\[0\] must not be constructor: /],
    [[''], /^update_mask\.paths\[0\] must be one of \*, /],
  ])('%j is refused by name, and other text is not quoted', (paths, expected) => {
    const found = violations(full, paths);
    expect(found).toEqual([expect.stringMatching(expected)]);
    expect(found.join()).not.toContain('hunter2');
  });

  it('that is empty selects the fields that are set, and ignores those that cannot be changed', () => {
    expect(changesOf({ ...full, orgId: 'org_9', paused: true })).toEqual(allChanges);
    expect(changesOf({ window: { cron: '', timeZone: 'UTC', length: null } })).toEqual({
      window: { timeZone: 'UTC' },
    });
    expect(parseRequest(UpdatePolicy, { rotationPolicy: { ...unset, everyDays: 7 } }).changes).toMatchObject({
      everyDays: 7,
    });
    expect(violations({})).toEqual(['update_mask must be given if no field of rotation_policy is set']);
  });
});

describe('the fields of an update', () => {
  it.each<[string, object, string[]]>([
    ['rotation_policy.every_days must be from 1 to 3650', {}, ['every_days']],
    ['rotation_policy.every_days must be from 1 to 3650', { everyDays: 3651 }, []],
    [
      'rotation_policy.window.time_zone must be an IANA time zone, such as Europe/Berlin',
      { window: { cron: '', timeZone: 'Nowhere', length: null } },
      ['window'],
    ],
    [
      'rotation_policy.window.length must be at most 24 hours',
      { window: { cron: '', timeZone: '', length: { seconds: '90000', nanos: 0 } } },
      ['window.length'],
    ],
    ['rotation_policy.max_failures must have count or percent', { maxFailures: {} }, ['max_failures']],
    ['rotation_policy.id must be a policy id: pol_ and 26 characters', { id: '' }, ['reason']],
  ])('are checked as in CreateRotationPolicy: %s', (expected, policy, paths) => {
    expect(violations(policy, paths)).toEqual([expected]);
  });

  it('are not checked if the mask does not name them', () => {
    expect(changesOf({ everyDays: -7, reason: 'audit' }, ['reason'])).toMatchObject({ reason: 'audit' });
  });
});

describe('UpdateRotationPolicy', () => {
  const spec: PolicySpec = {
    orgId: 'org_1',
    reason: '',
    everyDays: 90,
    window: { cron: '0 2 * * 1', timeZone: 'UTC', lengthMs: 3_600_000 },
    maxFailures: { percent: 5 },
  };
  const create = async (): Promise<RotationPolicy> =>
    (await fixture.policies.create(`pol_${nextUlid()}`, spec, undefined)).policy;
  const update = (id: string, policy: object, paths: string[] = []) =>
    call(fixture.services.RotationPolicyService.UpdateRotationPolicy, {
      rotationPolicy: { ...unset, id, ...policy },
      updateMask: { paths },
    });
  const failure = (promise: Promise<unknown>) =>
    promise.then(
      () => undefined,
      (error: ServiceError) => ({ code: error.code, ...readStatusDetails(error) }),
    );

  it('changes the named fields and aligns the schedule', async () => {
    const { id } = await create();
    const updated = await update(id, { window: { cron: '30 5 * * *' }, everyDays: 7 }, [
      'window.cron',
      'every_days',
    ]);
    expect(updated).toMatchObject({
      id,
      everyDays: 7,
      window: { cron: '30 5 * * *', timeZone: 'UTC', length },
      maxFailures: { percent: 5 },
    });
    const due = new Date(Number(updated.nextDueTime.seconds) * 1000);
    expect([due.getUTCHours(), due.getUTCMinutes()]).toEqual([5, 30]);
    expect(await fixture.policies.get(id)).toMatchObject({ everyDays: 7, reason: '' });
  });

  it('leaves a paused policy paused', async () => {
    const { id } = await create();
    await fixture.policies.setPaused(id, true);
    expect(await update(id, { reason: 'audit' })).toMatchObject({ paused: true, nextDueTime: null });
  });

  it('refuses a term that the stored windows do not fit, and names the policy in its errors', async () => {
    const { id } = await create();
    expect(await failure(update(id, { everyDays: 3 }))).toMatchObject({
      code: status.INVALID_ARGUMENT,
      fieldViolations: [
        { field: 'rotation_policy.window.cron', description: 'must open at least once in every_days' },
      ],
      metadata: { rotation_policy_id: id },
    });
    expect(await fixture.policies.get(id)).toMatchObject({ everyDays: 90 });
    expect(await failure(update(ID, { everyDays: 3 }))).toMatchObject({ reason: 'POLICY_NOT_FOUND' });
  });

  it('checks its changes again if another update has changed what they depend on', async () => {
    const { id } = await create();
    let reads = 0;
    const policies = {
      ...fixture.policies,
      get: async (of: string) => {
        const policy = await fixture.policies.get(of);
        reads += 1;
        // Between the first read and the write, the term becomes too short for windows of once a month.
        if (reads === 1) await fixture.policies.update(policy, { everyDays: 7 });
        return policy;
      },
    };
    const late = updatePolicy(policies, id, { window: { cron: '0 2 1 * *' } }, LOCAL_ACTOR);
    await expect(late).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(reads).toBe(2);
    expect(await fixture.policies.get(id)).toMatchObject({ everyDays: 7, window: spec.window });
  });

  it('keeps the fields of concurrent updates that name others', async () => {
    const { id } = await create();
    await Promise.all([
      update(id, { everyDays: 30 }),
      update(id, { reason: 'audit' }),
      update(id, { maxFailures: { count: 1 } }),
      update(id, { window: { cron: '', timeZone: 'Europe/Berlin', length: null } }),
    ]);
    expect(await fixture.policies.get(id)).toMatchObject({
      everyDays: 30,
      reason: 'audit',
      maxFailures: { count: 1 },
      window: { ...spec.window, timeZone: 'Europe/Berlin' },
    });
  });
});

import { describe, expect, it } from '@jest/globals';
import { status } from '@grpc/grpc-js';
import { nextUlid } from '@rekey/runtime';
import { DEFAULT_WINDOW } from '@rekey/schema';
import { call, useServices } from '../services-fixture.ts';

const fixture = useServices();

describe('ListRotationPolicies', () => {
  const spec = {
    orgId: 'org_1',
    reason: '',
    everyDays: 90,
    window: DEFAULT_WINDOW,
    maxFailures: { percent: 5 },
  };
  const create = async (orgId: string) =>
    (await fixture.policies.create(`pol_${nextUlid()}`, { ...spec, orgId }, undefined)).policy.id;
  const pages = async (filter: object, pageSize: number): Promise<string[][]> => {
    const all: string[][] = [];
    for (let pageToken = ''; ;) {
      const page = await call(fixture.services.RotationPolicyService.ListRotationPolicies, {
        orgId: '',
        ...filter,
        pageSize,
        pageToken,
      });
      all.push(page.rotationPolicies.map(({ id }: { id: string }) => id));
      if (page.nextPageToken === '') return all;
      pageToken = page.nextPageToken;
    }
  };

  it('returns pages, newest first, of all orgs or of one', async () => {
    const a = await create('org_1');
    const b = await create('org_2');
    const c = await create('org_1');
    expect(await pages({}, 2)).toEqual([[c, b], [a]]);
    expect(await pages({}, 0)).toEqual([[c, b, a]]);
    expect(await pages({ orgId: 'org_1' }, 1)).toEqual([[c], [a]]);
    expect(await pages({ orgId: 'org_3' }, 1)).toEqual([[]]);
  });

  it('refuses the token of another filter', async () => {
    await create('org_1');
    await create('org_1');
    const { nextPageToken: pageToken } = await call(
      fixture.services.RotationPolicyService.ListRotationPolicies,
      {
        orgId: 'org_1',
        pageSize: 1,
        pageToken: '',
      },
    );
    for (const request of [
      { orgId: '', pageSize: 1, pageToken },
      { orgId: 'org_1', pageSize: -1, pageToken },
    ]) {
      await expect(
        call(fixture.services.RotationPolicyService.ListRotationPolicies, request),
      ).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
    }
  });
});

import { describe, expect, it } from '@jest/globals';
import { generateKeyPairSync } from 'node:crypto';
import { call, useServices } from '../services-fixture.ts';
import { withRealOrg } from './org-names.ts';

const fixture = useServices();

describe('the name of an org', () => {
  const learn = () => fixture.alias.note('org_1', 'learned');

  it('is the real one in responses about requests under `c` from before it was known', async () => {
    const { CreateSweep, GetSweep, ListSweeps } = fixture.services.SweepService;
    const { id } = await call(CreateSweep, { orgId: 'c' });
    expect(await call(GetSweep, { id })).toMatchObject({ orgId: 'c' });
    await learn();
    expect(await call(GetSweep, { id })).toMatchObject({ orgId: 'org_1' });
    expect(await call(ListSweeps, { pageSize: 0 })).toMatchObject({ sweeps: [{ id, orgId: 'org_1' }] });
  });

  it('is the real one of requests under `c` afterwards', async () => {
    await learn();
    expect(await call(fixture.services.SweepService.CreateSweep, { orgId: 'c' })).toMatchObject({
      orgId: 'org_1',
    });
    const jwk = generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' });
    const { AddConsumer, SetConsumerOrgs, ListConsumers } = fixture.services.ConsumerService;
    expect(
      await call(AddConsumer, {
        name: 'billing',
        orgs: ['c', 'org_1', 'org_2'],
        publicJwk: JSON.stringify(jwk),
      }),
    ).toMatchObject({ orgs: ['org_1', 'org_2'] });
    expect(await call(SetConsumerOrgs, { name: 'billing', orgs: ['c'] })).toMatchObject({ orgs: ['org_1'] });
    expect(await call(ListConsumers, { pageSize: 0, pageToken: '' })).toMatchObject({
      consumers: [{ orgs: ['org_1'] }],
    });
    expect((await fixture.consumers.get('billing'))!.storedOrgs).toEqual(['org_1']);
  });

  it('is the one that the registry proves, whatever the ledger says', async () => {
    await fixture.redis.hset('{spec}:ledger', 'alias', 'org_of_another');
    const { CreateSweep } = fixture.services.SweepService;
    const before = await call(fixture.services.ConsumerService.AddConsumer, {
      name: 'billing',
      orgs: ['c'],
      publicJwk: JSON.stringify(generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' })),
    });
    expect(before).toMatchObject({ orgs: ['c'] });
    await learn();
    await fixture.redis.hset('{spec}:ledger', 'alias', 'org_of_another');
    expect(await call(CreateSweep, { orgId: 'c' })).toMatchObject({ orgId: 'org_1' });
  });

  it('is not looked up for another org', async () => {
    let lookUps = 0;
    const echo = (message: object) => withRealOrg(message, async () => `org_${(lookUps += 1)}`);
    const plain = {
      orgId: 'org_9',
      assistantId: 'c',
      reason: 'c',
      orgs: ['*'],
      list: [{ orgId: 'cc' }],
      of: { orgId: 'x' },
    };
    expect([await echo(plain), lookUps]).toEqual([plain, 0]);
    expect(
      await echo({
        orgId: 'c',
        rotations: [{ orgId: 'c', assistantId: 'c' }, { orgId: 'x' }],
        of: { orgs: ['c', '*'] },
      }),
    ).toEqual({
      orgId: 'org_1',
      rotations: [{ orgId: 'org_1', assistantId: 'c' }, { orgId: 'x' }],
      of: { orgs: ['org_1', '*'] },
    });
  });
});

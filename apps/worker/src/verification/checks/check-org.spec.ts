import { beforeEach, describe, expect, it } from '@jest/globals';
import { openEnvelope, type SharedKeys } from '@rekey/sealing';
import {
  addConsumer,
  alias,
  event,
  logged,
  publish,
  published,
  redis,
  sweepAll,
  upstream,
  useOrgAlias,
} from '../../orgs/org-alias-fixture.ts';

/* For which org a check seals a key: the one under which Invent has answered, or the one inside a record. */

useOrgAlias();
let readers: Record<'org_0' | 'org_1' | 'org_real', SharedKeys>;
beforeEach(async () => {
  upstream.add('org_0', 'ast_0', 'ast_00');
  upstream.add('org_1', 'ast_x');
  readers = {
    org_0: await addConsumer('reader-0', ['org_0']),
    org_1: await addConsumer('reader-1', ['org_1']),
    org_real: await addConsumer('reader-r', ['org_real']),
  };
  await publish('org_0', 'ast_0', 'ast_00');
});
const check = async (orgId: string) => {
  const one = await sweepAll([]);
  logged.length = 0;
  return one.check({ orgId, assistantId: 'ast_0' });
};
const readableBy = async () => {
  const { sealed } = (await event('ast_0')).data;
  return Object.entries(readers)
    .filter(([, keys]) => openEnvelope(sealed, keys) !== undefined)
    .map(([name]) => name);
};
const write = async (fields: Record<string, string | number>) => {
  await sweepAll([]);
  await redis.hset('{spec}:assistant:ast_0', fields);
};

describe('a check of an assistant whose org another client has changed in the ledger', () => {
  it.each<[string, () => void]>([
    ['refuses the API key (403)', () => upstream.forbidden.add('org_1')],
    ['has no such assistant (404)', () => {}],
    ['has it too', () => upstream.add('org_1', 'ast_0')],
  ])('seals for the org that stands inside the record, if the other one %s', async (_what, prepare) => {
    prepare();
    await write({ org: 'org_1', uncertain: 1 });
    upstream.rotate('ast_0');
    await check('org_0');
    expect((await published('ast_0'))[0]).toBe('org_0');
    expect(await readableBy()).toEqual(['org_0']);
  });

  it('seals for the org under which Invent has answered, if the record does not open', async () => {
    await write({ org: 'org_1', uncertain: 1 });
    await redis.set('{spec}:current:ast_0', 'nonsense');
    upstream.rotate('ast_0');
    await check('org_0');
    expect(await readableBy()).toEqual(['org_0']);
  });

  it('seals for the same org if it was put under `c`, whose org is known', async () => {
    await alias.note('org_real', 'learned');
    await write({ org: 'c', uncertain: 1 });
    await redis.zadd('{spec}:assistants:c', 1, 'ast_0');
    upstream.rotate('ast_0');
    await check('org_0');
    expect((await published('ast_0'))[0]).toBe('org_0');
    expect(await readableBy()).toEqual(['org_0']);
  });
});

describe('a check of an assistant that has moved', () => {
  beforeEach(() => {
    upstream.move('ast_0', 'org_0', 'org_1');
    upstream.rotate('ast_0');
  });

  it('seals for its new org', async () => {
    expect(await check('org_1')).toMatchObject({ kind: 'adopted' });
    expect(await readableBy()).toEqual(['org_1']);
  });

  it('publishes nothing while it cannot find out whether the old org has it, and is repeated', async () => {
    const { check: again } = await sweepAll([]);
    const before = await redis.get('{spec}:current:ast_0');
    upstream.forbidden.add('org_0');
    expect(await again({ orgId: 'org_1', assistantId: 'ast_0' })).toMatchObject({ kind: 'unreadable' });
    expect(await redis.get('{spec}:current:ast_0')).toBe(before);
    upstream.forbidden.clear();
    expect(await again({ orgId: 'org_1', assistantId: 'ast_0' })).toMatchObject({ kind: 'adopted' });
    expect(await readableBy()).toEqual(['org_1']);
  });
});

describe('the org of `c`', () => {
  it('is not what another client has noted in the ledger, before it is known', async () => {
    await redis.hset('{spec}:ledger', 'alias', 'org_1');
    expect((await alias.read()).known).toBeUndefined();
    await publish('c', 'ast_1');
    expect(openEnvelope((await event('ast_1')).data.sealed, readers.org_1)).toBeUndefined();
    expect(await alias.note('org_real', 'learned')).toEqual({ kind: 'noted' });
    expect(await redis.hget('{spec}:ledger', 'alias')).toBe('org_real');
  });

  it('is not changed by another client, after it is known', async () => {
    await alias.note('org_real', 'learned');
    await redis.hset('{spec}:ledger', 'alias', 'org_1');
    expect((await alias.read()).known).toMatchObject({ orgId: 'org_real', isAltered: true });
    await alias.note('org_real', 'learned');
    expect(await redis.hget('{spec}:ledger', 'alias')).toBe('org_real');
    expect(await alias.note('org_1', 'learned')).toMatchObject({ kind: 'contradicts' });
  });
});

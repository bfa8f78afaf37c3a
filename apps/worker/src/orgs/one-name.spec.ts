import { describe, expect, it } from '@jest/globals';
import { openEnvelope } from '@rekey/sealing';
import {
  redis,
  addConsumer,
  event,
  alias,
  upstream,
  keeper,
  publish,
  names,
  published,
  makeChecks,
  sweepAll,
  useOrgAlias,
} from './org-alias-fixture.ts';

useOrgAlias();

describe('drift', () => {
  it('found by a sweep under `c` is published under the last org of the assistant', async () => {
    await publish('org_real', 'ast_1');
    upstream.rotate('ast_1');
    await sweepAll();
    expect(await published('ast_1')).toEqual(['org_real', 'drift', 'sk_ast_1_1']);
    expect(await published('ast_2')).toEqual(['c', 'import', 'sk_ast_2_0']);
  });

  it('found by a check under another name of the org is published under the last org too', async () => {
    await publish('c', 'ast_1');
    upstream.rotate('ast_1');
    const { check } = await sweepAll();
    await publish('org_real', 'ast_2');
    upstream.rotate('ast_1');
    expect((await check({ orgId: 'org_real', assistantId: 'ast_1' })).kind).toBe('adopted');
    expect(await published('ast_1')).toEqual(['c', 'drift', 'sk_ast_1_2']);
  });

  it('is published under the one name once it is known, by sweeps that use that name', async () => {
    await publish('c', 'ast_1', 'ast_2', 'ast_3');
    await alias.note('org_real', 'learned');
    await keeper.round();
    await makeChecks();
    upstream.rotate('ast_2');
    upstream.requests.length = 0;
    const { counts } = await sweepAll();
    expect(counts).toMatchObject({ compared: 3, agreed: 2, adopted: 1, requests: 2 });
    expect(upstream.requests).toEqual(['LIST org_real', 'GET org_real/ast_2']);
    expect(await published('ast_2')).toEqual(['org_real', 'drift', 'sk_ast_2_1']);
  });

  it('under an API key of another org adopts nothing, because requests use the real name', async () => {
    await publish('c', 'ast_1', 'ast_2', 'ast_3');
    await alias.note('org_real', 'learned');
    await keeper.round();
    upstream.alias = 'org_other';
    upstream.forbidden.add('org_real');
    await expect(sweepAll()).rejects.toThrow('UPSTREAM_FORBIDDEN');
    expect(await redis.exists('{spec}:current:ast_o1')).toBe(0);
  });
});

describe('the org that the ledger names for an assistant', () => {
  it.each<[what: string, damage: () => Promise<unknown>]>([
    ['is not what its record says', async () => {}],
    ['has no record', () => redis.del('{spec}:current:ast_o1')],
    [
      'has the record of another assistant',
      async () => redis.copy('{spec}:current:ast_1', '{spec}:current:ast_o1', 'REPLACE'),
    ],
  ])('is not believed if it %s: the key is published where Invent answered', async (_what, damage) => {
    await publish('org_real', 'ast_1');
    await publish('org_other', 'ast_o1');
    const { check } = await sweepAll(['org_real', 'org_other']);
    await redis.hset('{spec}:assistant:ast_o1', 'org', 'org_real');
    await damage();
    // Invent says nothing of the org that is named.
    upstream.forbidden.add('org_real');
    upstream.rotate('ast_o1');
    const thief = await addConsumer('thief', ['org_real']);
    await check({ orgId: 'org_other', assistantId: 'ast_o1' });
    expect(await published('ast_o1')).toEqual(['org_other', 'drift', 'sk_ast_o1_1']);
    expect(await redis.hget('{spec}:assistant:ast_o1', 'org')).toBe('org_other');
    expect(openEnvelope((await event('ast_o1')).data.sealed, thief)).toBeUndefined();
  });
});

describe('an entry that names another org than its record', () => {
  it('is corrected by the next check, although the key agrees', async () => {
    await publish('org_real', 'ast_1');
    await publish('org_other', 'ast_o1');
    const { check } = await sweepAll(['org_real', 'org_other']);
    await redis.hset('{spec}:assistant:ast_o1', 'org', 'org_real');
    expect((await check({ orgId: 'org_other', assistantId: 'ast_o1' })).kind).toBe('adopted');
    expect(await published('ast_o1')).toEqual(['org_other', 'reconciliation', 'sk_ast_o1_0']);
    expect(await redis.hget('{spec}:assistant:ast_o1', 'org')).toBe('org_other');
  });
});

describe('an assistant that moved to another org at Invent', () => {
  it('is published there, with its key or with a new one, when that org is swept', async () => {
    await publish('org_real', 'ast_1', 'ast_2', 'ast_3');
    await publish('org_other', 'ast_o1');
    upstream.move('ast_1', 'org_real', 'org_other');
    upstream.move('ast_2', 'org_real', 'org_other');
    upstream.rotate('ast_2');
    await sweepAll(['org_other', 'org_real']);
    expect(await published('ast_1')).toEqual(['org_other', 'reconciliation', 'sk_ast_1_0']);
    expect(await published('ast_2')).toEqual(['org_other', 'drift', 'sk_ast_2_1']);
    expect(await published('ast_3')).toEqual(['org_real', 'import', 'sk_ast_3_0']);
    expect((await redis.zrange('{spec}:assistants:org_other', '0', '-1')).toSorted()).toEqual([
      'ast_1',
      'ast_2',
      'ast_o1',
    ]);
  });

  it('has not moved if its previous org still has it', async () => {
    await publish('org_real', 'ast_1', 'ast_2', 'ast_3');
    upstream.add('org_other', 'ast_1');
    upstream.rotate('ast_1');
    await sweepAll(['org_other', 'org_real']);
    expect(await published('ast_1')).toEqual(['org_real', 'drift', 'sk_ast_1_1']);
    upstream.requests.length = 0;
    await sweepAll(['org_other', 'org_real']);
    expect(await published('ast_1')).toEqual(['org_real', 'drift', 'sk_ast_1_1']);
  });

  it('costs few requests a sweep, however many assistants of another org a list shows', async () => {
    const ids = names(150);
    upstream.add('org_real', ...ids);
    await publish('org_real', ...ids);
    upstream.add('org_other', ...ids);
    upstream.requests.length = 0;
    await sweepAll(['org_other', 'org_real']);
    // Two requests for each of twenty, and a small sample that the sweep reads.
    expect(upstream.requests.filter((request) => request.startsWith('GET')).length).toBeLessThanOrEqual(50);
  });
});

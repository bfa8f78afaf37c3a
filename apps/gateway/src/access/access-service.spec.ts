import { beforeEach, describe, expect, it } from '@jest/globals';
import { digestOfToken, isTokenText, rightsOf, type Role } from '@rekey/access';
import type { AccessToken } from '@rekey/ledger';
import { call, useServices } from '../services-fixture.ts';
import type { Access } from './guard-calls.ts';
import { grantOfToken } from './token-grant.ts';

const fixture = useServices();
const service = () => fixture.services.AccessService;

const BINDINGS = [
  { principals: ['uri:boss'], role: 'admin' as const, orgs: ['*'] },
  { principals: ['uri:anna'], role: 'admin' as const, orgs: ['org_1', 'org_2'] },
  { principals: ['uri:anna'], role: 'operator' as const, orgs: ['org_3'] },
  { principals: ['token:bound'], role: 'operator' as const, orgs: ['org_9'] },
];

/** Callers as an access file with these bindings knows them. */
const as = (name: string, token?: AccessToken): void => {
  const rights = (names: ReadonlySet<string>, own?: AccessToken) =>
    rightsOf({ bindings: BINDINGS }, names, own && grantOfToken(own));
  const names = new Set([name]);
  const caller = { name, names, expiresMs: token?.expiresMs ?? Infinity, ...(token && { token }) };
  fixture.access = {
    admit: () => ({ caller, rights: () => rights(names, token) }),
    guard: () => undefined,
    rightsOf: rights,
    close: () => {},
  } satisfies Access;
};
beforeEach(() => as('uri:boss'));

const DAY_S = 86_400;
const create = (tokenName: string, role: Role, orgs: string[], days = 90) =>
  call(service().CreateToken, { tokenName, role, orgs, ttl: { seconds: days * DAY_S, nanos: 0 } });
const names = async (request: object = {}): Promise<string[]> => {
  const { tokens } = await call(service().ListTokens, { pageSize: 0, pageToken: '', ...request });
  return tokens.map(({ name }: { name: string }) => name);
};

describe('CreateToken', () => {
  it('returns a secret of which Redis has a digest, and says who asked for it', async () => {
    const { token, secret } = await create('nightly', 'rotator', ['org_1']);
    expect(isTokenText(secret)).toBe(true);
    expect(token).toMatchObject({
      name: 'nightly',
      role: 'rotator',
      orgs: ['org_1'],
      requestedBy: 'uri:boss',
    });
    expect(token.expireTime.seconds - token.createTime.seconds).toBeGreaterThan(90 * DAY_S - 2);
    const stored = await fixture.redis.get('{spec}:registry');
    expect(stored).toContain(digestOfToken(secret));
    expect(stored).not.toContain(secret.slice(6, 20));
    expect(fixture.tokens.find(digestOfToken(secret))).toMatchObject({ name: 'nightly' });
  });

  it.each<[string, string, Role, string[]]>([
    ['an org that the caller has no role in', 'x', 'viewer', ['org_8']],
    ['every org', 'x', 'viewer', ['*']],
    ['an org in which the caller may create no token', 'x', 'viewer', ['org_3']],
    ['a name to which a binding gives more', 'bound', 'viewer', ['org_1']],
  ])('gives nobody more than the caller has: %s', async (_, name, role, orgs) => {
    as('uri:anna');
    await expect(create(name, role, orgs)).rejects.toMatchObject({ code: 7 });
    await create('y', 'admin', ['org_1', 'org_2']);
    expect(await names()).toEqual(['y']);
  });

  it('makes none that outlasts the token of its caller', async () => {
    await create('short', 'admin', ['*'], 1);
    as('token:short', fixture.tokens.get('short'));
    await expect(create('long', 'viewer', ['org_1'], 2)).rejects.toMatchObject({ code: 3 });
    await create('shorter', 'viewer', ['org_1'], 0.5);
  });

  it.each<[string, object]>([
    ['a name like __proto__', { tokenName: '__proto__' }],
    ['a name with a newline', { tokenName: 'a\nb' }],
    ['a long name', { tokenName: 'a'.repeat(64) }],
    ['an unknown role', { role: 'root' }],
    ['a role like constructor', { role: 'constructor' }],
    ['no org', { orgs: [] }],
    ['an org that is empty', { orgs: [''] }],
    ['* beside an org', { orgs: ['*', 'org_1'] }],
    ['51 orgs', { orgs: Array.from({ length: 51 }, (_, i) => `org_${i}`) }],
    ['no ttl', { ttl: null }],
    ['a ttl of nothing', { ttl: { seconds: 0, nanos: 0 } }],
    ['a ttl of a year and two days', { ttl: { seconds: 367 * DAY_S, nanos: 0 } }],
  ])('refuses %s', async (_, fields) => {
    const request = { tokenName: 'a', role: 'viewer', orgs: ['org_1'], ttl: { seconds: 60, nanos: 0 } };
    await expect(call(service().CreateToken, { ...request, ...fields })).rejects.toMatchObject({ code: 3 });
    expect(fixture.tokens.list()).toEqual([]);
  });
});

describe('a list of tokens, and a revocation', () => {
  beforeEach(async () => {
    await create('of-all', 'viewer', ['*']);
    await create('of-one', 'viewer', ['org_1']);
    await create('of-three', 'viewer', ['org_1', 'org_3']);
    await create('of-two', 'viewer', ['org_1', 'org_2']);
  });

  it('shows those of which the caller may see every org, a page at a time', async () => {
    const page = await call(service().ListTokens, { pageSize: 3, pageToken: '' });
    expect(page.tokens).toHaveLength(3);
    expect(await names({ pageToken: page.nextPageToken })).toEqual(['of-two']);
    expect(JSON.stringify(page)).not.toContain('sha256');
    as('uri:anna');
    expect(await names()).toEqual(['of-one', 'of-two']);
  });

  it('is refused for others as if there were none', async () => {
    as('uri:anna');
    for (const tokenName of ['of-all', 'of-three', 'nothing'])
      await expect(call(service().RevokeToken, { tokenName })).rejects.toMatchObject({ code: 5 });
    await call(service().RevokeToken, { tokenName: 'of-one' });
    expect(await names()).toEqual(['of-two']);
  });

  it('says when each was used', async () => {
    await fixture.tokens.noteUse('of-one', 60_000);
    const { tokens } = await call(service().ListTokens, { pageSize: 0, pageToken: '' });
    expect(tokens.map(({ lastUseTime }: any) => lastUseTime?.seconds)).toEqual([
      undefined,
      '60',
      undefined,
      undefined,
    ]);
  });
});

describe('WhoAmI and CheckAccess', () => {
  const check = (request: object) =>
    call(service().CheckAccess, { permission: 'rotations.create', orgId: '', principal: '', ...request });

  it('answers everybody who is known, and names what gives a role', async () => {
    as('uri:nobody');
    expect(await call(service().WhoAmI, {})).toMatchObject({ principal: 'uri:nobody', grants: [] });
    as('uri:anna');
    expect((await call(service().WhoAmI, {})).grants).toMatchObject([
      { role: 'admin', orgs: ['org_1', 'org_2'], source: 'binding 2 of the access file' },
      { role: 'operator', orgs: ['org_3'] },
    ]);
  });

  it('says what gives a permission, or what lacks', async () => {
    as('uri:anna');
    expect(await check({ permission: 'consumers.create', orgId: 'org_1' })).toMatchObject({
      allowed: true,
      grants: [{ role: 'admin' }],
      weakestRole: 'admin',
    });
    const refused = await check({ permission: 'consumers.create', orgId: 'org_3' });
    expect(refused).toMatchObject({ allowed: false, grants: [] });
    expect(refused.otherGrants).toHaveLength(2);
    expect(await check({ permission: 'access.self' })).toMatchObject({ allowed: true });
    expect(await check({})).toMatchObject({ allowed: false });
  });

  it('about another one, answers whoever may see that org, and shows no other', async () => {
    await create('nightly', 'rotator', ['org_1', 'org_8']);
    as('uri:anna');
    const found = await check({ orgId: 'org_1', principal: 'token:nightly' });
    expect(found).toMatchObject({ allowed: true, grants: [{ source: 'the token itself', orgs: ['org_1'] }] });
    const lacking = await check({ orgId: 'org_2', principal: 'token:nightly' });
    expect(lacking).toMatchObject({ allowed: false, otherGrants: [{ orgs: ['org_1'] }] });
    expect(await check({ orgId: 'org_1', principal: 'uri:boss' })).toMatchObject({
      grants: [{ orgs: ['org_1'] }],
    });
    await expect(check({ orgId: 'org_3', principal: 'uri:boss' })).rejects.toMatchObject({ code: 7 });
    await expect(check({ principal: 'uri:boss' })).rejects.toMatchObject({ code: 7 });
    as('uri:nobody');
    await expect(check({ orgId: 'org_1', principal: 'uri:boss' })).rejects.toMatchObject({ code: 7 });
  });

  it.each([
    { permission: '__proto__' },
    { permission: 'constructor' },
    { principal: 'boss' },
    { principal: 'a\nb' },
  ])('refuses %j', async (request) => {
    await expect(check(request)).rejects.toMatchObject({ code: 3 });
  });
});

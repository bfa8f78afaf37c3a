import { describe, expect, it } from '@jest/globals';
import { permissions, ROLES, type Permission, type Role } from './permissions.ts';
import { ALL_RIGHTS, lackingOf, rightsOf, roleAllows } from './rights.ts';

const rightsIn = (role: Role, ...orgs: string[]) =>
  rightsOf({ bindings: [{ principals: ['uri:a'], role, orgs }] }, new Set(['uri:a']));

describe('what a caller may give', () => {
  it.each<[string, Role, string[], Role, string[], boolean]>([
    ['its own role in its own org', 'admin', ['org_1'], 'admin', ['org_1'], true],
    ['a weaker role', 'admin', ['org_1', 'org_2'], 'viewer', ['org_2'], true],
    ['every role to whoever has every org', 'admin', ['*'], 'admin', ['*'], true],
    ['another org', 'admin', ['org_1'], 'viewer', ['org_2'], false],
    ['one org more', 'admin', ['org_1'], 'viewer', ['org_1', 'org_2'], false],
    ['every org', 'admin', ['org_1'], 'viewer', ['*'], false],
    ['a stronger role', 'operator', ['*'], 'admin', ['org_1'], false],
  ])('%s', (_, role, orgs, given, in_, allowed) => {
    expect(lackingOf(rightsIn(role, ...orgs), { role: given, orgs: in_ }) === undefined).toBe(allowed);
  });

  it('is what two bindings give together', () => {
    const bindings = [
      { principals: ['uri:a'], role: 'admin' as const, orgs: ['org_1'] },
      { principals: ['uri:a'], role: 'viewer' as const, orgs: ['*'] },
    ];
    const rights = rightsOf({ bindings }, new Set(['uri:a']));
    expect(lackingOf(rights, { role: 'viewer', orgs: ['org_9'] })).toBeUndefined();
    expect(lackingOf(rights, { role: 'rotator', orgs: ['org_1', 'org_9'] })).toMatchObject({
      orgId: 'org_9',
    });
  });

  it('is everything without an access file', () => {
    for (const role of ROLES) expect(lackingOf(ALL_RIGHTS, { role, orgs: ['*'] })).toBeUndefined();
  });
});

describe('rights', () => {
  it('say what gives them: bindings by their place in the file, and a token itself', () => {
    const bindings = [
      { principals: ['uri:b'], role: 'admin' as const, orgs: ['*'] },
      { principals: ['token:nightly'], role: 'viewer' as const, orgs: ['org_2'] },
    ];
    const own = [{ principal: 'token:nightly', role: 'rotator' as const, orgs: ['org_1'], source: 'itself' }];
    const rights = rightsOf({ bindings }, new Set(['token:nightly']), own);
    expect(rights.grants).toEqual([
      own[0],
      { principal: 'token:nightly', role: 'viewer', orgs: ['org_2'], source: 'binding 2 of the access file' },
    ]);
    expect(rights.allows('rotations.create', 'org_1')).toBe(true);
    expect(rights.allows('rotations.create', 'org_2')).toBe(false);
    expect(rights.allows('rotations.read', 'org_2')).toBe(true);
  });

  it('are the same however often and in whatever order they are asked for', () => {
    const bindings = [
      { principals: ['uri:a'], role: 'operator' as const, orgs: ['org_1'] },
      { principals: ['uri:a'], role: 'consumer:signer' as const, orgs: ['*'] },
    ];
    const fresh = () => rightsOf({ bindings }, new Set(['uri:a']));
    const all = Object.keys(permissions) as Permission[];
    const answersOf = (of: () => ReturnType<typeof fresh>, permission: Permission) => [
      of().allowsSomewhere(permission),
      of().allowsEverywhere(permission),
      of().allows(permission, 'org_1'),
      of().allows(permission, 'org_2'),
      of().allowsAs(permission, 'signer'),
      of().allowsAs(permission, 'other'),
    ];
    const asked = fresh();
    for (const permission of [...all, ...all.toReversed()])
      expect(answersOf(() => asked, permission)).toEqual(answersOf(fresh, permission));
    expect(new Set(all.map((permission) => String(answersOf(fresh, permission)))).size).toBeGreaterThan(2);
  });

  it('of everyone belong to a caller that nothing names', () => {
    const rights = rightsOf({ bindings: [] }, new Set(['uri:nobody']));
    expect(rights.grants).toEqual([]);
    for (const permission of Object.keys(permissions) as Permission[])
      expect(rights.allowsSomewhere(permission)).toBe(permissions[permission].role === 'everyone');
  });

  it('of a role include those of the roles before it', () => {
    const ofRole = (role: Role) =>
      (Object.keys(permissions) as Permission[]).filter((permission) => roleAllows(role, permission));
    expect(ofRole('admin')).toEqual(Object.keys(permissions));
    expect(ofRole('viewer')).not.toContain('tokens.read');
  });
});

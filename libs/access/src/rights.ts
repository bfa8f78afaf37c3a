import type { AccessFile } from './access-file.ts';
import { consumerOfRole, permissions, permissionsOf, type Permission, type Role } from './permissions.ts';

/** A role in some orgs, and what gives it to whom. */
export interface Grant {
  /** The name of the caller, or of a group of it. */
  principal: string;
  role: Role;
  /** `*` for every org. */
  orgs: readonly string[];
  /** In a few words: a binding of the access file, or the token itself. */
  source: string;
}

/** What one caller may do. */
export interface Rights {
  /** In this org. */
  allows(permission: Permission, orgId: string): boolean;
  /** In at least one org. */
  allowsSomewhere(permission: Permission): boolean;
  /** In every org, also those that nobody has named yet. */
  allowsEverywhere(permission: Permission): boolean;
  /** Whether the caller may do this as the consumer of this name, whatever the orgs of that consumer. */
  allowsAs(permission: Permission, consumer: string): boolean;
  /** What gives them. */
  readonly grants: readonly Grant[];
}

const EVERY_ORG = '*';

const isForEverybody = (permission: Permission): boolean => permissions[permission].role === 'everyone';

/** Whether a role has a permission. */
export const roleAllows = (role: Role, permission: Permission): boolean =>
  isForEverybody(permission) || permissionsOf(role).has(permission);

/** Of whoever needs no right: without an access file. */
export const ALL_RIGHTS: Rights = {
  allows: () => true,
  allowsSomewhere: () => true,
  allowsEverywhere: () => true,
  allowsAs: () => true,
  grants: [
    { principal: 'local', role: 'admin', orgs: [EVERY_ORG], source: 'the gateway has no access file' },
  ],
};

/** Whether these orgs include an org; `*` only if they are all. */
export const includesOrg = (orgs: readonly string[], orgId: string): boolean =>
  orgs.includes(EVERY_ORG) || orgs.includes(orgId);

/** Computes the grants of each permission once: each call asks several times. */
const byPermission = (
  grantsOf: (permission: Permission) => readonly Grant[],
): ((permission: Permission) => readonly Grant[]) => {
  const known = new Map<Permission, readonly Grant[]>();
  return (permission) => {
    const grants = known.get(permission) ?? grantsOf(permission);
    if (!known.has(permission)) known.set(permission, grants);
    return grants;
  };
};

const rightsBy = (grants: readonly Grant[]): Rights => {
  const granting = byPermission((permission) => grants.filter(({ role }) => roleAllows(role, permission)));
  /** What a role gives in orgs: that of a consumer gives nothing there. */
  const inOrgs = byPermission((permission) =>
    granting(permission).filter(({ role }) => consumerOfRole(role) === undefined),
  );
  return {
    allows: (permission, orgId) =>
      isForEverybody(permission) || inOrgs(permission).some(({ orgs }) => includesOrg(orgs, orgId)),
    allowsSomewhere: (permission) => isForEverybody(permission) || granting(permission).length > 0,
    allowsEverywhere: (permission) =>
      isForEverybody(permission) || inOrgs(permission).some(({ orgs }) => orgs.includes(EVERY_ORG)),
    allowsAs: (permission, consumer) =>
      granting(permission).some(({ role }) => consumerOfRole(role) === consumer),
    grants,
  };
};

/**
 * The rights of a caller with these names: those of each binding that has one of them, together, and those
 * that a token has of its own.
 */
export const rightsOf = (
  { bindings }: Pick<AccessFile, 'bindings'>,
  names: ReadonlySet<string>,
  own: readonly Grant[] = [],
): Rights => {
  const bound = bindings.flatMap(({ principals, role, orgs }, i): Grant[] => {
    const principal = principals.find((name) => names.has(name));
    const source = `binding ${i + 1} of the access file`;
    return principal === undefined ? [] : [{ principal, role, orgs, source }];
  });
  return rightsBy([...own, ...bound]);
};

/**
 * The first permission that these rights lack of a role in some orgs, with the org: nobody gives more than
 * they have.
 */
export const lackingOf = (
  rights: Rights,
  { role, orgs }: Pick<Grant, 'role' | 'orgs'>,
): { permission: Permission; orgId: string } | undefined => {
  for (const permission of Object.keys(permissions) as Permission[]) {
    if (!roleAllows(role, permission)) continue;
    const orgId = orgs.find((org) =>
      org === EVERY_ORG ? !rights.allowsEverywhere(permission) : !rights.allows(permission, org),
    );
    if (orgId !== undefined) return { permission, orgId };
  }
  return undefined;
};

import type { AccessFile } from './access-file.ts';
import { permissionsOf, type Permission } from './permissions.ts';

/** What one caller may do. */
export interface Rights {
  /** In this org. */
  allows(permission: Permission, orgId: string): boolean;
  /** In at least one org. */
  allowsSomewhere(permission: Permission): boolean;
  /** In every org, also those that nobody has named yet. */
  allowsEverywhere(permission: Permission): boolean;
}

/** Of whoever needs no right: without an access file. */
export const ALL_RIGHTS: Rights = {
  allows: () => true,
  allowsSomewhere: () => true,
  allowsEverywhere: () => true,
};

const EVERY_ORG = '*';

/** The rights of a caller with these names: those of each binding that has one of them, together. */
export const rightsOf = ({ bindings }: Pick<AccessFile, 'bindings'>, names: ReadonlySet<string>): Rights => {
  const grants = bindings
    .filter(({ principals }) => principals.some((name) => names.has(name)))
    .map(({ role, orgs }) => ({ permitted: permissionsOf(role), orgs: new Set(orgs) }));
  const granting = (permission: Permission) => grants.filter(({ permitted }) => permitted.has(permission));
  return {
    allows: (permission, orgId) =>
      granting(permission).some(({ orgs }) => orgs.has(EVERY_ORG) || orgs.has(orgId)),
    allowsSomewhere: (permission) => granting(permission).length > 0,
    allowsEverywhere: (permission) => granting(permission).some(({ orgs }) => orgs.has(EVERY_ORG)),
  };
};

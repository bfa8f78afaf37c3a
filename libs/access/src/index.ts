/** Who may do what: the access file, its principals, roles and permissions. */
export { AccessFileError, parseAccessFile, type IssuerConfig } from './access-file.ts';
export { RANKED_ROLES, ROLES, permissions, rolesWith, type Permission, type Role } from './permissions.ts';
export { isPrincipalName, principalNames } from './principals.ts';
export { ALL_RIGHTS, rightsOf, type Rights } from './rights.ts';

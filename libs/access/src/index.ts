/** Who may do what: the access file, its principals, roles and permissions. */
export { AccessFileError, parseAccessFile, type AccessFile, type IssuerConfig } from './access-file.ts';
export {
  RANKED_ROLES,
  ROLES,
  ROLES_IN_WORDS,
  consumerOfRole,
  isRole,
  permissions,
  rolesWith,
  type Permission,
  type Role,
} from './permissions.ts';
export { bindablePrincipal, isPrincipalName, principalNames } from './principals.ts';
export {
  ALL_RIGHTS,
  includesOrg,
  lackingOf,
  rightsOf,
  roleAllows,
  type Grant,
  type Rights,
} from './rights.ts';
export { digestOfToken, isTokenLike, isTokenText, makeToken } from './token-text.ts';

import { ROLES, principalNames, type Grant, type Role } from '@rekey/access';
import type { AccessToken } from '@rekey/ledger';

const isRole = (role: string): role is Role => (ROLES as readonly string[]).includes(role);

/** The rights that a token has of its own; none for a role that only a later version knows. */
export const grantOfToken = ({ name, role, orgs }: AccessToken): Grant[] =>
  isRole(role) ? [{ principal: principalNames.token(name), role, orgs, source: 'the token itself' }] : [];

import { isRole, principalNames, type Grant } from '@rekey/access';
import type { AccessToken } from '@rekey/ledger';

/** The rights that a token has of its own; none for a role that only a later version knows. */
export const grantOfToken = ({ name, role, orgs }: AccessToken): Grant[] =>
  isRole(role) ? [{ principal: principalNames.token(name), role, orgs, source: 'the token itself' }] : [];

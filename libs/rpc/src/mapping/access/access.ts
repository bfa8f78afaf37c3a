import type { AccessGrant } from '../../generated/rekey/v1/AccessGrant.ts';
import type { AccessToken } from '../../generated/rekey/v1/AccessToken.ts';
import { timestamp } from '../fields.ts';

interface Token {
  name: string;
  role: string;
  orgs: readonly string[];
  requestedBy: string;
  createdMs: number;
  expiresMs: number;
}

/** An access token as the contract shows it: without its digest. */
export const toProtoToken = (
  { name, role, orgs, requestedBy, createdMs, expiresMs }: Token,
  lastUsedMs?: number,
): AccessToken => ({
  name,
  role,
  orgs: [...orgs],
  requestedBy,
  createTime: timestamp(createdMs),
  expireTime: timestamp(expiresMs),
  lastUseTime: timestamp(lastUsedMs),
});

interface Grant {
  principal: string;
  role: string;
  orgs: readonly string[];
  source: string;
}

export const toProtoGrant = ({ principal, role, orgs, source }: Grant): AccessGrant => ({
  principal,
  role,
  orgs: [...orgs],
  source,
});

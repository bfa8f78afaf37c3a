import type { ResponseOf } from '../connection/transport.ts';
import { date, setDate, text, withoutUnset } from './values.ts';

/** An access token that Rekey has made, without its secret. */
export interface AccessToken {
  /** Its caller is the principal `token:NAME`. */
  name: string;
  role: string;
  /** `*` for all. */
  orgs: string[];
  /** The principal that had it made. */
  requestedBy: string;
  createTime: Date;
  expireTime: Date;
  /** To a minute; not set if it was not used. Nothing proves it. */
  lastUseTime?: Date;
}

/** A role in some orgs, and what gives it to whom. */
export interface AccessGrant {
  principal: string;
  role: string;
  /** `*` for all. */
  orgs: string[];
  /** In a few words: a binding of the access file, or the token itself. */
  source: string;
}

/** Who calls, by what the call has shown. */
export interface Identity {
  principal: string;
  /** All names that bindings can know it by. */
  names: string[];
  /** The name in the token that it has sent beside its certificate. */
  also?: string;
  grants: AccessGrant[];
  /** When its token expires. */
  expireTime?: Date;
}

/** Whether somebody may do something, and why. */
export interface AccessCheck {
  allowed: boolean;
  /** What gives the permission. */
  grants: AccessGrant[];
  /** What else the principal has: in other orgs, or without the permission. */
  otherGrants: AccessGrant[];
  /** The weakest role that has the permission; `everyone` if each known caller has it. */
  weakestRole: string;
}

type Proto<Method extends 'CreateToken' | 'WhoAmI' | 'CheckAccess'> = ResponseOf<'AccessService', Method>;
type ProtoToken = NonNullable<Proto<'CreateToken'>['token']>;
type ProtoGrant = Proto<'WhoAmI'>['grants'][number];

export const toAccessToken = (token: ProtoToken): AccessToken =>
  withoutUnset<AccessToken>({
    name: token.name,
    role: token.role,
    orgs: token.orgs,
    requestedBy: token.requestedBy,
    createTime: setDate(token.createTime),
    expireTime: setDate(token.expireTime),
    lastUseTime: date(token.lastUseTime),
  });

const toGrant = ({ principal, role, orgs, source }: ProtoGrant): AccessGrant => ({
  principal,
  role,
  orgs,
  source,
});

export const toIdentity = ({ principal, names, also, grants, expireTime }: Proto<'WhoAmI'>): Identity =>
  withoutUnset<Identity>({
    principal,
    names,
    also: text(also),
    grants: grants.map(toGrant),
    expireTime: date(expireTime),
  });

export const toAccessCheck = ({
  allowed,
  grants,
  otherGrants,
  weakestRole,
}: Proto<'CheckAccess'>): AccessCheck => ({
  allowed,
  grants: grants.map(toGrant),
  otherGrants: otherGrants.map(toGrant),
  weakestRole,
});

import {
  digestOfToken,
  includesOrg,
  lackingOf,
  makeToken,
  permissions,
  principalNames,
  roleAllows,
  type Grant,
  type Permission,
  type Rights,
} from '@rekey/access';
import type { AccessToken, Tokens } from '@rekey/ledger';
import { toProtoGrant, toProtoToken } from '@rekey/rpc';
import { RekeyError, TokenName } from '@rekey/schema';
import type { z } from 'zod';
import { notPermitted } from '../pipeline/authorize.ts';
import { defineRpc, type RpcContext, type RpcTable } from '../pipeline/rpc.ts';
import { Empty } from '../requests/fields.ts';
import { makePageToken, readPageToken } from '../requests/page-token.ts';
import { pageOf } from '../requests/pages.ts';
import { violation } from '../requests/parse-request.ts';
import { ByTokenName, CheckAccess, CreateToken, ListTokens } from './access-requests.ts';
import type { Access } from './guard-calls.ts';

export interface AccessServiceDeps {
  tokens: Tokens;
  access: Pick<Access, 'rightsOf'>;
  registry: { look(): Promise<unknown>; requireTrusted(): void };
}

/** Stands for the filter of this list, which has none: its page tokens are refused by other lists. */
const ALL = { list: 'tokens' };

/** Nobody gives more than they have: neither by the token, nor by bindings that name it already. */
const refuseMore = (rights: Rights, given: readonly Pick<Grant, 'role' | 'orgs'>[]): void => {
  for (const grant of given) {
    const lacking = lackingOf(rights, grant);
    if (lacking === undefined) continue;
    throw notPermitted(lacking.permission, lacking.orgId === '*' ? [] : [lacking.orgId]);
  }
};

const createTokens = ({ tokens, access, registry }: AccessServiceDeps) => {
  const read = async (): Promise<void> => {
    await registry.look();
    registry.requireTrusted();
  };
  const find = async (name: string): Promise<AccessToken> => {
    await read();
    const token = tokens.get(name);
    if (token === undefined) throw new RekeyError('TOKEN_NOT_FOUND');
    return token;
  };
  const create = async (
    { tokenName, role, orgs, ttl }: z.output<typeof CreateToken>,
    { caller, rights, actor }: Pick<RpcContext, 'caller' | 'rights' | 'actor'>,
  ) => {
    const bound = access.rightsOf(new Set([principalNames.token(tokenName)])).grants;
    refuseMore(rights(), [{ role, orgs }, ...bound]);
    const createdMs = Date.now();
    const expiresMs = Math.floor((createdMs + ttl) / 1000) * 1000;
    if (caller.token !== undefined && expiresMs > caller.token.expiresMs)
      throw violation('ttl', 'must not outlast the token of the caller');
    const secret = makeToken();
    const fields = {
      sha256: digestOfToken(secret),
      role,
      orgs: [...new Set(orgs)].toSorted(),
      requestedBy: caller.name,
      createdMs,
      expiresMs,
    };
    const token = await tokens.create(tokenName, fields, actor);
    return { token, secret };
  };
  return { read, find, create };
};

/** The grants that give a permission, and the other grants of the same caller. */
const explain = ({ grants }: Rights, permission: Permission, orgId: string | undefined) => {
  const gives = ({ role, orgs }: Grant): boolean =>
    roleAllows(role, permission) && (orgId === undefined ? orgs.includes('*') : includesOrg(orgs, orgId));
  return { grants: grants.filter(gives), others: grants.filter((one) => !gives(one)) };
};

/** The grants of another principal that a caller may see: those in orgs that it may see. */
const visible = (grants: readonly Grant[], rights: Rights): Grant[] =>
  grants.flatMap((grant) => {
    const orgs = grant.orgs.filter((org) =>
      org === '*' ? rights.allowsEverywhere('access.read') : rights.allows('access.read', org),
    );
    return orgs.length === 0 ? [] : [{ ...grant, orgs }];
  });

const checkAccess =
  ({ tokens, access }: AccessServiceDeps) =>
  (
    { permission, orgId, principal }: z.output<typeof CheckAccess>,
    { caller, rights }: Pick<RpcContext, 'caller' | 'rights'>,
  ) => {
    const own = rights();
    const isSelf = principal === undefined || principal === caller.name;
    if (
      !isSelf &&
      !(orgId === undefined ? own.allowsEverywhere('access.read') : own.allows('access.read', orgId))
    )
      throw notPermitted('access.read', orgId === undefined ? [] : [orgId]);
    const name = principal?.startsWith('token:') ? principal.slice('token:'.length) : undefined;
    const token = name === undefined ? undefined : tokens.get(name);
    const current = token !== undefined && tokens.isCurrent(token) ? token : undefined;
    const theirs = isSelf ? own : access.rightsOf(new Set([principal]), current);
    const { grants, others } = explain(theirs, permission, orgId);
    const allowed =
      orgId === undefined ? theirs.allowsEverywhere(permission) : theirs.allows(permission, orgId);
    return {
      allowed,
      // In the org that the caller may ask about, `*` says no more than that.
      grants: isSelf ? grants : grants.map((grant) => ({ ...grant, orgs: [orgId ?? '*'] })),
      otherGrants: isSelf ? others : visible(others, own),
      weakestRole: permissions[permission].role,
    };
  };

/** What a request to revoke a token was authorized by, if its caller has no right to every org. */
const createChecked = (find: (name: string) => Promise<AccessToken>) => {
  const byRequest = new WeakMap<object, AccessToken>();
  return {
    load: async (request: { tokenName: string }) => {
      const token = await find(request.tokenName);
      byRequest.set(request, token);
      return token.orgs;
    },
    checked: (request: object) => byRequest.get(request),
  };
};

export const createAccessService = (deps: AccessServiceDeps): RpcTable['AccessService'] => {
  const { tokens } = deps;
  const { read, find, create } = createTokens(deps);
  const check = checkAccess(deps);
  const { load, checked } = createChecked(find);
  return {
    CreateToken: defineRpc({
      request: CreateToken,
      permission: 'tokens.create',
      orgs: 'request',
      effect: 'accept',
      handler: create,
      respond: ({ token, secret }) => ({ token: toProtoToken(token), secret }),
    }),

    ListTokens: defineRpc({
      request: ListTokens,
      permission: 'tokens.read',
      orgs: 'listed',
      effect: 'read',
      handler: async ({ pageSize, pageToken }, { sees }) => {
        await read();
        const seen = tokens.list().filter(({ orgs }) => orgs.every(sees));
        const uses = await tokens.lastUses(seen.map(({ name }) => name));
        return pageOf(seen, {
          size: pageSize,
          after: readPageToken(pageToken, ALL, TokenName),
          placeOf: ({ name }) => name,
          isAfter: (name, other) => name > other,
          toMessage: (token) => toProtoToken(token, uses.get(token.name)),
        });
      },
      respond: ({ messages, next }) => ({ tokens: messages, nextPageToken: makePageToken(next, ALL) }),
    }),

    RevokeToken: defineRpc({
      request: ByTokenName,
      permission: 'tokens.revoke',
      orgs: 'loaded',
      load,
      notFound: 'TOKEN_NOT_FOUND',
      effect: 'durable-change',
      handler: (request, { actor }) => tokens.revoke(request.tokenName, actor, checked(request)),
      respond: () => ({}),
    }),

    WhoAmI: defineRpc({
      request: Empty,
      permission: 'access.self',
      orgs: 'none',
      effect: 'read',
      handler: async (_request, { caller, rights }) => ({ caller, grants: rights().grants }),
      respond: ({ caller, grants }) => ({
        principal: caller.name,
        names: [...caller.names],
        also: caller.also ?? '',
        grants: grants.map(toProtoGrant),
        expireTime: Number.isFinite(caller.expiresMs)
          ? { seconds: String(Math.floor(caller.expiresMs / 1000)), nanos: 0 }
          : null,
      }),
    }),

    CheckAccess: defineRpc({
      request: CheckAccess,
      permission: 'access.self',
      ofOthers: 'access.read',
      orgs: 'none',
      effect: 'read',
      handler: async (request, context) => check(request, context),
      respond: ({ grants, otherGrants, ...rest }) => ({
        ...rest,
        grants: grants.map(toProtoGrant),
        otherGrants: otherGrants.map(toProtoGrant),
      }),
    }),
  };
};

import type { CallOptions } from '../calls/calls.ts';
import { allOf } from '../calls/pages.ts';
import { createServiceCalls, type ServiceDeps } from '../calls/service-calls.ts';
import type { RequestOf } from '../connection/transport.ts';
import {
  toAccessCheck,
  toAccessToken,
  toIdentity,
  type AccessCheck,
  type AccessToken,
  type Identity,
} from '../models/access.ts';
import { toDuration } from '../models/values.ts';

interface CreateTokenFields {
  /** Lower-case letters, digits and hyphens, beginning with a letter; up to 63. */
  name: string;
  /** A role of Rekey: at most what the caller has in each of the orgs. */
  role: string;
  /** Up to 50; `*` for all. */
  orgs: string[];
  /** How long it is valid, in ms: from one second to 366 days. */
  ttlMs: number;
}
export type CreateTokenRequest = CreateTokenFields &
  Omit<RequestOf<'AccessService', 'CreateToken'>, 'tokenName' | 'ttl' | keyof CreateTokenFields>;

export interface CheckAccessRequest {
  /** Such as `rotations.create`. */
  permission: string;
  /** Default: every org. */
  orgId?: string;
  /** As a binding names it. Default: the caller. Another one needs `access.read`. */
  principal?: string;
}

export interface AccessMethods {
  /**
   * Sent once. `secret` is the token itself, which nothing shows again. NOT_PERMITTED if the caller lacks a
   * permission that it would give, TOKEN_EXISTS, TOO_MANY_TOKENS.
   */
  createToken(
    request: CreateTokenRequest,
    options?: CallOptions,
  ): Promise<{ token: AccessToken; secret: string }>;
  /** All tokens of which the caller sees every org, by name. Each page has the deadline. */
  listTokens(options?: CallOptions): Promise<AccessToken[]>;
  /** Every gateway refuses it within seconds. Rejects with TOKEN_NOT_FOUND if repeated. */
  revokeToken(name: string, options?: CallOptions): Promise<void>;
  /** Who the caller is, and what it may do. */
  whoAmI(options?: CallOptions): Promise<Identity>;
  /** Whether somebody may do something, and why. */
  checkAccess(request: CheckAccessRequest, options?: CallOptions): Promise<AccessCheck>;
}

/** The largest page of the gateway. */
const PAGE_SIZE = 200;

export const createAccessMethods = (deps: ServiceDeps): AccessMethods => {
  const { read, change } = createServiceCalls(deps, 'AccessService');
  return {
    createToken: async ({ name, ttlMs, ...request }, options) =>
      change(
        'CreateToken',
        { ...request, tokenName: name, ttl: toDuration(ttlMs) },
        ({ token, secret }) => ({ token: toAccessToken(token!), secret }),
        options,
      ),
    listTokens: async (options) =>
      allOf((pageToken) =>
        read(
          'ListTokens',
          { pageSize: PAGE_SIZE, pageToken },
          ({ tokens, nextPageToken }) => ({ items: tokens.map(toAccessToken), nextPageToken }),
          options,
        ),
      ),
    revokeToken: async (name, options) =>
      change('RevokeToken', { tokenName: name }, () => undefined, options),
    whoAmI: async (options) => read('WhoAmI', {}, toIdentity, options),
    checkAccess: async (request, options) => read('CheckAccess', { ...request }, toAccessCheck, options),
  };
};

import { isTokenLike, principalNames } from '@rekey/access';
import type { AccessToken } from '@rekey/ledger';
import type { CallContext } from '@rekey/rpc';
import { RekeyError } from '@rekey/schema';
import { namesOfCertificate } from './certificate-names.ts';
import type { JwtVerifier, KnownIssuer } from './verify-jwts.ts';
import type { TokenVerifier } from './verify-tokens.ts';

/** Who calls. */
export interface Caller {
  /** The first of its names. */
  readonly name: string;
  /** By which bindings know it: the names of its certificate, or of its token and its groups. */
  readonly names: ReadonlySet<string>;
  /** The name in its token, if its certificate has decided. */
  readonly also?: string;
  /** When its token expires, in ms since 1970. A certificate ends with its connection. */
  readonly expiresMs: number;
  /** Whose token says so, if no certificate has decided. */
  readonly issuer?: KnownIssuer;
  /** Its access token, if no certificate has decided: it has rights of its own. */
  readonly token?: AccessToken;
}

/** A caller without identity where none is needed. */
export const LOCAL: Caller = { name: 'local', names: new Set(['local']), expiresMs: Infinity };

/** What a call shows of its caller. */
export type Credentials = Pick<CallContext, 'authorization' | 'peerCertificate'> &
  Partial<Pick<CallContext, 'peer'>>;

const BEARER = /^Bearer +([A-Za-z0-9._~+/=-]+)$/i;

/** Whom a token names. */
type Identity = Pick<Caller, 'expiresMs' | 'issuer' | 'token'> & { names: readonly string[] };

/**
 * Who calls, from what a call shows. If it shows a certificate and a token, the certificate decides. Throws
 * NOT_AUTHENTICATED if it shows nothing that names anybody, or a token that is not valid. `beforeVerifying`
 * is called before anything that costs, and may throw.
 */
export const createAuthenticator = (tokens: Pick<TokenVerifier, 'verify'>) => {
  /** The calls of one connection show the same certificate, as the same buffer. */
  const known = new WeakMap<Buffer, { caller: Caller | undefined }>();
  const readCertificate = (der: Buffer): Caller | undefined => {
    const before = known.get(der);
    if (before !== undefined) return before.caller;
    const names = namesOfCertificate(der);
    const [name] = names;
    const caller = name === undefined ? undefined : { name, names: new Set(names), expiresMs: Infinity };
    known.set(der, { caller });
    return caller;
  };
  const identify = async (
    text: string,
    jwts: JwtVerifier,
    beforeVerifying: () => void,
  ): Promise<Identity | undefined> => {
    if (!isTokenLike(text)) return jwts.verify(text, beforeVerifying);
    const token = await tokens.verify(text, beforeVerifying);
    return token && { names: [principalNames.token(token.name)], expiresMs: token.expiresMs, token };
  };
  return async (
    { authorization, peerCertificate }: Credentials,
    jwts: JwtVerifier,
    beforeVerifying: () => void = () => {},
  ): Promise<Caller> => {
    const certified = peerCertificate === undefined ? undefined : readCertificate(peerCertificate);
    const text = authorization === undefined ? undefined : BEARER.exec(authorization)?.[1];
    const identity = text === undefined ? undefined : await identify(text, jwts, beforeVerifying);
    if (authorization !== undefined && identity === undefined) throw new RekeyError('NOT_AUTHENTICATED');
    if (certified !== undefined)
      return identity === undefined ? certified : { ...certified, also: identity.names[0]! };
    if (identity === undefined) throw new RekeyError('NOT_AUTHENTICATED');
    const { names, ...proved } = identity;
    return { name: names[0]!, names: new Set(names), ...proved };
  };
};
export type Authenticate = ReturnType<typeof createAuthenticator>;

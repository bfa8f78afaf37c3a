import { createHash } from 'node:crypto';
import type { CallContext } from '@rekey/rpc';
import { RekeyError } from '@rekey/schema';
import { remember } from '../shared/remember.ts';
import { namesOfCertificate } from './certificate-names.ts';
import type { JwtVerifier, KnownIssuer } from './verify-jwts.ts';

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
}

/** A caller without identity where none is needed. */
export const LOCAL: Caller = { name: 'local', names: new Set(['local']), expiresMs: Infinity };

/** What a call shows of its caller. */
export type Credentials = Pick<CallContext, 'authorization' | 'peerCertificate'> &
  Partial<Pick<CallContext, 'peer'>>;

const BEARER = /^Bearer +([A-Za-z0-9._~+/=-]+)$/i;
/**
 * Who calls, from what a call shows. If it shows a certificate and a token, the certificate decides. Throws
 * NOT_AUTHENTICATED if it shows nothing that names anybody, or a token that is not valid. `beforeVerifying`
 * is called before anything that costs, and may throw.
 */
export const createAuthenticator = () => {
  const readCertificate = remember(
    (der: Buffer) => createHash('sha256').update(der).digest('base64'),
    namesOfCertificate,
  );
  return async (
    { authorization, peerCertificate }: Credentials,
    jwts: JwtVerifier,
    beforeVerifying: () => void = () => {},
  ): Promise<Caller> => {
    const certified = peerCertificate === undefined ? [] : readCertificate(peerCertificate);
    const [name] = certified;
    const token = authorization === undefined ? undefined : BEARER.exec(authorization)?.[1];
    const identity = token === undefined ? undefined : await jwts.verify(token, beforeVerifying);
    if (authorization !== undefined && identity === undefined) throw new RekeyError('NOT_AUTHENTICATED');
    if (name !== undefined)
      return {
        name,
        names: new Set(certified),
        ...(identity && { also: identity.names[0]! }),
        expiresMs: Infinity,
      };
    if (identity === undefined) throw new RekeyError('NOT_AUTHENTICATED');
    const { names, expiresMs, issuer } = identity;
    return { name: names[0]!, names: new Set(names), expiresMs, issuer };
  };
};
export type Authenticate = ReturnType<typeof createAuthenticator>;

import { hash } from 'node:crypto';
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  decodeJwt,
  jwtVerify,
  type JSONWebKeySet,
  type JWTPayload,
  type JWTVerifyGetKey,
} from 'jose';
import { isPrincipalName, principalNames, type IssuerConfig } from '@rekey/access';
import { readTrustedFile } from '../access/read-trusted-file.ts';

/** Whom a token names, and until when. */
interface TokenIdentity {
  /** The name of the caller, then those of its groups. */
  names: string[];
  expiresMs: number;
  /** Whose keys have verified it. */
  issuer: KnownIssuer;
}

/** An issuer of the access file with its keys: the same object as long as its lines stay the same. */
export interface KnownIssuer {
  readonly config: IssuerConfig;
  readonly keys: JWTVerifyGetKey;
}

/** Of the clocks of issuer and gateway. */
const LEEWAY_S = 30;
/** Longer ones do not pass gRPC's limit of metadata either. */
const MAX_TOKEN_CHARACTERS = 8192;
const MAX_JWKS_BYTES = 1024 * 1024;
/** How long keys are believed. */
const JWKS_FOR_MS = 600_000;

interface KeySetTiming {
  /** How long an issuer may take to answer. */
  withinMs: number;
  /** How soon keys are asked for again because a token names an unknown one. */
  againAfterMs: number;
}
const TIMING: KeySetTiming = { withinMs: 5000, againAfterMs: 5000 };
/** A verified token is believed without another look at its signature for this time. */
const BELIEVED_FOR_MS = 60_000;
const MAX_BELIEVED = 10_000;
const MAX_GROUPS = 200;

/** A bounded answer of the issuer, which may not lead elsewhere. */
const fetchJwks = async (url: string, options: RequestInit): Promise<Response> => {
  const response = await fetch(url, { ...options, redirect: 'error' });
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_JWKS_BYTES) throw new Error('the key set is too large');
    chunks.push(chunk);
  }
  return new Response(Buffer.concat(chunks), { status: response.status, headers: response.headers });
};

/**
 * As `fetchJwks`, but not more often than every five seconds: tokens of callers that nobody knows must not
 * become requests to an issuer that is down. jose itself pauses only after a success.
 */
const fetchSometimes = (againAfterMs: number): typeof fetchJwks => {
  let askedMs = -Infinity;
  return async (url, options) => {
    if (performance.now() - askedMs < againAfterMs)
      throw new Error('the issuer was asked for its key set a moment ago');
    askedMs = performance.now();
    return fetchJwks(url, options);
  };
};

/** Reads the file again for a key that it does not hold yet, at most once in a while. */
const keysOfFile = (path: string, againAfterMs: number): JWTVerifyGetKey => {
  let keys: JWTVerifyGetKey | undefined;
  let readMs = -Infinity;
  const read = (): JWTVerifyGetKey => {
    readMs = performance.now();
    keys = createLocalJWKSet(JSON.parse(readTrustedFile(path)) as JSONWebKeySet);
    return keys;
  };
  return async (header, token) => {
    if (keys === undefined || performance.now() - readMs > JWKS_FOR_MS) return read()(header!, token!);
    try {
      return await keys(header!, token!);
    } catch (error) {
      if (performance.now() - readMs < againAfterMs) throw error;
      return read()(header!, token!);
    }
  };
};

const keysOf = ({ jwks }: IssuerConfig, { withinMs, againAfterMs }: KeySetTiming): JWTVerifyGetKey =>
  /^https?:\/\//i.test(jwks)
    ? createRemoteJWKSet(new URL(jwks), {
        timeoutDuration: withinMs,
        cacheMaxAge: JWKS_FOR_MS,
        cooldownDuration: againAfterMs,
        [customFetch]: fetchSometimes(againAfterMs),
      })
    : keysOfFile(jwks, againAfterMs);

const groupsOf = (payload: JWTPayload, { issuer, groups }: IssuerConfig): string[] => {
  const claim = groups === undefined ? undefined : payload[groups];
  const named = typeof claim === 'string' ? [claim] : Array.isArray(claim) ? claim.slice(0, MAX_GROUPS) : [];
  return named
    .filter((group): group is string => typeof group === 'string' && isPrincipalName(group))
    .map((group) => principalNames.group(issuer, group));
};

/** What a token says of its issuer. What it holds instead of JSON may be a secret, and is not quoted. */
const issuerNameIn = (token: string): string => {
  try {
    return decodeJwt(token).iss ?? '';
  } catch {
    throw new Error('the token is not a JWT');
  }
};

export interface JwtVerifier {
  /**
   * Whom a token of a configured issuer names. Undefined for every other token: nothing says which part of it
   * was wrong, but to `onRefused`, which must not show it to the caller. `beforeVerifying` is called unless
   * the token was verified a moment ago, and may throw.
   */
  verify(token: string, beforeVerifying?: () => void): Promise<TokenIdentity | undefined>;
  /** The issuer of this name, if it is configured. */
  issuerOf(name: string): KnownIssuer | undefined;
}

/** The keys that an earlier verifier has read stay in use for an issuer whose lines have not changed. */
const knownIssuer = (
  config: IssuerConfig,
  before: JwtVerifier | undefined,
  timing: KeySetTiming,
): KnownIssuer => {
  const known = before?.issuerOf(config.issuer);
  const isSame = JSON.stringify(known?.config) === JSON.stringify(config);
  return known !== undefined && isSame ? known : { config, keys: keysOf(config, timing) };
};

/** Verifies JSON Web Tokens (RFC 7519) of these issuers alone. */
export const createJwtVerifier = (
  issuers: readonly IssuerConfig[],
  onRefused: (error: unknown) => void,
  before?: JwtVerifier,
  timing: KeySetTiming = TIMING,
): JwtVerifier => {
  const known = new Map(issuers.map((config) => [config.issuer, knownIssuer(config, before, timing)]));
  /** By the hash of the token, the oldest first. */
  const believed = new Map<string, { identity: TokenIdentity; untilMs: number }>();

  const examine = async (token: string): Promise<TokenIdentity> => {
    const iss = issuerNameIn(token);
    const issuer = known.get(iss);
    if (issuer === undefined) throw new Error('the issuer is not configured');
    const { audience, algorithms } = issuer.config;
    const { payload } = await jwtVerify(token, issuer.keys, {
      issuer: iss,
      audience,
      algorithms,
      clockTolerance: LEEWAY_S,
      requiredClaims: ['exp', 'sub'],
    });
    if (typeof payload.sub !== 'string' || !isPrincipalName(payload.sub))
      throw new Error('the subject is not a name');
    return {
      names: [principalNames.jwt(iss, payload.sub), ...groupsOf(payload, issuer.config)],
      expiresMs: (payload.exp! + LEEWAY_S) * 1000,
      issuer,
    };
  };

  const believe = (digest: string, identity: TokenIdentity): TokenIdentity => {
    believed.set(digest, { identity, untilMs: Math.min(Date.now() + BELIEVED_FOR_MS, identity.expiresMs) });
    if (believed.size > MAX_BELIEVED) believed.delete(believed.keys().next().value!);
    return identity;
  };

  return {
    issuerOf: (name) => known.get(name),
    verify: async (token, beforeVerifying = () => {}) => {
      if (token.length > MAX_TOKEN_CHARACTERS) return undefined;
      const digest = hash('sha256', token, 'base64');
      const earlier = believed.get(digest);
      if (earlier !== undefined && Date.now() < earlier.untilMs) return earlier.identity;
      believed.delete(digest);
      beforeVerifying();
      try {
        return believe(digest, await examine(token));
      } catch (error) {
        onRefused(error);
        return undefined;
      }
    },
  };
};

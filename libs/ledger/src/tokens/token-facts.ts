import { StoredToken, TokenName, parseJson } from '@rekey/schema';
import { EXPIRED_KEPT_MS, EXPIRING, expiryOf } from '../registry/facts/expiring.ts';

/** An access token as the registry proves it. */
export interface AccessToken {
  name: string;
  /** Of the whole token, in base64url. */
  sha256: string;
  role: string;
  /** `*` for every org. */
  orgs: readonly string[];
  /** The principal that had it made. */
  requestedBy: string;
  createdMs: number;
  /** A whole second. */
  expiresMs: number;
  /** The revision of the registry that made it. */
  rev: number;
}

/*
 * A token is a fact of the signed registry: `+SECONDS JSON`, or `~SECONDS` once it is revoked, under
 * `token:NAME`. SECONDS is until when it is kept: when it expires, or an earlier token of that name, if that
 * is later. So every earlier fact of the name is of an expired token by then, whoever puts it back.
 */
export const factOf = (name: string): string => `${EXPIRING}${name}`;

const seconds = (ms: number): string => String(Math.floor(ms / 1000));

/** `keptMs`: until when an earlier fact of the name is kept. */
export const liveFact = (
  { expiresMs, sha256, role, orgs, requestedBy, createdMs }: Omit<AccessToken, 'name' | 'rev'>,
  keptMs = 0,
): string => {
  const stored: StoredToken = {
    sha256,
    role,
    orgs: [...orgs],
    requested_by: requestedBy,
    created_ms: createdMs,
    ...(keptMs > expiresMs && { expires_ms: expiresMs }),
  };
  return `+${seconds(Math.max(keptMs, expiresMs))} ${JSON.stringify(stored)}`;
};

/** It is kept for as long as the fact that it revokes. */
export const revokedFact = (fact: string, live: string): string => `~${seconds(expiryOf(fact, live) ?? 0)}`;

export const isRevoked = (value: string): boolean => value.startsWith('~');

/** The token of a fact; undefined if it is none, was revoked, or cannot be read: a later version wrote it. */
export const tokenOf = (
  fact: string,
  { rev, value }: { rev: number; value: string },
): AccessToken | undefined => {
  const keptMs = expiryOf(fact, value);
  if (keptMs === undefined || isRevoked(value)) return undefined;
  const name = TokenName.safeParse(fact.slice(EXPIRING.length));
  const stored = StoredToken.safeParse(parseJson(value.slice(value.indexOf(' ') + 1)));
  if (!name.success || !stored.success) return undefined;
  const { sha256, role, orgs, requested_by: requestedBy, created_ms: createdMs } = stored.data;
  const expiresMs = Math.min(stored.data.expires_ms ?? keptMs, keptMs);
  return { name: name.data, sha256, role, orgs, requestedBy, createdMs, expiresMs, rev };
};

/** Whether a fact takes a place among those that there may be. */
export const takesPlace = (fact: string, value: string): boolean =>
  (expiryOf(fact, value) ?? -Infinity) + EXPIRED_KEPT_MS >= Date.now();

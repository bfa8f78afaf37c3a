import { ORG_ALIAS, TextFileError } from '@rekey/schema';
import { createJwtVerifier, type JwtVerifier } from '../identity/verify-jwts.ts';
import { AccessFileError, parseAccessFile, rightsOf, type AccessFile, type Rights } from '@rekey/access';
import type { AccessToken } from '@rekey/ledger';
import { grantOfToken } from './token-grant.ts';
import { createSettling, follow, type Followed } from '../shared/follow.ts';
import { remember } from '../shared/remember.ts';
import { readTrustedFile } from './read-trusted-file.ts';

/** What an access file says, as long as it stays the same. */
export interface AccessRules {
  jwts: JwtVerifier;
  /** `token`: what the caller has shown, with the rights of its own. */
  rightsOf(names: ReadonlySet<string>, token?: AccessToken): Rights;
}

export interface FollowedAccess extends Followed {
  /** Of the last file that could be read. Another object after each change. */
  rules(): AccessRules;
}

interface FollowOptions {
  everyMs?: number;
  /** The org that `c` stands for; `c` until that is known. */
  alias?: () => string;
  onLoaded: (counts: { bindings: number; issuers: number }) => void;
  /** Called once for each different complaint. */
  onRefused: (error: AccessFileError) => void;
  onTokenRefused: (error: unknown) => void;
}

type Bindings = Pick<AccessFile, 'bindings'>;

/** An org has one name, even if a binding has it as `c`. */
const withRealOrgs = ({ bindings }: Bindings, alias: string): Bindings => ({
  bindings: bindings.map((binding) => ({
    ...binding,
    orgs: binding.orgs.map((org) => (org === ORG_ALIAS ? alias : org)),
  })),
});

interface Known {
  names: ReadonlySet<string>;
  token: AccessToken | undefined;
  /** Undefined if no binding names `c`. */
  alias: string | undefined;
}

/** The rights by a file, computed once for each caller. */
const createRightsOf = (file: AccessFile, alias: () => string): AccessRules['rightsOf'] => {
  const namesAlias = file.bindings.some(({ orgs }) => orgs.includes(ORG_ALIAS));
  const remembered = remember(
    ({ names, token, alias: org = '' }: Known) =>
      [org, ...names, ...(token ? [String(token.rev), token.role, ...token.orgs] : [])].join('\n'),
    ({ names, token, alias: org }) =>
      rightsOf(org === undefined ? file : withRealOrgs(file, org), names, token && grantOfToken(token)),
  );
  return (names, token) => remembered({ names, token, alias: namesAlias ? alias() : undefined });
};

const readText = (path: string): string => {
  try {
    return readTrustedFile(path);
  } catch (error) {
    if (error instanceof TextFileError) throw new AccessFileError([`the file ${error.message}`]);
    throw error;
  }
};

/**
 * Reads an access file, and looks again and again whether it was changed. One that cannot be read, or that is
 * being written, leaves the one before in force. Throws an AccessFileError if the first one cannot be read.
 */
export const followAccessFile = (
  path: string,
  { everyMs, alias = () => ORG_ALIAS, onLoaded, onRefused, onTokenRefused }: FollowOptions,
): FollowedAccess => {
  let text: string | undefined;
  let rules: AccessRules | undefined;

  const isSettled = createSettling((one: string, other: string) => one === other);
  const look = (): boolean => {
    const read = readText(path);
    const isWhole = isSettled(read);
    if (read === text) return true;
    if (text !== undefined && !isWhole) return false;
    const file = parseAccessFile(read);
    text = read;
    rules = {
      jwts: createJwtVerifier(file.issuers, onTokenRefused, rules?.jwts),
      rightsOf: createRightsOf(file, alias),
    };
    onLoaded({ bindings: file.bindings.length, issuers: file.issuers.length });
    return true;
  };
  const refusalOf = (thrown: unknown): AccessFileError =>
    thrown instanceof AccessFileError ? thrown : new AccessFileError(['the file cannot be used']);

  return { ...follow({ everyMs, look, refusalOf, paths: [path], onRefused }), rules: () => rules! };
};

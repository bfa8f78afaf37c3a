import { TextFileError } from '@rekey/schema';
import { createJwtVerifier, type JwtVerifier } from '../identity/verify-jwts.ts';
import { AccessFileError, parseAccessFile, rightsOf, type Rights } from '@rekey/access';
import { readTrustedFile } from './read-trusted-file.ts';

/** What an access file says, as long as it stays the same. */
export interface AccessRules {
  jwts: JwtVerifier;
  rightsOf(names: ReadonlySet<string>): Rights;
}

export interface FollowedAccess {
  /** Of the last file that could be read. Another object after each change. */
  rules(): AccessRules;
  /** Since when a newer file is refused, in ms since 1970. */
  refusedSinceMs(): number | undefined;
  close(): void;
}

interface FollowOptions {
  everyMs?: number;
  onLoaded: (counts: { bindings: number; issuers: number }) => void;
  /** Called once for each different complaint. */
  onRefused: (error: AccessFileError) => void;
  onTokenRefused: (error: unknown) => void;
}

/** Within this time a changed file is noticed. */
const LOOK_EVERY_MS = 1000;
/** Callers with the same names have the same rights; this many are remembered. */
const MAX_REMEMBERED = 10_000;

const remembering = (compute: (names: ReadonlySet<string>) => Rights) => {
  const known = new Map<string, Rights>();
  return (names: ReadonlySet<string>): Rights => {
    const key = [...names].join('\n');
    const rights = known.get(key) ?? compute(names);
    known.set(key, rights);
    if (known.size > MAX_REMEMBERED) known.delete(known.keys().next().value!);
    return rights;
  };
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
 * Reads an access file, and looks again and again whether it was changed. One that cannot be read leaves the
 * one before in force. Throws an AccessFileError if the first one cannot be read.
 */
export const followAccessFile = (
  path: string,
  { everyMs = LOOK_EVERY_MS, onLoaded, onRefused, onTokenRefused }: FollowOptions,
): FollowedAccess => {
  let text: string;
  let rules: AccessRules | undefined;
  let refusal: { message: string; sinceMs: number } | undefined;

  const use = (read: string): void => {
    const file = parseAccessFile(read);
    text = read;
    rules = {
      jwts: createJwtVerifier(file.issuers, onTokenRefused, rules?.jwts),
      rightsOf: remembering((names) => rightsOf(file, names)),
    };
    onLoaded({ bindings: file.bindings.length, issuers: file.issuers.length });
  };
  const look = (): void => {
    try {
      const read = readText(path);
      if (read !== text) use(read);
      refusal = undefined;
    } catch (thrown) {
      // Whatever it is, the file before stays in force, and the gateway stays up.
      const error =
        thrown instanceof AccessFileError ? thrown : new AccessFileError(['the file cannot be used']);
      const isNew = refusal?.message !== error.message;
      refusal = { message: error.message, sinceMs: refusal?.sinceMs ?? Date.now() };
      if (isNew) onRefused(error);
    }
  };

  use(readText(path));
  const timer = setInterval(look, everyMs);
  timer.unref();
  return {
    rules: () => rules!,
    refusedSinceMs: () => refusal?.sinceMs,
    close: () => clearInterval(timer),
  };
};

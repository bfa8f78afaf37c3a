import type { AccessToken } from '@rekey/ledger';
import { RekeyError } from '@rekey/schema';
import { LOCAL, type Authenticate, type Caller, type Credentials } from '../identity/authenticate.ts';
import type { AccessRules } from './follow-access-file.ts';
import type { TokenVerifier } from '../identity/verify-tokens.ts';
import { ALL_RIGHTS, type Rights } from '@rekey/access';

/** Who calls, and what that caller may do at this moment. */
export interface Admission {
  caller: Caller;
  rights(): Rights;
  /** Those of the moment at which the caller was known. Absent if there are none. */
  readonly rules?: AccessRules;
}

/** What the pipeline asks about callers. */
export interface Access {
  /** Throws NOT_AUTHENTICATED. */
  admit(context: Credentials): Promise<Admission> | Admission;
  /**
   * Watches over a call that takes long: `recheck` runs each time that rights may have changed. The signal
   * aborts with its error, or with NOT_AUTHENTICATED when the token of the caller has expired or was revoked.
   * Undefined if
   * nobody can lose a right.
   */
  guard(admission: Admission, recheck: (rights: Rights) => Promise<void>): Guard | undefined;
  /** The rights of whoever has this name alone. */
  rightsOf(names: ReadonlySet<string>, token?: AccessToken): Rights;
  close(): void;
}

export interface Guard {
  readonly signal: AbortSignal;
  end(): void;
}

const EVERYBODY: Admission = { caller: LOCAL, rights: () => ALL_RIGHTS };

/** Without an access file: everybody who reaches the gateway may do everything. */
export const OPEN_ACCESS: Access = {
  admit: () => EVERYBODY,
  guard: () => undefined,
  rightsOf: () => ALL_RIGHTS,
  close: () => {},
};

/** Long calls end within this time after a right was taken away, and the file was noticed. */
const RECHECK_EVERY_MS = 1000;

interface Guarded {
  caller: Caller;
  /** The rules by which it was last looked at. */
  rules: AccessRules;
  recheck(): Promise<void>;
  abort(error: unknown): void;
}

/** Whether the issuer of the caller's token is configured as it was when the token was verified. */
const isStillTrusted = ({ issuer }: Caller, { jwts }: AccessRules): boolean =>
  issuer === undefined || jwts.issuerOf(issuer.config.issuer) === issuer;

interface AccessOptions {
  authenticate: Authenticate;
  tokens: Pick<TokenVerifier, 'isCurrent'>;
  everyMs?: number;
}

/** Access by the rules of a file, which may change. */
export const createAccess = (
  rules: () => AccessRules,
  { authenticate, tokens, everyMs = RECHECK_EVERY_MS }: AccessOptions,
): Access => {
  const open = new Set<Guarded>();
  const isOver = ({ expiresMs, token }: Caller): boolean =>
    expiresMs <= Date.now() || (token !== undefined && !tokens.isCurrent(token));

  const lookAt = async (one: Guarded): Promise<void> => {
    if (isOver(one.caller)) return one.abort(new RekeyError('NOT_AUTHENTICATED'));
    const current = rules();
    if (one.rules === current) return;
    one.rules = current;
    if (!isStillTrusted(one.caller, current)) return one.abort(new RekeyError('NOT_AUTHENTICATED'));
    try {
      await one.recheck();
    } catch (error) {
      // Also if it cannot be looked up now: what is not known to be allowed is not. An error of Redis stays
      // one: its caller may try again.
      one.abort(error);
    }
  };
  const timer = setInterval(() => {
    // What cannot be looked up is not allowed.
    for (const one of open) lookAt(one).catch((error: unknown) => one.abort(error));
  }, everyMs);
  timer.unref();

  return {
    admit: async (context) => {
      const admitted = rules();
      const caller = await authenticate(context, admitted.jwts);
      return { caller, rights: () => rules().rightsOf(caller.names, caller.token), rules: admitted };
    },
    guard: ({ caller, rights, rules: admitted }, recheck) => {
      const aborting = new AbortController();
      const one: Guarded = {
        caller,
        // They may have changed while the call was authorized.
        rules: admitted ?? rules(),
        recheck: () => recheck(rights()),
        abort: (error) => aborting.abort(error),
      };
      open.add(one);
      return { signal: aborting.signal, end: () => void open.delete(one) };
    },
    rightsOf: (names, token) => rules().rightsOf(names, token),
    close: () => clearInterval(timer),
  };
};

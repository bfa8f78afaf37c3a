import { timingSafeEqual } from 'node:crypto';
import { digestOfToken, isTokenText } from '@rekey/access';
import type { AccessToken, Tokens } from '@rekey/ledger';
import { RekeyError } from '@rekey/schema';

export interface TokenVerifier {
  /**
   * The access token of this text. Undefined if it is none, whatever is wrong with it. Throws
   * TOKENS_UNVERIFIABLE if this gateway cannot verify any. `beforeVerifying` is called unless this process
   * knows the token, and may throw.
   */
  verify(text: string, beforeVerifying?: () => void): Promise<AccessToken | undefined>;
  /** Whether a token was neither revoked nor has expired. */
  isCurrent(token: AccessToken): boolean;
}

/** How often an unknown token is looked for in Redis: whoever sends many costs no more. */
const LOOK_AGAIN_AFTER_MS = 500;
const NOTE_USE_EVERY_MS = 60_000;

const isSame = (a: string, b: string): boolean => timingSafeEqual(Buffer.from(a), Buffer.from(b));

type Ledger = Pick<Tokens, 'untrusted' | 'look' | 'find' | 'isCurrent' | 'noteUse'>;

/** Notes when tokens were used: each of them once a minute. */
const createNoteUse = (tokens: Ledger) => {
  const noted = new Map<string, number>();
  return ({ sha256, name }: AccessToken): void => {
    const nowMs = Date.now();
    if (nowMs - (noted.get(sha256) ?? 0) < NOTE_USE_EVERY_MS) return;
    // There are at most as many as the registry has had while this process lives.
    noted.delete(sha256);
    noted.set(sha256, nowMs);
    if (noted.size > 1000) noted.delete(noted.keys().next().value!);
    // Without Redis no call is served either.
    tokens.noteUse(name, nowMs).catch(() => {});
  };
};

/** Verifies access tokens by what this process believes of the registry, in memory. */
export const createTokenVerifier = (
  tokens: Ledger,
  onRefused: (error: unknown) => void = () => {},
): TokenVerifier => {
  const noteUse = createNoteUse(tokens);
  let lookedMs = -Infinity;
  let looking: Promise<void> | undefined;
  /** Calls at the same time wait for one look. */
  const lookAgain = async (): Promise<void> => {
    if (looking === undefined && performance.now() - lookedMs >= LOOK_AGAIN_AFTER_MS) {
      lookedMs = performance.now();
      looking = tokens.look().finally(() => (looking = undefined));
    }
    await looking;
  };
  return {
    isCurrent: (token) => tokens.isCurrent(token),
    verify: async (text, beforeVerifying = () => {}) => {
      if (!isTokenText(text)) {
        onRefused(new Error('the access token has no valid checksum'));
        return undefined;
      }
      const sha256 = digestOfToken(text);
      // A gateway that has just started, and a token that another gateway has just made.
      if (tokens.untrusted() !== undefined || tokens.find(sha256) === undefined) {
        beforeVerifying();
        await lookAgain();
      }
      if (tokens.untrusted() !== undefined) throw new RekeyError('TOKENS_UNVERIFIABLE');
      const token = tokens.find(sha256);
      if (token === undefined || !isSame(token.sha256, sha256)) {
        onRefused(new Error('the access token is unknown, was revoked or has expired'));
        return undefined;
      }
      noteUse(token);
      return token;
    },
  };
};

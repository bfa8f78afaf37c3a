import type { CallContext } from '@rekey/rpc';
import { StartError, type Logger, type Shutdown } from '@rekey/runtime';
import { RekeyError } from '@rekey/schema';
import { AccessFileError } from '@rekey/access';
import type { Tokens } from '@rekey/ledger';
import { followAccessFile, type FollowedAccess } from '../access/follow-access-file.ts';
import { OPEN_ACCESS, createAccess, type Access } from '../access/guard-calls.ts';
import { isPlaintextBeyondLoopback, type GatewayEnvironment } from '../config.ts';
import { createAuthenticator } from '../identity/authenticate.ts';
import { createTokenVerifier } from '../identity/verify-tokens.ts';
import { limitsOf } from '../limits/limits.ts';
import { createCallerQuotas, type CallerQuotas } from '../quotas/caller-quotas.ts';
import { limitFailures } from '../quotas/limit-failures.ts';

const follow = (path: string, logger: Logger): FollowedAccess => {
  try {
    return followAccessFile(path, {
      onLoaded: (counts) => logger.event('access_loaded', counts),
      onRefused: ({ faults }) => logger.event('access_refused', { faults }),
      onTokenRefused: (err) => logger.event('token_refused', { err }),
    });
  } catch (error) {
    if (!(error instanceof AccessFileError)) throw error;
    throw new StartError('ACCESS_FILE_UNUSABLE', `REKEY_ACCESS_FILE cannot be used:\n${error.message}`);
  }
};

interface StartedAccess {
  access: Access;
  /** Rejects for a caller that may not see the descriptors of the services. */
  mayReflect: (context: CallContext) => Promise<void>;
  /** The limits of one caller. Absent without a file: everybody is one caller, which has none. */
  quotas?: CallerQuotas;
  limitedCallers: CallerQuotas['atLimit'];
  /** Absent without a file. */
  isRefused?: () => boolean;
}

/** Who may do what, and how much. Without a file, for loopback alone, everybody may do everything. */
export const startAccess = (
  ledgerTokens: Tokens,
  config: GatewayEnvironment,
  logger: Logger,
  shutdown: Shutdown,
  onLimit: (limit: string) => void,
): StartedAccess => {
  const path = config.REKEY_ACCESS_FILE;
  if (isPlaintextBeyondLoopback(config)) logger.event('access_plaintext');
  if (path === undefined) {
    logger.event('access_open');
    return { access: OPEN_ACCESS, mayReflect: async () => {}, limitedCallers: () => [] };
  }
  const quotas = createCallerQuotas(limitsOf(config).callers, onLimit);
  const followed = follow(path, logger);
  const tokens = createTokenVerifier(ledgerTokens, (err) => logger.event('token_refused', { err }));
  const authenticate = limitFailures(createAuthenticator(tokens), quotas);
  const access = createAccess(followed.rules, { authenticate, tokens });
  shutdown.defer('access', async () => {
    access.close();
    followed.close();
  });
  return {
    access,
    quotas,
    limitedCallers: quotas.atLimit,
    mayReflect: createReflectionRight(access, quotas),
    isRefused: () => followed.refusedSinceMs() !== undefined,
  };
};

/** Descriptors are for those who may call anything at all. */
const createReflectionRight =
  (access: Access, quotas: CallerQuotas) =>
  async (context: CallContext): Promise<void> => {
    const { caller, rights } = await access.admit(context);
    quotas.countCall(caller.name);
    if (rights().grants.length === 0) throw new RekeyError('NOT_PERMITTED');
  };

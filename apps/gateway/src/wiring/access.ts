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

/** Who may do what. Without a file, which is for loopback alone, everybody may do everything. */
export const startAccess = (
  ledgerTokens: Tokens,
  config: GatewayEnvironment,
  logger: Logger,
  shutdown: Shutdown,
): { access: Access; isRefused?: () => boolean } => {
  const path = config.REKEY_ACCESS_FILE;
  if (isPlaintextBeyondLoopback(config)) logger.event('access_plaintext');
  if (path === undefined) {
    logger.event('access_open');
    return { access: OPEN_ACCESS };
  }
  const followed = follow(path, logger);
  const tokens = createTokenVerifier(ledgerTokens, (err) => logger.event('token_refused', { err }));
  const access = createAccess(followed.rules, { authenticate: createAuthenticator(tokens), tokens });
  shutdown.defer('access', async () => {
    access.close();
    followed.close();
  });
  return { access, isRefused: () => followed.refusedSinceMs() !== undefined };
};

/** Descriptors are for those who may call anything at all. */
export const createReflectionRight =
  (access: Access) =>
  async (context: CallContext): Promise<void> => {
    const { grants } = (await access.admit(context)).rights();
    if (grants.length === 0) throw new RekeyError('NOT_PERMITTED');
  };

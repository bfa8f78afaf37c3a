import type { CallContext } from '@rekey/rpc';
import { StartError, type Logger, type Shutdown } from '@rekey/runtime';
import { AccessFileError } from '@rekey/access';
import type { Ledger, Tokens } from '@rekey/ledger';
import { followAccessFile, type FollowedAccess } from '../access/follow-access-file.ts';
import { OPEN_ACCESS, createAccess, type Access, type Admission } from '../access/guard-calls.ts';
import { createDeniedCalls, type DeniedCalls } from '../activity/denied-calls.ts';
import { isPlaintextBeyondLoopback, type GatewayEnvironment } from '../config.ts';
import { createAuthenticator } from '../identity/authenticate.ts';
import { createTokenVerifier } from '../identity/verify-tokens.ts';
import { AccessDenied } from '../pipeline/authorize.ts';

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

/** Records denied calls. */
export const startDeniedCalls = (
  { activity }: Pick<Ledger, 'activity'>,
  logger: Logger,
  shutdown: Shutdown,
): DeniedCalls['note'] => {
  const denied = createDeniedCalls({
    append: activity.append,
    onError: (err) => logger.event('gateway_denial_not_recorded', { err }),
  });
  shutdown.defer('denied calls', () => denied.close());
  return denied.note;
};

/** Descriptors are for those who may call anything at all. */
export const createReflectionRight =
  (access: Access, onFailed: DeniedCalls['note']) =>
  async (context: CallContext): Promise<void> => {
    let admission: Admission | undefined;
    try {
      admission = await access.admit(context);
      if (admission.rights().grants.length === 0) throw new AccessDenied('NOT_PERMITTED', []);
    } catch (error) {
      onFailed(error, context, admission?.caller);
      throw error;
    }
  };

import type { Ledger } from '@rekey/ledger';
import type { CallContext } from '@rekey/rpc';
import { StartError, type Logger, type Shutdown } from '@rekey/runtime';
import { AccessFileError, permissions, type Permission } from '@rekey/access';
import { followAccessFile, type FollowedAccess } from '../access/follow-access-file.ts';
import { OPEN_ACCESS, createAccess, type Access, type Admission } from '../access/guard-calls.ts';
import { createDeniedCalls, type DeniedCalls } from '../activity/denied-calls.ts';
import type { GatewayEnvironment } from '../config.ts';
import { createAuthenticator } from '../identity/authenticate.ts';
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

/** Who may do what. Without a file, everybody who reaches the gateway may do everything. */
export const startAccess = (
  config: GatewayEnvironment,
  logger: Logger,
  shutdown: Shutdown,
): { access: Access; isRefused?: () => boolean } => {
  const path = config.REKEY_ACCESS_FILE;
  if (path === undefined) {
    logger.event('access_open');
    return { access: OPEN_ACCESS };
  }
  const followed = follow(path, logger);
  const access = createAccess(followed.rules, createAuthenticator());
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
      const rights = admission.rights();
      if (!(Object.keys(permissions) as Permission[]).some((one) => rights.allowsSomewhere(one)))
        throw new AccessDenied('NOT_PERMITTED', []);
    } catch (error) {
      onFailed(error, context, admission?.caller);
      throw error;
    }
  };

import type { CallContext } from '@rekey/rpc';
import { StartError, type Logger, type Shutdown } from '@rekey/runtime';
import { AccessFileError } from '@rekey/access';
import type { Ledger } from '@rekey/ledger';
import { followAccessFile, type FollowedAccess } from '../access/follow-access-file.ts';
import { OPEN_ACCESS, createAccess, type Access, type Admission } from '../access/guard-calls.ts';
import { createDeniedCalls, type DeniedCalls } from '../activity/denied-calls.ts';
import { isPlaintextBeyondLoopback, type GatewayEnvironment } from '../config.ts';
import { createAuthenticator } from '../identity/authenticate.ts';
import { createTokenVerifier } from '../identity/verify-tokens.ts';
import { limitsOf } from '../limits/limits.ts';
import { AccessDenied } from '../pipeline/authorize.ts';
import { createCallerQuotas, type CallerQuotas } from '../quotas/caller-quotas.ts';
import { limitFailures } from '../quotas/limit-failures.ts';

const follow = (path: string, { registry }: Pick<Ledger, 'registry'>, logger: Logger): FollowedAccess => {
  try {
    return followAccessFile(path, {
      alias: () => registry.alias(),
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
  /**
   * Rejects for a caller that may not see the descriptors of the services. The stream counts until the
   * returned function is called.
   */
  mayReflect: (context: CallContext) => Promise<() => void>;
  /** The limits of one caller. Absent without a file: everybody is one caller, which has none. */
  quotas?: CallerQuotas;
  limitedCallers: CallerQuotas['atLimit'];
  /** Records a call that was denied. Absent without a file: none is. */
  noteDenied?: DeniedCalls['note'];
  /** Since when a changed file is refused, in ms since 1970. Absent without a file. */
  refusedSinceMs?: () => number | undefined;
}

/** Who may do what, and how much. Without a file, for loopback alone, everybody may do everything. */
export const startAccess = (
  ledger: Pick<Ledger, 'activity' | 'registry' | 'tokens'>,
  config: GatewayEnvironment,
  logger: Logger,
  shutdown: Shutdown,
  onLimit: (limit: string) => void,
): StartedAccess => {
  const path = config.REKEY_ACCESS_FILE;
  if (isPlaintextBeyondLoopback(config)) logger.event('access_plaintext');
  if (path === undefined) {
    logger.event('access_open');
    return { access: OPEN_ACCESS, mayReflect: async () => () => {}, limitedCallers: () => [] };
  }
  const quotas = createCallerQuotas(limitsOf(config).callers, onLimit);
  const followed = follow(path, ledger, logger);
  const tokens = createTokenVerifier(ledger.tokens, (err) => logger.event('token_refused', { err }));
  const authenticate = limitFailures(createAuthenticator(tokens), quotas);
  const access = createAccess(followed.rules, { authenticate, tokens });
  shutdown.defer('access', async () => {
    access.close();
    followed.close();
  });
  const noteDenied = startDeniedCalls(ledger, logger, shutdown);
  return {
    access,
    quotas,
    limitedCallers: quotas.atLimit,
    mayReflect: createReflectionRight(access, quotas, noteDenied),
    noteDenied,
    refusedSinceMs: followed.refusedSinceMs,
  };
};

/** Records denied calls. */
const startDeniedCalls = (
  { activity }: Pick<Ledger, 'activity'>,
  logger: Logger,
  shutdown: Shutdown,
): DeniedCalls['note'] => {
  const denied = createDeniedCalls({
    append: activity.append,
    onError: (err) => logger.event('gateway_denial_not_recorded', { err }),
    onRecorded: ({ type, address = 'unknown', target, request, count = 1 }) => {
      if (type === 'access.unauthenticated')
        logger.event('gateway_authentication_failed', {
          address,
          target,
          count,
          ...(request && { request_id: request }),
        });
    },
  });
  shutdown.defer('denied calls', () => denied.close());
  return denied.note;
};

/** Descriptors are for those who may call anything at all. */
const createReflectionRight =
  (access: Access, quotas: CallerQuotas, onFailed: DeniedCalls['note']) =>
  async (context: CallContext): Promise<() => void> => {
    let admission: Admission | undefined;
    try {
      admission = await access.admit(context);
      quotas.countCall(admission.caller.name);
      if (admission.rights().grants.length === 0) throw new AccessDenied('NOT_PERMITTED', []);
      return quotas.hold('reflection', admission.caller.name);
    } catch (error) {
      onFailed(error, context, admission?.caller);
      throw error;
    }
  };

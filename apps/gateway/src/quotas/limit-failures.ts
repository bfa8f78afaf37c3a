import { RekeyError } from '@rekey/schema';
import type { Authenticate } from '../identity/authenticate.ts';
import type { CallerQuotas } from './caller-quotas.ts';

const isNotAuthenticated = (error: unknown): boolean =>
  error instanceof RekeyError && error.code === 'NOT_AUTHENTICATED';

/**
 * Bounds how often an address may fail to say who calls. What costs to verify counts before it is verified,
 * so that an address at its limit costs nothing; a certificate, or a token that was verified a moment ago, is
 * never refused. Addresses are shared: behind a proxy, one caller can keep others from being verified, but
 * ends none that is known.
 */
export const limitFailures =
  (
    authenticate: Authenticate,
    quotas: Pick<CallerQuotas, 'countFailure' | 'uncountFailure'> & {
      connections: Pick<CallerQuotas['connections'], 'know'>;
    },
  ): Authenticate =>
  async (credentials, jwts) => {
    const { peer } = credentials;
    let isCounted = false;
    const count = (): void => {
      if (isCounted) return;
      quotas.countFailure(peer);
      isCounted = true;
    };
    let hasFailed = false;
    try {
      const caller = await authenticate(credentials, jwts, count);
      quotas.connections.know(peer);
      return caller;
    } catch (error) {
      hasFailed = isNotAuthenticated(error);
      if (hasFailed) count();
      throw error;
    } finally {
      if (isCounted && !hasFailed) quotas.uncountFailure(peer);
    }
  };

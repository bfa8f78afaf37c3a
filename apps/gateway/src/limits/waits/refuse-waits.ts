import type { BeyondLimit } from '@rekey/rpc';
import { RekeyError } from '@rekey/schema';
import type { GatewayLimits } from '../limits.ts';

/** The error of a wait for which the gateway has no room, and which has to be asked for again. */
export const refuseWaits =
  ({ waitReturns }: Pick<GatewayLimits, 'waitReturns'>, onLimit: (limit: string) => void) =>
  ({ bound, limit }: BeyondLimit): RekeyError => {
    onLimit(bound);
    return new RekeyError('TOO_MANY_CALLS', {
      metadata: { bound, limit: String(limit) },
      retryAfterMs: waitReturns.nextMs(),
    });
  };

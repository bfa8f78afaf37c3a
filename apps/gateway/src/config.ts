import { addressVariable, commonVariables, intVariable, registryVariables } from '@rekey/runtime';
import { z } from 'zod';

export const GatewayEnvironment = z.object({
  ...commonVariables,
  ...registryVariables,
  GRPC_ADDRESS: addressVariable.default('127.0.0.1:50051'),
  /** Where `/healthz` and `/metrics` are served; nowhere if it is not set. */
  GATEWAY_HEALTH_ADDRESS: addressVariable.optional(),
  /** Without it the gateway believes no consumer; it serves everything else. */
  REKEY_GATEWAY_KEY_FILE: z.string().optional(),
  /** How many rotations may be open before new ones are refused: in all, and of one org. */
  REKEY_MAX_OPEN_ROTATIONS: intVariable({ min: 1, max: 10_000_000, default: 100_000 }),
  REKEY_MAX_OPEN_ROTATIONS_OF_ORG: intVariable({ min: 1, max: 10_000_000, default: 50_000 }),
  GATEWAY_MAX_CONNECTIONS: intVariable({ min: 1, max: 100_000, default: 2000 }),
  GATEWAY_MAX_CONNECTION_CALLS: intVariable({ min: 1, max: 100_000, default: 1000 }),
  GATEWAY_MAX_CALLS: intVariable({ min: 1, max: 100_000, default: 4000 }),
  GATEWAY_MAX_WAITS: intVariable({ min: 1, max: 1_000_000, default: 25_000 }),
  GATEWAY_MAX_WATCHES: intVariable({ min: 1, max: 1_000_000, default: 10_000 }),
  GATEWAY_MAX_UPLOADS: intVariable({ min: 1, max: 10_000, default: 64 }),
});
export type GatewayEnvironment = z.infer<typeof GatewayEnvironment>;

import { addressVariable, commonVariables } from '@rekey/runtime';
import { z } from 'zod';

export const GatewayEnvironment = z.object({
  ...commonVariables,
  GRPC_ADDRESS: addressVariable.default('127.0.0.1:50051'),
  /** Where `/healthz` and `/metrics` are served; nowhere if it is not set. */
  GATEWAY_HEALTH_ADDRESS: addressVariable.optional(),
});
export type GatewayEnvironment = z.infer<typeof GatewayEnvironment>;

import { addressVariable, commonVariables } from '@rekey/runtime';
import { z } from 'zod';

export const GatewayEnvironment = z.object({
  ...commonVariables,
  GRPC_ADDRESS: addressVariable.default('127.0.0.1:50051'),
});
export type GatewayEnvironment = z.infer<typeof GatewayEnvironment>;

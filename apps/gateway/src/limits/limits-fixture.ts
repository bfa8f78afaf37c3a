import { parseEnvironment } from '@rekey/runtime';
import { GatewayEnvironment } from '../config.ts';
import { limitsOf, type GatewayLimits } from './limits.ts';

/** The limits of a gateway with these variables set. */
export const limitsWith = (env: NodeJS.ProcessEnv = {}): GatewayLimits =>
  limitsOf(parseEnvironment(GatewayEnvironment, env));

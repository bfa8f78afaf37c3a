import { parseEnvironment } from '@rekey/runtime';
import { GatewayEnvironment } from '../config.ts';
import { limitsOf, type GatewayLimits } from './limits.ts';
import type { ReturnPace } from './waits/return-times.ts';

/** The limits of a gateway with these variables set. */
export const limitsWith = (env: NodeJS.ProcessEnv = {}, waitsReturn?: ReturnPace): GatewayLimits =>
  limitsOf(parseEnvironment(GatewayEnvironment, env), waitsReturn);

import { withGateway, type GatewayOptions } from '../gateway-command.ts';

const WITHIN_MS = 5000;

/**
 * The status in grpc.health.v1, as an orchestrator reads it: `SERVING` or another. Throws a CliError if the
 * gateway does not answer.
 */
export const askHealth = (options: GatewayOptions): Promise<string> =>
  withGateway(options, (client) => client.health({ deadlineMs: WITHIN_MS }));

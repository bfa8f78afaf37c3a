import { withGateway } from '../gateway-command.ts';

const WITHIN_MS = 5000;

/**
 * Asks grpc.health.v1, as an orchestrator would: `SERVING`, or another status. Throws a CliError if the
 * gateway does not answer.
 */
export const askHealth = (gateway: string): Promise<string> =>
  withGateway({ gateway }, (client) => client.health({ deadlineMs: WITHIN_MS }));

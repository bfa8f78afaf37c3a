import { credentials, makeClientConstructor, type ServiceError } from '@grpc/grpc-js';
import { Command } from 'commander';
import { service } from 'grpc-health-check';
import { CliError, exitCodes, fromServiceError } from '../failure.ts';
import { print, withGatewayOptions, type GatewayOptions } from '../gateway-command.ts';

type HealthClient = {
  check(request: { service: string }, options: { deadline: Date }, callback: (error: ServiceError | null, response?: { status: string }) => void): void;
  close(): void;
};

/** Asks grpc.health.v1, as an orchestrator would. */
export const healthCommand = (): Command =>
  withGatewayOptions(new Command('health'))
    .description('ask the gateway whether it can serve; ends with 2 where it cannot')
    .action(async (options: GatewayOptions) => {
      const Health = makeClientConstructor(service, 'grpc.health.v1.Health');
      const client = new Health(options.gateway, credentials.createInsecure()) as unknown as HealthClient;
      const answer = await new Promise<string>((resolve, reject) => {
        client.check({ service: '' }, { deadline: new Date(Date.now() + 5000) }, (error, response) => {
          if (error) reject(fromServiceError(error, options.gateway));
          else resolve(response?.status ?? 'UNKNOWN');
        });
      }).finally(() => client.close());
      print(options, { status: answer }, answer);
      if (answer !== 'SERVING') throw new CliError('The gateway runs, but cannot serve: it does not reach its Redis.', 'NOT_SERVING', exitCodes.unavailable);
    });

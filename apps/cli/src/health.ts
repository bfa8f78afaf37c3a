import { credentials, makeClientConstructor, type ServiceError } from '@grpc/grpc-js';
import { service } from 'grpc-health-check';
import { fromServiceError } from './failure.ts';

type HealthClient = {
  check(request: { service: string }, options: { deadline: Date }, callback: (error: ServiceError | null, response?: { status: string }) => void): void;
  close(): void;
};

/** Asks grpc.health.v1, as an orchestrator would: `SERVING`, or another status. Throws a CliError where nobody answers. */
export const askHealth = async (address: string): Promise<string> => {
  const Health = makeClientConstructor(service, 'grpc.health.v1.Health');
  const client = new Health(address, credentials.createInsecure()) as unknown as HealthClient;
  return new Promise<string>((resolve, reject) => {
    client.check({ service: '' }, { deadline: new Date(Date.now() + 5000) }, (error, response) => {
      if (error) reject(fromServiceError(error, address));
      else resolve(response?.status ?? 'UNKNOWN');
    });
  }).finally(() => client.close());
};

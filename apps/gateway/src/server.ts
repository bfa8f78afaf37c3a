import { Server, ServerCredentials } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import type { AssistantServiceHandlers, Contract, RotationServiceHandlers } from '@rekey/rpc';
import { HealthImplementation } from 'grpc-health-check';

/** Requests hold a few ids and a reason. */
const MAX_REQUEST_BYTES = 64 * 1024;

export interface GatewayServer {
  readonly health: HealthImplementation;
  /** The names of the services, as in the contract. */
  readonly services: string[];
  /** Resolves with the port that it listens on. */
  listen(address: string): Promise<number>;
  /** Takes no more calls; those under way are cut off after the time. */
  close(withinMs: number): Promise<void>;
}

export const createServer = (contract: Contract, handlers: { rotations: RotationServiceHandlers; assistants: AssistantServiceHandlers }): GatewayServer => {
  const server = new Server({ 'grpc.max_receive_message_length': MAX_REQUEST_BYTES });
  server.addService(contract.v1.RotationService.service, handlers.rotations);
  server.addService(contract.v1.AssistantService.service, handlers.assistants);
  const health = new HealthImplementation();
  health.addToServer(server);
  new ReflectionService(contract.reflection).addToServer(server);

  return {
    health,
    services: ['rekey.v1.RotationService', 'rekey.v1.AssistantService'],
    listen: (address) =>
      new Promise((resolve, reject) => {
        server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => (error ? reject(error) : resolve(port)));
      }),
    close: (withinMs) =>
      new Promise((resolve) => {
        const deadline = setTimeout(() => server.forceShutdown(), withinMs);
        server.tryShutdown(() => {
          clearTimeout(deadline);
          resolve();
        });
      }),
  };
};

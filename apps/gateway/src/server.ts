import { Server, ServerCredentials } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { explainTransportErrors, type Contract } from '@rekey/rpc';
import { HealthImplementation } from 'grpc-health-check';
import type { Services } from './services.ts';

/** Requests hold a few ids and a reason. */
const MAX_REQUEST_BYTES = 64 * 1024;
/**
 * How often a connection is asked whether its other end is still there, and how long it may take to answer:
 * what is lost without a word, as of a machine that is gone, holds its streams no longer than that. As often
 * as callers ping may they: grpc-js counts none.
 */
const KEEP_ALIVE_MS = 30_000;
const KEEP_ALIVE_TIMEOUT_MS = 20_000;

export interface GatewayServer {
  readonly health: HealthImplementation;
  /** The names of the services, as in the contract. */
  readonly services: string[];
  /** Resolves with the port that it listens on. */
  listen(address: string): Promise<number>;
  /** Takes no more calls; those under way are cut off after the time. */
  close(withinMs: number): Promise<void>;
}

export const createServer = (
  contract: Contract,
  services: Services,
  {
    keepAliveMs = KEEP_ALIVE_MS,
    keepAliveTimeoutMs = KEEP_ALIVE_TIMEOUT_MS,
  }: { keepAliveMs?: number; keepAliveTimeoutMs?: number } = {},
): GatewayServer => {
  const server = new Server({
    interceptors: [explainTransportErrors(MAX_REQUEST_BYTES)],
    'grpc.max_receive_message_length': MAX_REQUEST_BYTES,
    'grpc.keepalive_time_ms': keepAliveMs,
    'grpc.keepalive_timeout_ms': keepAliveTimeoutMs,
  });
  const names = Object.keys(services) as (keyof Services)[];
  for (const name of names) server.addService(contract.v1[name].service, services[name]);
  const health = new HealthImplementation();
  health.addToServer(server);
  new ReflectionService(contract.reflection).addToServer(server);

  return {
    health,
    services: names.map((name) => `rekey.v1.${name}`),
    listen: (address) =>
      new Promise((resolve, reject) => {
        server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) =>
          error ? reject(error) : resolve(port),
        );
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

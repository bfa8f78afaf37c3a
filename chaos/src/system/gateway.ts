import { createRekeyClient, type RekeyClient } from '@rekey/client';
import { createTcpProxy, freePort, launchApp, type TcpProxy } from '@rekey/testing';
import { insist } from './insist.ts';

export interface Gateway {
  client: RekeyClient;
  /** The proxy between the gateway and Redis. */
  redis: TcpProxy;
  /** Kills the process, and starts another one at the same address. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** `insists`: repeats a start that is refused, since something else writes to Redis. */
export const startGateway = async (
  redisPort: number,
  { keyFile, insists }: { keyFile: string; insists: boolean },
  onLine: (line: string) => void,
): Promise<Gateway> => {
  const address = `127.0.0.1:${await freePort()}`;
  const redis = await createTcpProxy({ port: redisPort });
  const env = {
    REDIS_URL: `redis://127.0.0.1:${redis.port}`,
    GRPC_ADDRESS: address,
    REKEY_GATEWAY_KEY_FILE: keyFile,
    LOG_LEVEL: 'warn',
  };
  const launch = () => launchApp('gateway', { env, onLine });
  const start = () => (insists ? insist(launch) : launch());
  let app = await start();
  // The callers decide what to repeat.
  const client = createRekeyClient({
    address,
    retry: false,
    keepAlive: { intervalMs: 5000, timeoutMs: 5000 },
  });
  return {
    client,
    redis,
    restart: async () => {
      await app.child.kill();
      app = await start();
    },
    stop: async () => {
      client.close();
      await app.child.kill();
      await redis.close();
    },
  };
};

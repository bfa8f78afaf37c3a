import { createTcpProxy, freePort, launchApp, type TcpProxy } from '@rekey/testing';
import { insist } from './insist.ts';

export interface Gateway {
  address: string;
  /** The proxy between the gateway and Redis. */
  redis: TcpProxy;
  /** Kills the process, and starts another one at the same address. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

interface GatewayOptions {
  keyFile: string;
  /** Who may do what. Without it, everybody may do everything. */
  accessFile: string | undefined;
  /** Repeats a start that is refused: something else writes to Redis. */
  insists: boolean;
}

export const startGateway = async (
  redisPort: number,
  { keyFile, accessFile, insists }: GatewayOptions,
  onLine: (line: string) => void,
): Promise<Gateway> => {
  const address = `127.0.0.1:${await freePort()}`;
  const redis = await createTcpProxy({ port: redisPort });
  const env = {
    REDIS_URL: `redis://127.0.0.1:${redis.port}`,
    GRPC_ADDRESS: address,
    REKEY_GATEWAY_KEY_FILE: keyFile,
    ...(accessFile !== undefined && { REKEY_ACCESS_FILE: accessFile }),
    LOG_LEVEL: 'warn',
  };
  const launch = () => launchApp('gateway', { env, onLine });
  const start = () => (insists ? insist(launch) : launch());
  let app = await start();
  return {
    address,
    redis,
    restart: async () => {
      await app.child.kill();
      app = await start();
    },
    stop: async () => {
      await app.child.kill();
      await redis.close();
    },
  };
};

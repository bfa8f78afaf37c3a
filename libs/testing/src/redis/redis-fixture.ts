import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import { startRedis, type RedisServer } from './redis-server.ts';

interface Connection {
  flushall(): Promise<unknown>;
  disconnect(): void;
}

/**
 * For a spec file: a Redis of its own, empty before each test. `connect` makes the connection of the spec,
 * which is closed at the end. Call it before other hooks are registered that use the connection.
 */
export const useRedis = (connect: (url: string) => Connection): { url(): string } => {
  let server: RedisServer;
  let connection: Connection;
  beforeAll(async () => {
    server = await startRedis();
    connection = connect(server.url);
  });
  afterAll(async () => {
    connection.disconnect();
    await server.dispose();
  });
  beforeEach(async () => {
    await connection.flushall();
  });
  return { url: () => server.url };
};

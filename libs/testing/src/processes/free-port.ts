import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Where free ports are looked for: below those that systems give to outgoing connections and to listeners
 * without a port of their own, which could take it before the caller does, or while its server restarts.
 */
const FREE_PORTS = { lowest: 20_000, count: 12_000 };
const ATTEMPTS = 100;

/** Returns a port that is free at this moment; rejects if the given one is not. */
export const freePort = async (port = 0): Promise<number> => {
  if (port !== 0) return tryPort(port);
  for (let left = ATTEMPTS; ; left -= 1) {
    try {
      return await tryPort(FREE_PORTS.lowest + randomInt(FREE_PORTS.count));
    } catch (error) {
      if (left === 1) throw error;
    }
  }
};

const tryPort = (port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(port)));
  });

export const isPortFree = (port: number): Promise<boolean> =>
  freePort(port).then(
    () => true,
    () => false,
  );

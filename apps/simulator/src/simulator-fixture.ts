import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdmin } from './admin/admin.ts';
import type { ApiOptions } from './api/api-options.ts';
import { createApi } from './api/api.ts';
import { noCounts } from './api/counts.ts';
import { createRequestLimit } from './api/request-limit.ts';
import { createFaults, type Faults } from './faults/faults.ts';
import { createWorld, type World } from './world/world.ts';

interface CallOptions {
  method?: string;
  key?: string;
  headers?: Record<string, string>;
}

/** A simulator in this process, with 250 assistants in its org and its sub-org. */
export interface Simulator {
  readonly world: World;
  /** The base URL of the API. */
  readonly base: string;
  /** Calls the API at a path. */
  call(path: string, options?: CallOptions): Promise<Response>;
  admin(method: string, path: string, body?: object): Promise<Response>;
  close(): void;
}

interface SimulatorOptions extends Partial<Pick<ApiOptions, 'latencyMs' | 'limit'>> {
  faults?: Faults;
  assistants?: number;
}

export const startSimulator = async (options: SimulatorOptions = {}): Promise<Simulator> => {
  const { faults = createFaults(), assistants = 250, latencyMs = 0 } = options;
  const limit = options.limit ?? createRequestLimit(0, 0);
  const world = createWorld({ orgId: 'org', apiKey: 'parent', subOrgs: 1, assistants });
  const counts = noCounts();
  const api = createApi({ world, faults, limit, counts, latencyMs, retryAfter: 'seconds' });
  const admin = createAdmin({ world, faults, counts });
  const [base, adminBase] = [await listen(api), await listen(admin)];
  return {
    world,
    base,
    call: (path, { method = 'GET', key = 'parent', headers = {} } = {}) =>
      fetch(`${base}${path}`, { method, headers: { authorization: `Bearer ${key}`, ...headers } }),
    admin: (method, path, body) =>
      fetch(`${adminBase}${path}`, { method, ...(body && { body: JSON.stringify(body) }) }),
    close: () => {
      for (const server of [api, admin]) {
        server.closeAllConnections();
        server.close();
      }
    },
  };
};

const listen = async (server: Server): Promise<string> => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

export const json = async (response: Response) => (await response.json()) as any;

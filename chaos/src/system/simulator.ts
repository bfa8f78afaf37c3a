import { launchApp, type App } from '@rekey/testing';

/** Calls the simulator's admin API, and resolves with its JSON. Rejects if it answers with an error. */
export type Admin = <T>(method: string, path: string, body?: object) => Promise<T>;

export const createAdmin =
  ({ ready }: App): Admin =>
  async <T>(method: string, path: string, body?: object): Promise<T> => {
    const response = await fetch(`${ready['adminAddress']}${path}`, {
      method,
      body: body ? JSON.stringify(body) : null,
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status}`);
    return (response.status === 204 ? undefined : await response.json()) as T;
  };

export const API_KEY = 'api-key-of-the-chaos';

export interface Simulator {
  app: App;
  admin: Admin;
  port: number;
}

export const startSimulator = async (
  { subOrgs, assistants, seed }: { subOrgs: number; assistants: number; seed: number },
  onLine: (line: string) => void,
): Promise<Simulator> => {
  const options = {
    port: 0,
    'admin-port': 0,
    'requests-per-minute': 0,
    'sub-orgs': subOrgs,
    assistants,
    'latency-ms': 3,
    seed,
  };
  const app = await launchApp('simulator', {
    args: Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]),
    env: { SIMULATOR_API_KEY: API_KEY },
    onLine,
  });
  return { app, admin: createAdmin(app), port: Number(new URL(app.ready['address']!).port) };
};

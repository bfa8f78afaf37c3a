import { readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { startRekey, type RekeyOptions } from '../support/rekey.ts';
import { proxyTo, startSystem, type System } from '../support/system.ts';

/** A whole system with the consumer `billing`, and agents whose Redis is behind a proxy. */
export interface AgentSystem {
  system: System;
  proxy: Awaited<ReturnType<typeof proxyTo>>;
  path(name: string): string;
  /** Runs `rekey agent` with these arguments. */
  agent(args: string[], options?: RekeyOptions): ReturnType<typeof startRekey>;
  /** The same, until it is ready. */
  startAgent(config?: string): Promise<ReturnType<typeof startRekey>>;
  stop(): Promise<void>;
}

interface Answer {
  status: number;
  json: Record<string, any>;
}

export const ask = (socketPath: string, method: string, path: string, body?: object): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const asked = request({ socketPath, method, path, agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode!, json: JSON.parse(text) }));
    });
    asked.on('error', reject);
    asked.end(body && JSON.stringify(body));
  });

const CONFIG = `
consumer: billing
key_file: billing.json
http: {socket: {path: agent.sock, mode: '0660'}}
files:
  - path: keys.json
    format: json
    # As slow as a reload is; what it has seen is in the log.
    command: ["sleep 0.3; cat keys.json >> reloads.log"]
    shell: true
debounce: 50ms
cache: {path: keys.cache, every: 100ms}
ready_timeout: 3s
`;

export const startAgentSystem = async (folder: string): Promise<AgentSystem> => {
  const system = await startSystem();
  const proxy = await proxyTo(system.redisServer.url);
  const path = (name: string): string => join(folder, name);
  const agent: AgentSystem['agent'] = (args, { env, ...options } = {}) =>
    startRekey(system, ['agent', ...args], { ...options, env: { REDIS_URL: proxy.url, ...env } });
  expect((await startRekey(system, ['consumer', 'keygen', path('billing.json')]).result).code).toBe(0);
  const add = ['consumer', 'add', 'billing', '--key-file', path('billing.json'), '--org', '*'];
  expect((await startRekey(system, add).result).code).toBe(0);
  // The command of the file runs in the folder of the spec.
  await writeFile(
    path('agent.yaml'),
    CONFIG.replaceAll(/(keys\.json|reloads\.log)(?=[ "])/g, (name) => path(name)),
  );
  return {
    system,
    proxy,
    path,
    agent,
    startAgent: async (config = 'agent.yaml') => {
      const started = agent(['--config', path(config)]);
      await started.untilOut(/"event":"ready"/);
      return started;
    },
    stop: async () => {
      await proxy.close();
      await system.stop();
    },
  };
};

/** The key in the file of the agent. */
export const keyInFile = async (path: string, assistantId: string): Promise<string | undefined> =>
  (JSON.parse(await readFile(path, 'utf8')) as { assistants: Record<string, { secret_key: string }> })
    .assistants[assistantId]?.secret_key;

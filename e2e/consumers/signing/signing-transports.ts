import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRekey } from '../../support/rekey.ts';
import type { System } from '../../support/system.ts';

/** How a service that signs gets its keys. */
export interface SigningTransport {
  /** What it reaches, as a URL with a port: a proxy may stand before it. */
  target(system: System): string;
  /** The variables by which signing-process.ts opens its keys (see signing-keys.ts), through `url`. */
  open(
    url: string,
    consumer: { name: string; keyFile: string },
    system: System,
  ): Promise<{ env: Record<string, string>; close?(): Promise<unknown> }>;
}

export const signingTransports = {
  redis: {
    target: ({ redisServer }) => redisServer.url,
    open: async (url, { name, keyFile }) => ({
      env: { KEYS_FROM: 'redis', REDIS_URL: url, CONSUMER: name, KEY_FILE: keyFile },
    }),
  },
  gateway: {
    target: ({ gateway }) => `http://${gateway.ready['address']}`,
    open: async (url, { name, keyFile }) => ({
      env: { KEYS_FROM: 'gateway', GATEWAY: new URL(url).host, CONSUMER: name, KEY_FILE: keyFile },
    }),
  },
  agent: {
    target: ({ redisServer }) => redisServer.url,
    open: async (url, { name, keyFile }, system) => {
      const folder = await mkdtemp(join(tmpdir(), 'rekey-signing-agent-'));
      const [socket, file] = [join(folder, 'agent.sock'), join(folder, 'keys.json')];
      const config = {
        consumer: name,
        key_file: keyFile,
        stale_after: '1s',
        http: { socket: { path: socket } },
      };
      const path = join(folder, 'agent.yaml');
      await writeFile(path, JSON.stringify({ ...config, files: [{ path: file, format: 'json' }] }));
      const agent = startRekey(system, ['agent', '--config', path], { env: { REDIS_URL: url } });
      await agent.untilOut(/"event":"ready"/);
      return {
        env: { KEYS_FROM: 'agent', AGENT_SOCKET: socket, KEYS_FILE: file },
        close: async () => {
          await agent.child.kill();
          await rm(folder, { recursive: true });
        },
      };
    },
  },
} satisfies Record<string, SigningTransport>;

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
} satisfies Record<string, SigningTransport>;

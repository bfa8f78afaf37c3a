import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRekeyClient, type RekeyClient, type Rotation } from '@rekey/client';
import { CONSUMER_CHANGED, KEY_ROTATED, KeyEvent, type KeyRotated, type SealedRecord } from '@rekey/schema';
import { createKeyFile, createSealer, loadKeyFile, openRecord, type Sealer } from '@rekey/sealing';
import {
  createTcpProxy,
  launchApp,
  startRedis,
  type App,
  type RedisServer,
  type RedisServerOptions,
  type TcpProxy,
} from '@rekey/testing';
import { Redis } from 'ioredis';

export const API_KEY = 'api-key-of-the-tests-7Yw2';

/** The whole of Rekey as real processes, beside a Redis and a simulator of its own. */
export interface System {
  readonly redisServer: RedisServer;
  readonly redis: Redis;
  readonly simulator: App;
  readonly gateway: App;
  /** The one that it began with. */
  readonly worker: App | undefined;
  readonly client: RekeyClient;
  readonly keyFile: string;
  readonly sealer: Sealer;
  /** What a further process needs in its environment. */
  readonly environment: Record<string, string>;
  startWorker(env?: Record<string, string>): Promise<App>;
  startGateway(env?: Record<string, string>): Promise<App>;
  admin(method: string, path: string, body?: object): Promise<any>;
  rotate(assistantId: string, orgId?: string): Promise<Rotation>;
  /** Asks for a rotation and waits for its end. */
  rotateAndWait(assistantId: string, orgId?: string): Promise<Rotation>;
  waitFor(id: string, timeoutSeconds?: number): Promise<Rotation>;
  /** Those of assistants. Rejects where the numbers of all events are not dense. */
  events(): Promise<KeyEvent[]>;
  /** Those of them that are key versions with a key. */
  versions(): Promise<KeyRotated[]>;
  openLast(
    assistantId: string,
  ): Promise<SealedRecord & { assistant: { secret_key?: string | null | undefined } }>;
  trueKey(assistantId: string): Promise<string | null>;
  /** Everything that any process has written. */
  output(): string;
  stop(): Promise<void>;
}

export interface SystemOptions {
  simulator?: string[];
  worker?: Record<string, string> | false;
  gateway?: Record<string, string>;
  redis?: RedisServerOptions;
  /** Laid over the environment of every process. */
  timing?: Record<string, string>;
}

/** A client that retries nothing: a call fails as the gateway has it fail. */
export const connect = (address: string): RekeyClient =>
  createRekeyClient({ address, retry: false, keepAlive: { intervalMs: 5000, timeoutMs: 5000 } });

/** A proxy before the server of a URL, and the URL that leads through it. */
export const proxyTo = async (url: string): Promise<TcpProxy & { url: string }> => {
  const proxy = await createTcpProxy({ port: Number(new URL(url).port) });
  return { ...proxy, url: url.replace(/:\d+$/, `:${proxy.port}`) };
};

export const startSystem = async (options: SystemOptions = {}): Promise<System> => {
  const folder = await mkdtemp(join(tmpdir(), 'rekey-e2e-'));
  const keyFile = join(folder, 'key.json');
  await createKeyFile(keyFile);
  const sealer = createSealer(await loadKeyFile(keyFile));
  const redisServer = await startRedis(options.redis);
  const redis = new Redis(redisServer.url, { retryStrategy: () => 50 });
  redis.on('error', () => {});
  const simulator = await launchApp('simulator', {
    args: ['--port', '0', '--admin-port', '0', '--requests-per-minute', '0', ...(options.simulator ?? [])],
    env: { SIMULATOR_API_KEY: API_KEY },
  });
  const environment = {
    REDIS_URL: redisServer.url,
    INVENT_BASE_URL: simulator.ready['address']!,
    INVENT_API_KEY: API_KEY,
    INVENT_REQUESTS_PER_MINUTE: '0',
    REKEY_KEY_FILE: keyFile,
    GRPC_ADDRESS: '127.0.0.1:0',
    INVENT_TIMEOUT_MS: '1000',
    REKEY_LANDING_WINDOW_MS: '1500',
    REKEY_READ_LAG_MS: '200',
    REKEY_CONFIRM_AFTER_MS: '500',
    REKEY_TAKEOVER_AFTER_MS: '12000',
    REKEY_SWEEP_EVERY_MS: '0',
    LOG_LEVEL: 'debug',
    ...options.timing,
  };
  const apps: App[] = [simulator];
  const start = async (name: 'worker' | 'gateway', env: Record<string, string> = {}) => {
    const app = await launchApp(name, { env: { ...environment, ...env } });
    apps.push(app);
    return app;
  };
  const gateway = await start('gateway', options.gateway);
  const client = connect(gateway.ready['address']!);
  const worker = options.worker === false ? undefined : await start('worker', options.worker);
  // A gateway listens before it has reached its Redis, and says UNAVAILABLE until then. What a spec does
  // without a Redis, it does later.
  await eventually(
    () =>
      client.getStatus().then(
        () => true,
        () => false,
      ),
    (serves) => serves,
  );

  const admin = async (method: string, path: string, body?: object): Promise<any> => {
    const response: Response = await fetch(`${simulator.ready['adminAddress']}${path}`, {
      method,
      body: body ? JSON.stringify(body) : null,
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (response.status === 204 ? undefined : response.json()) as any;
  };
  const rotate = (assistantId: string, orgId = 'org_demo') => client.rotateSecretKey({ orgId, assistantId });
  const waitFor = (id: string, timeoutSeconds = 20) =>
    client.waitRotation({ id, timeoutMs: timeoutSeconds * 1000 });
  const events = async () => {
    const all = (await redis.xrange('{rekey}:events', '-', '+')).map(
      ([, fields]) => JSON.parse(fields[1]!) as { type: string; data: { seq: number } },
    );
    const gap = all.find(({ data }, i) => i > 0 && data.seq !== all[i - 1]!.data.seq + 1);
    if (gap) throw new Error(`an event is missing before seq ${gap.data.seq}`);
    return all.filter(({ type }) => type !== CONSUMER_CHANGED).map((event) => KeyEvent.parse(event));
  };
  const versions = async () =>
    (await events()).filter((event): event is KeyRotated => event.type === KEY_ROTATED);
  return {
    redisServer,
    redis,
    simulator,
    gateway,
    worker,
    client,
    keyFile,
    sealer,
    environment,
    admin,
    rotate,
    waitFor,
    events,
    versions,
    startWorker: (env) => start('worker', env),
    startGateway: (env) => start('gateway', env),
    rotateAndWait: async (assistantId, orgId) => waitFor((await rotate(assistantId, orgId)).id),
    openLast: async (assistantId) => {
      const last = (await versions()).findLast(({ subject }) => subject === assistantId);
      if (!last) throw new Error(`no event of ${assistantId}`);
      return openRecord(sealer, last);
    },
    trueKey: async (assistantId) => (await admin('GET', `/assistants/${assistantId}`)).record.secret_key,
    output: () => apps.map((app) => app.output()).join(''),
    stop: async () => {
      client.close();
      redis.disconnect();
      for (const app of apps.toReversed()) await app.child.kill();
      await redisServer.dispose();
      await rm(folder, { recursive: true });
    },
  };
};

/** Everything that is in a Redis, as text. */
export const dumpRedis = async (redis: Redis): Promise<string> => {
  const texts: string[] = [];
  for (const key of await redis.keys('*')) {
    texts.push(key);
    switch (await redis.type(key)) {
      case 'string':
        texts.push((await redis.get(key))!);
        break;
      case 'hash':
        texts.push(JSON.stringify(await redis.hgetall(key)));
        break;
      case 'stream':
        texts.push(JSON.stringify(await redis.xrange(key, '-', '+')));
        break;
      case 'zset':
        texts.push(JSON.stringify(await redis.zrange(key, '0', '-1')));
        break;
      case 'list':
        texts.push(JSON.stringify(await redis.lrange(key, 0, -1)));
        break;
      case 'set':
        texts.push(JSON.stringify(await redis.smembers(key)));
        break;
    }
  }
  return texts.join('\n');
};

/** Asks until the answer is good. Throws with the last answer when the time is up. */
export const eventually = async <T>(
  what: () => Promise<T>,
  good: (value: T) => boolean,
  withinMs = 15_000,
): Promise<T> => {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const value = await what();
    if (good(value)) return value;
    if (performance.now() > deadline) throw new Error(`still ${JSON.stringify(value)?.slice(0, 2000)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};

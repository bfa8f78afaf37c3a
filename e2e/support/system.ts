import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRekeyClient, type RekeyClient, type Rotation } from '@rekey/client';
import { CONSUMER_CHANGED, KEY_ROTATED, KeyEvent, KeyRotated, type SealedRecord } from '@rekey/schema';
import {
  createGatewayKeyFile,
  createKeyFile,
  createSealer,
  loadKeyFile,
  openRecord,
  type Sealer,
} from '@rekey/sealing';
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

/** All processes of Rekey, with a Redis and a simulator of their own. */
export interface System {
  readonly redisServer: RedisServer;
  readonly redis: Redis;
  readonly simulator: App;
  readonly gateway: App;
  /** The first worker. */
  readonly worker: App | undefined;
  readonly client: RekeyClient;
  readonly keyFile: string;
  readonly sealer: Sealer;
  /** The environment of a further process. */
  readonly environment: Record<string, string>;
  startWorker(env?: Record<string, string>): Promise<App>;
  startGateway(env?: Record<string, string>): Promise<App>;
  admin(method: string, path: string, body?: object): Promise<any>;
  rotate(assistantId: string, orgId?: string): Promise<Rotation>;
  /** Requests a rotation and waits for its end. */
  rotateAndWait(assistantId: string, orgId?: string): Promise<Rotation>;
  waitFor(id: string, timeoutSeconds?: number): Promise<Rotation>;
  /** The events of assistants. Rejects if the stream's numbers have a gap. */
  events(): Promise<KeyEvent[]>;
  /** The events that publish a key. */
  versions(): Promise<KeyRotated[]>;
  openLast(
    assistantId: string,
  ): Promise<SealedRecord & { assistant: { secret_key?: string | null | undefined } }>;
  /** The assistant's key upstream. */
  trueKey(assistantId: string): Promise<string | null>;
  /** The output of all processes so far. */
  output(): string;
  stop(): Promise<void>;
}

export interface SystemOptions {
  simulator?: string[];
  worker?: Record<string, string> | false;
  gateway?: Record<string, string>;
  redis?: RedisServerOptions;
  /** Overrides variables of every process. */
  timing?: Record<string, string>;
}

/** Connects a client that does not retry: specs see each failure of the gateway. */
export const connect = (address: string): RekeyClient =>
  createRekeyClient({ address, retry: false, keepAlive: { intervalMs: 5000, timeoutMs: 5000 } });

/** Starts a proxy to the server of a URL. `url` is the same URL through the proxy. */
export const proxyTo = async (url: string): Promise<TcpProxy & { url: string }> => {
  const proxy = await createTcpProxy({ port: Number(new URL(url).port) });
  return { ...proxy, url: url.replace(/:\d+$/, `:${proxy.port}`) };
};

/** Starts processes of Rekey, and ends them all. */
const createLauncher = (environment: Record<string, string>) => {
  const apps: App[] = [];
  return {
    add: (app: App): App => {
      apps.push(app);
      return app;
    },
    start: async (name: 'worker' | 'gateway', env: Record<string, string> = {}): Promise<App> => {
      const app = await launchApp(name, { env: { ...environment, ...env } });
      apps.push(app);
      return app;
    },
    output: () => apps.map((app) => app.output()).join(''),
    stop: async () => {
      for (const app of apps.toReversed()) await app.child.kill();
    },
  };
};

/** Creates the key files of worker and gateway. */
const createKeyFiles = async (folder: string) => {
  const keyFile = join(folder, 'key.json');
  await createKeyFile(keyFile);
  const loaded = await loadKeyFile(keyFile);
  const gatewayKeyFile = join(folder, 'gateway-key.json');
  await createGatewayKeyFile(gatewayKeyFile, loaded);
  return { keyFile, gatewayKeyFile, sealer: createSealer(loaded) };
};

const environmentOf = (
  redisUrl: string,
  simulator: App,
  { keyFile, gatewayKeyFile }: { keyFile: string; gatewayKeyFile: string },
) => ({
  REDIS_URL: redisUrl,
  INVENT_BASE_URL: simulator.ready['address']!,
  INVENT_API_KEY: API_KEY,
  INVENT_REQUESTS_PER_MINUTE: '0',
  REKEY_KEY_FILE: keyFile,
  REKEY_GATEWAY_KEY_FILE: gatewayKeyFile,
  GRPC_ADDRESS: '127.0.0.1:0',
  INVENT_TIMEOUT_MS: '1000',
  REKEY_LANDING_WINDOW_MS: '1500',
  REKEY_READ_LAG_MS: '200',
  REKEY_CONFIRM_AFTER_MS: '500',
  REKEY_TAKEOVER_AFTER_MS: '12000',
  REKEY_SWEEP_EVERY_MS: '0',
  LOG_LEVEL: 'debug',
});

/** A gateway listens before it has reached Redis, and answers UNAVAILABLE until then. */
const untilServing = (client: RekeyClient): Promise<boolean> =>
  eventually(
    () =>
      client.getStatus().then(
        () => true,
        () => false,
      ),
    (serves) => serves,
  );

const createAdmin =
  (simulator: App): System['admin'] =>
  async (method: string, path: string, body?: object): Promise<any> => {
    const response: Response = await fetch(`${simulator.ready['adminAddress']}${path}`, {
      method,
      body: body ? JSON.stringify(body) : null,
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (response.status === 204 ? undefined : response.json()) as any;
  };

const EVENTS = '{rekey}:events';

const readEvents = async (redis: Redis): Promise<KeyEvent[]> => {
  const all = (await redis.xrange(EVENTS, '-', '+')).map(
    ([, fields]) => JSON.parse(fields[1]!) as { type: string; data: { seq: number } },
  );
  const gap = all.find(({ data }, i) => i > 0 && data.seq !== all[i - 1]!.data.seq + 1);
  if (gap) throw new Error(`an event is missing before seq ${gap.data.seq}`);
  return all.filter(({ type }) => type !== CONSUMER_CHANGED).map((event) => KeyEvent.parse(event));
};

/** The last event that publishes a key of the assistant. Reads no more of the stream than that takes. */
const readLastVersion = async (redis: Redis, assistantId: string): Promise<KeyRotated> => {
  let end = '+';
  for (;;) {
    const page = await redis.xrevrange(EVENTS, end, '-', 'COUNT', 4);
    for (const [, fields] of page) {
      const event = JSON.parse(fields[1]!) as { type: string; subject: string };
      if (event.type === KEY_ROTATED && event.subject === assistantId) return KeyRotated.parse(event);
    }
    if (page.length === 0) throw new Error(`no event of ${assistantId}`);
    end = `(${page.at(-1)![0]}`;
  }
};

/** What specs do with a system whose processes run. */
const createActions = (
  client: RekeyClient,
  redis: Redis,
  admin: System['admin'],
  sealer: Sealer,
): Pick<System, 'rotate' | 'rotateAndWait' | 'waitFor' | 'events' | 'versions' | 'openLast' | 'trueKey'> => {
  const rotate = (assistantId: string, orgId = 'org_demo') => client.rotateSecretKey({ orgId, assistantId });
  const waitFor = (id: string, timeoutSeconds = 20) =>
    client.waitRotation({ id, timeoutMs: timeoutSeconds * 1000 });
  const versions = async () =>
    (await readEvents(redis)).filter((event): event is KeyRotated => event.type === KEY_ROTATED);
  return {
    rotate,
    waitFor,
    versions,
    events: () => readEvents(redis),
    rotateAndWait: async (assistantId, orgId) => waitFor((await rotate(assistantId, orgId)).id),
    openLast: async (assistantId) => openRecord(sealer, await readLastVersion(redis, assistantId)),
    trueKey: async (assistantId) => (await admin('GET', `/assistants/${assistantId}`)).record.secret_key,
  };
};

export const startSystem = async (options: SystemOptions = {}): Promise<System> => {
  const folder = await mkdtemp(join(tmpdir(), 'rekey-e2e-'));
  const keyFiles = await createKeyFiles(folder);
  const { keyFile, sealer } = keyFiles;
  const redisServer = await startRedis(options.redis);
  const redis = new Redis(redisServer.url, { retryStrategy: () => 50 });
  redis.on('error', () => {});
  const simulator = await launchApp('simulator', {
    args: ['--port', '0', '--admin-port', '0', '--requests-per-minute', '0', ...(options.simulator ?? [])],
    env: { SIMULATOR_API_KEY: API_KEY },
  });
  const environment = { ...environmentOf(redisServer.url, simulator, keyFiles), ...options.timing };
  const launcher = createLauncher(environment);
  launcher.add(simulator);
  const gateway = await launcher.start('gateway', options.gateway);
  const client = connect(gateway.ready['address']!);
  const worker = options.worker === false ? undefined : await launcher.start('worker', options.worker);
  await untilServing(client);
  const admin = createAdmin(simulator);
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
    ...createActions(client, redis, admin, sealer),
    startWorker: (env) => launcher.start('worker', env),
    startGateway: (env) => launcher.start('gateway', env),
    output: launcher.output,
    stop: async () => {
      client.close();
      redis.disconnect();
      await launcher.stop();
      await redisServer.dispose();
      await rm(folder, { recursive: true });
    },
  };
};

/** All keys of a Redis and their values, as text. */
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

/** After a second, looks are further apart: each takes some milliseconds of CPU, of two processes or more. */
const LOOK_AGAIN_MS = { soon: 50, later: 150 };

/** Repeats `what` until its value is good. Rejects with the last value if that takes too long. */
export const eventually = async <T>(
  what: () => Promise<T>,
  good: (value: T) => boolean,
  withinMs = 15_000,
): Promise<T> => {
  const startMs = performance.now();
  for (;;) {
    const value = await what();
    if (good(value)) return value;
    const passedMs = performance.now() - startMs;
    if (passedMs > withinMs) throw new Error(`still ${JSON.stringify(value)?.slice(0, 2000)}`);
    const waitMs = passedMs < 1000 ? LOOK_AGAIN_MS.soon : LOOK_AGAIN_MS.later;
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
};

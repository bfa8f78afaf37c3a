import { createHmac } from 'node:crypto';
import { subscribe } from '@rekey/subscriber';
import { Redis } from 'ioredis';

/*
 * A consumer in a process of its own. MODE decides how it learns of keys: `sdk` (libs/subscriber, over Redis,
 * or over the gateway at GATEWAY), `channel` (a plain SUBSCRIBE loop that parses each message) or `poll`
 * (reads the current records once a second). It writes to stdout when it is ready. On SIGUSR2 it writes when
 * it had each new version; with the SDK, when it had signed with it.
 */

const {
  REDIS_URL = '',
  GATEWAY = '',
  MODE = 'sdk',
  CONSUMER = '',
  KEY_FILE = '',
  WATCHED = '',
} = process.env;
const nowMs = () => performance.timeOrigin + performance.now();
const stream = '{rekey}:events';
/** When each version was there. */
const seen: [assistantId: string, atMs: number][] = [];
const write = (what: object) => process.stdout.write(`${JSON.stringify(what)}\n`);

const consumeBySdk = async (): Promise<() => Promise<void>> => {
  const before = performance.now();
  global.gc?.();
  const [rssBefore, heapBefore] = [process.memoryUsage().rss, process.memoryUsage().heapUsed];
  const keys = await subscribe({
    ...(GATEWAY === '' ? { redis: REDIS_URL } : { gateway: { address: GATEWAY } }),
    consumer: CONSUMER,
    privateKey: KEY_FILE,
    readyTimeoutMs: 120_000,
  });
  const readyMs = performance.now() - before;
  global.gc?.();
  const each = (bytes: number) => (keys.size > 0 ? bytes / keys.size : 0);
  const memory = {
    heapBytesEach: each(process.memoryUsage().heapUsed - heapBefore),
    residentBytesEach: each(process.memoryUsage().rss - rssBefore),
  };
  keys.on('key', ({ assistantId }) => {
    keys.signUserHash(assistantId, 'user-1');
    seen.push([assistantId, nowMs()]);
  });
  const signing = () => {
    const assistantId = keys.assistantIds().next().value;
    if (assistantId === undefined) return {};
    const current = keys.current(assistantId)!;
    const secret = current.state === 'held' ? current.secretKey : '';
    const COUNT = 100_000;
    const timed = (sign: (user: string) => string) => {
      const start = performance.now();
      for (let i = 0; i < COUNT; i += 1) sign(`user-${i}`);
      return COUNT / (performance.now() - start);
    };
    // In turns, each once for the compiler.
    const bare = (user: string) => createHmac('sha256', secret).update(user).digest('hex');
    const own = (user: string) => keys.signUserHash(assistantId, user);
    const [, , ...rounds] = Array.from({ length: 8 }, (_, i) => (i % 2 ? timed(bare) : timed(own)));
    const ratios = [0, 2, 4].map((i) => rounds[i]! / rounds[i + 1]!).toSorted((a, b) => a - b);
    return { signRatio: ratios[1], signsPerMs: rounds[0] };
  };
  write({ ready: true, readyMs, keys: keys.size, ...memory, ...(process.env['SIGN'] && signing()) });
  return () => keys.close();
};

const consumeByChannel = async (): Promise<() => Promise<void>> => {
  const redis = new Redis(REDIS_URL);
  redis.on('message', (_channel, text: string) => {
    const { subject } = JSON.parse(text) as { subject: string };
    seen.push([subject, nowMs()]);
  });
  await redis.subscribe(stream);
  write({ ready: true });
  return async () => redis.disconnect();
};

const consumeByPolling = async (): Promise<() => Promise<void>> => {
  const redis = new Redis(REDIS_URL);
  const watched = WATCHED.split(',');
  const versions = new Map<string, number>();
  let hasBegun = false;
  const poll = async () => {
    for (const [i, text] of (await redis.mget(watched.map((id) => `{rekey}:current:${id}`))).entries()) {
      if (text === null) continue;
      const { subject, data } = JSON.parse(text) as { subject: string; data: { version: number } };
      if (hasBegun && versions.get(watched[i]!) !== data.version) seen.push([subject, nowMs()]);
      versions.set(watched[i]!, data.version);
    }
  };
  await poll();
  hasBegun = true;
  const timer = setInterval(() => void poll(), 1000);
  write({ ready: true });
  return async () => {
    clearInterval(timer);
    redis.disconnect();
  };
};

const close = await { sdk: consumeBySdk, channel: consumeByChannel, poll: consumeByPolling }[MODE]!();
process.on('SIGUSR2', () => write({ seen: seen.splice(0) }));
process.once('SIGTERM', () => void close().then(() => process.exit(0)));

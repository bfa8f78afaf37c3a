import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { baseEnvironment } from '../processes/base-environment.ts';
import { startChild, type Child } from '../processes/child.ts';
import { freePort } from '../processes/free-port.ts';
import { findRedis, type RedisBinary } from './find-redis.ts';

export interface RedisServer {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Sends SIGTERM; the data remain for `restart`. */
  stop(): Promise<void>;
  kill(): Promise<void>;
  /** SIGSTOP and SIGCONT: a frozen Redis keeps its connections and answers nothing. */
  freeze(): void;
  thaw(): void;
  /** Starts it again on the same port with the same data. */
  restart(): Promise<void>;
  /** Ends it and removes its data. */
  dispose(): Promise<void>;
}

export interface RedisServerOptions {
  port?: number;
  /** The data folder; a temporary one by default. */
  dir?: string;
  /** Keeps an append-only file, synced at every write or every second; none by default. */
  persistence?: 'always' | 'everysec';
  binary?: RedisBinary;
  /** Called once the process exists, before it is ready. */
  onSpawn?: (child: Child) => void;
  /** Additional arguments, which override the others. */
  args?: string[];
  /** Starts a Sentinel that watches nothing, not a Redis. */
  sentinel?: true;
}

const MOST_PORTS = 5;

/** Starts a Redis on a loopback port. */
export const startRedis = async (options: RedisServerOptions = {}): Promise<RedisServer> => {
  if (options.port !== undefined) return startOn(options.port, options);
  for (let tries = 1; ; tries += 1) {
    const port = await freePort();
    try {
      return await startOn(port, options);
    } catch (error) {
      // Other tests look for free ports too, and may have been faster.
      if (tries === MOST_PORTS || !/address already in use/i.test((error as Error).message)) throw error;
    }
  }
};

const startOn = async (port: number, options: RedisServerOptions): Promise<RedisServer> => {
  const binary = options.binary ?? (await findRedis());
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'rekey-redis-')));
  const address = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir];
  const sentinelFile = join(dir, 'sentinel.conf');
  if (options.sentinel) await writeFile(sentinelFile, '');
  const args = options.sentinel
    ? [sentinelFile, '--sentinel', ...address]
    : [
        ...address,
        '--save',
        '',
        '--maxmemory-policy',
        'noeviction',
        ...(options.persistence
          ? ['--appendonly', 'yes', '--appendfsync', options.persistence]
          : ['--appendonly', 'no']),
        ...(options.args ?? []),
      ];
  const start = async (): Promise<Child> => {
    // The user's own redis-server may need the user's own libraries.
    const libraries = binary.libraryPath ?? process.env['LD_LIBRARY_PATH'];
    const env = { ...baseEnvironment(), LD_LIBRARY_PATH: libraries };
    const child = startChild(binary.command, args, { env, ownGroup: true });
    options.onSpawn?.(child);
    let output = '';
    for (const stream of [child.process.stdout, child.process.stderr])
      stream?.on('data', (chunk) => (output = `${output}${chunk}`.slice(-KEPT_OUTPUT)));
    await untilReady(child, port, () => output);
    return child;
  };
  let child = await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    get pid() {
      return child.pid;
    },
    stop: async () => {
      await child.stop();
    },
    kill: () => child.kill(),
    freeze: () => child.signal('SIGSTOP'),
    thaw: () => child.signal('SIGCONT'),
    restart: async () => {
      child = await start();
    },
    dispose: async () => {
      await child.kill();
      if (options.dir === undefined) await rm(dir, { recursive: true, force: true });
    },
  };
};

/** The length of the kept output: if Redis does not start, its end says why. */
const KEPT_OUTPUT = 1000;

const untilReady = async (child: Child, port: number, output: () => string): Promise<void> => {
  const runs = () => child.process.exitCode === null && child.process.signalCode === null;
  for (let tries = 0; tries < 600 && runs(); tries += 1) {
    if (await answersOn(port, child.pid)) return;
    await sleep(10);
  }
  throw new Error(`redis-server did not become ready on port ${port}:\n${output().trim()}`);
};

/** Whether this process answers on the port: another Redis may have taken it. */
const answersOn = (port: number, pid: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\nINFO server\r\n'));
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    let text = '';
    socket.on('data', (data) => {
      text += data.toString();
      const found = /^process_id:(\d+)\r/m.exec(text)?.[1];
      // One that asks for a password runs too, and does not say who it is.
      if (/^(\+PONG\r\n-|-NOAUTH)/.test(text)) settle(true);
      else if (!'+PONG\r\n'.startsWith(text.slice(0, 7))) settle(false);
      else if (found !== undefined) settle(Number(found) === pid);
    });
    for (const ended of ['error', 'close']) socket.once(ended, () => settle(false));
    socket.setTimeout(1000, () => settle(false));
  });

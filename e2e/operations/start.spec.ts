import { execFileSync, spawnSync } from 'node:child_process';
import { appendFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { lineOf, startChild, startRedis, type Child, type RedisServer } from '@rekey/testing';
import { FREE_PORTS, freshCopy } from '../support/fresh-copy.ts';
import { eventually } from '../support/system.ts';

/*
 * How processes end that are started as documented: behind npm or another process, as the first process of a
 * container, and after a start that was killed.
 */

let copy: Awaited<ReturnType<typeof freshCopy>>;
let redis: RedisServer;
const started: Child[] = [];
beforeAll(async () => {
  [copy, redis] = await Promise.all([freshCopy(), startRedis()]);
});
afterEach(async () => {
  for (const child of started.splice(0)) {
    for (const pid of descendants(child.pid)) kill(pid);
    await child.kill();
  }
  // A process that an earlier case left behind must not fail a later one.
  for (const { pid } of await parts().catch(() => [])) kill(pid);
  const { pid } = JSON.parse(await readFile(RUNNING(), 'utf8').catch(() => '{}')) as { pid?: number };
  if (pid !== undefined) kill(pid);
  for (const name of ['parts', 'running.json']) await rm(join(copy.folder, '.rekey', name), { force: true });
});
afterAll(async () => {
  await redis.dispose();
  await copy.dispose();
});

const RUNNING = () => join(copy.folder, '.rekey/running.json');
const untilRunning = async (): Promise<number> =>
  (
    JSON.parse(await eventually(() => readFile(RUNNING(), 'utf8').catch(() => ''), Boolean, 90_000)) as {
      pid: number;
    }
  ).pid;
const environment = () =>
  Object.fromEntries(['PATH', 'HOME', 'XDG_CACHE_HOME'].map((name) => [name, process.env[name]]));

const start = (command: string[], env: Record<string, string> = FREE_PORTS): Child & { output(): string } => {
  const child = startChild(command[0]!, command.slice(1), {
    cwd: copy.folder,
    env: { ...environment(), npm_config_update_notifier: 'false', ...env },
    ownGroup: true,
  });
  started.push(child);
  let text = '';
  child.process.stdout?.on('data', (chunk) => (text += chunk));
  child.process.stderr?.on('data', (chunk) => (text += chunk));
  return Object.assign(child, { output: () => text });
};
const isReady = (line: string) =>
  line.startsWith('Ctrl-C stops') || line.includes('"msg":"ready"') ? line : undefined;

const fieldsOf = (pid: number | string): string[] => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return ['Z', '0'];
  }
};
const isAlive = (pid: number) => fieldsOf(pid)[0] !== 'Z';
const kill = (pid: number) => {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // The process has ended.
  }
};
/** The children of a process, and their children. */
const descendants = (pid: number): number[] => {
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(fieldsOf(name)[1]) === pid)
    .map(Number);
  return children.flatMap((child) => [child, ...descendants(child)]);
};
const parts = async (): Promise<{ name: string; pid: number }[]> =>
  (await readFile(join(copy.folder, '.rekey/parts'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

/** The connections to this file's Redis. */
const clients = async (): Promise<string> =>
  spawnSync(
    'bash',
    ['-c', `exec 3<>/dev/tcp/127.0.0.1/${redis.port}; printf 'CLIENT LIST\\r\\nQUIT\\r\\n' >&3; cat <&3`],
    { encoding: 'utf8' },
  ).stdout;

describe('SIGTERM to a documented command', () => {
  const KEY_FILE = 'key-of-start-spec.json';
  const own = () => ({
    REDIS_URL: redis.url,
    REKEY_KEY_FILE: KEY_FILE,
    INVENT_API_KEY: 'k',
    INVENT_BASE_URL: 'http://127.0.0.1:1',
    GRPC_ADDRESS: '127.0.0.1:0',
  });
  beforeAll(
    () =>
      void execFileSync('npx', ['rekey', 'key-file', 'create', KEY_FILE], {
        cwd: copy.folder,
        env: environment(),
      }),
  );

  const commands: [name: string, command: string[], environment: () => Record<string, string>][] = [
    ['npm start', ['npm', 'start'], () => FREE_PORTS],
    ['npm run gateway', ['npm', 'run', 'gateway'], own],
    ['npm run worker', ['npm', 'run', 'worker'], own],
    ['npm run simulator', ['npm', 'run', 'simulator', '--', '--port', '0', '--admin-port', '0'], own],
  ];
  it.each(commands)(
    'ends all its processes, in order: %s',
    async (_what, command, env) => {
      const child = start(command, env());
      await lineOf(child, isReady, command.join(' '), 90_000);
      const below = descendants(child.pid);
      expect(below.length).toBeGreaterThan(0);
      child.signal('SIGTERM');
      await child.exited;
      expect(below.filter(isAlive)).toEqual([]);
      // The last lines may arrive after the exit.
      await eventually(
        async () => child.output(),
        (text) => /stopping …|shutting down/.test(text),
      );
      expect(child.output()).not.toMatch(/^\s+at /m);
    },
    150_000,
  );

  it('ends a command that follows a stream, and its npx', async () => {
    const child = start(['npx', 'rekey', 'events', '--from', 'start'], own());
    await eventually(async () => (await clients()).includes('rekey:cli-events'), Boolean, 60_000);
    child.signal('SIGTERM');
    await child.exited;
    expect(await eventually(clients, (list) => !list.includes('rekey:cli-events'))).toContain('name=');
  });

  const firstProcesses: typeof commands = [
    ['npm start', ['npm', 'start'], () => FREE_PORTS],
    [
      'a worker, as the image runs it',
      [process.execPath, '--conditions=@rekey/source', 'apps/worker/src/main.ts'],
      own,
    ],
    ['a gateway', [process.execPath, '--conditions=@rekey/source', 'apps/gateway/src/main.ts'], own],
    [
      'a simulator',
      [
        process.execPath,
        '--conditions=@rekey/source',
        'apps/simulator/src/main.ts',
        '--port',
        '0',
        '--admin-port',
        '0',
      ],
      own,
    ],
  ];
  it.each(firstProcesses)(
    'ends the first process of a container (PID 1) with 0, or with the code of npm: %s',
    async (_what, command, env) => {
      const child = start(
        [
          'unshare',
          '--user',
          '--map-root-user',
          '--pid',
          '--fork',
          '--mount-proc',
          '--kill-child',
          ...command,
        ],
        env(),
      );
      await lineOf(child, isReady, command.join(' '), 90_000);
      const below = descendants(child.pid);
      process.kill(below[0]!, 'SIGTERM');
      const { code, signal } = await child.exited;
      expect([code, signal]).toEqual([0, null]);
      expect(below.filter(isAlive)).toEqual([]);
      expect(child.output()).toMatch(/stopping …|shutting down/);
    },
    150_000,
  );
});

describe('a process that an npm script or npx starts in the background', () => {
  const GATEWAY = `${JSON.stringify(process.execPath)} --conditions=@rekey/source apps/gateway/src/main.ts`;
  const FOLLOWING = `REKEY_FOLLOW_PARENT=1 ${GATEWAY}`;

  /**
   * Starts a process in the background of an npm script of another package, or of `npx -c`. The script ends
   * when the process is ready.
   */
  const startBehind = async (
    npm: 'run' | 'npx',
    background: string,
    untilReady: (log: () => string) => Promise<unknown>,
  ): Promise<{ pid: number; log(): string }> => {
    const folder = await mkdtemp(join(copy.parent, 'deploy-'));
    const [log, pid, go] = ['log', 'pid', 'go'].map((name) => join(folder, name));
    const wait = `until [ -e '${go}' ]; do sleep 0.1; done`;
    const script = `cd '${copy.folder}'; ${background} > '${log}' 2>&1 & echo $! > '${pid}'; ${wait}`;
    await writeFile(
      join(folder, 'package.json'),
      JSON.stringify({ name: 'deploy', scripts: { deploy: script } }),
    );
    const child = start(
      npm === 'run' ? ['npm', '--prefix', folder, 'run', 'deploy'] : ['npx', '-c', script],
      { REDIS_URL: redis.url, GRPC_ADDRESS: '127.0.0.1:0' },
    );
    const read = () => (existsSync(log!) ? readFileSync(log!, 'utf8') : '');
    await untilReady(read);
    await writeFile(go!, '');
    expect((await child.exited).code).toBe(0);
    return { pid: Number(readFileSync(pid!, 'utf8')), log: read };
  };
  const isListening = (log: () => string) =>
    eventually(
      async () => log(),
      (text) => text.includes('"msg":"ready"'),
      30_000,
    );
  const isFollowing = () => eventually(clients, (list) => list.includes('rekey:cli-events'), 30_000);

  const kept: [name: string, npm: 'run' | 'npx', background: string, until: typeof isListening][] = [
    ['an npm script', 'run', GATEWAY, isListening],
    ['an npm script, with setsid', 'run', `setsid ${GATEWAY}`, isListening],
    [
      'an npm script, with setsid and the variable of the scripts of this repository',
      'run',
      `REKEY_FOLLOW_PARENT=1 setsid ${GATEWAY}`,
      isListening,
    ],
    ['npx', 'npx', GATEWAY, isListening],
    ['npx, of rekey itself', 'npx', 'rekey events --from start', isFollowing],
    ['npx, of rekey itself, with setsid', 'npx', 'setsid rekey events --from start', isFollowing],
  ];
  it.each(kept)(
    'keeps running: %s',
    async (_what, npm, background, untilReady) => {
      const { pid, log } = await startBehind(npm, background, untilReady);
      try {
        // A younger process that follows its parent has ended by then, because its npm has.
        const following = await startBehind('run', FOLLOWING, isListening);
        await eventually(
          async () => isAlive(following.pid),
          (alive) => !alive,
        );
        expect(following.log()).toContain('"signal":"SIGHUP"');
        expect(isAlive(pid)).toBe(true);
        expect(log()).not.toContain('shutting down');
      } finally {
        kill(pid);
      }
    },
    90_000,
  );
});

describe('npm start', () => {
  it('keeps running if its output has no reader, and ends in order', async () => {
    const child = start(['bash', '-c', 'set -o pipefail; npm start 2>&1 | head -6']);
    const pid = await untilRunning();
    const below = await parts();
    expect(below.map(({ name }) => name)).toEqual(['redis', 'simulator', 'gateway', 'worker']);
    process.kill(pid, 'SIGTERM');
    await child.exited;
    expect(below.filter((part) => isAlive(part.pid))).toEqual([]);
    expect(child.output()).not.toMatch(/^\s+at |EPIPE|ended with/m);
    // A start that ends in order removes its files.
    await expect(readFile(join(copy.folder, '.rekey/parts'))).rejects.toThrow('ENOENT');
  });

  const disks: [name: string, redirection: string, fill: (folder: string) => Promise<void>][] = [
    ['its own output', '> /dev/full 2>&1', async () => {}],
    [
      'its logs',
      '',
      async (folder: string) => {
        for (const name of ['gateway', 'worker', 'simulator']) {
          await rm(join(folder, `.rekey/${name}.log`), { force: true });
          await symlink('/dev/full', join(folder, `.rekey/${name}.log`));
        }
      },
    ],
  ];
  it.each(disks)(
    'keeps running with a full disk for %s, and ends in order',
    async (_what, redirection, fill) => {
      await mkdir(join(copy.folder, '.rekey'), { recursive: true });
      await fill(copy.folder);
      // Without npm: npm itself ends if it cannot print.
      const child = start([
        'bash',
        '-c',
        `exec "$0" --conditions=@rekey/source apps/start/src/main.ts ${redirection}`,
        process.execPath,
      ]);
      await untilRunning();
      const below = await parts();
      child.signal('SIGTERM');
      await child.exited;
      expect(below.filter(({ pid }) => isAlive(pid))).toEqual([]);
      expect(child.output()).not.toMatch(/^\s+at |ENOSPC|ended with/m);
      for (const name of ['gateway', 'worker', 'simulator'])
        await rm(join(copy.folder, `.rekey/${name}.log`), { force: true });
    },
    150_000,
  );

  const terminals: [name: string, act: (terminal: Child, pid: number) => Promise<unknown>][] = [
    ['is closed', async (terminal: Child) => terminal.signal('SIGKILL')],
    // Ctrl-S stops the output of a terminal: a plain write to it would block.
    [
      'is stopped, and npm start gets SIGTERM',
      async (_terminal: Child, pid: number) => {
        await writeFile(join(copy.parent, 'keys'), '\u0013');
        process.kill(pid, 'SIGTERM');
      },
    ],
  ];
  it.each(terminals)(
    'ends in order when its terminal %s',
    async (_what, act) => {
      // `script` runs it in a terminal of its own.
      const keys = join(copy.parent, 'keys');
      if (!existsSync(keys)) execFileSync('mkfifo', [keys]);
      const terminal = start([
        'bash',
        '-c',
        'exec script --quiet --flush --command "npm start" /dev/null 0<> "$0"',
        keys,
      ]);
      const pid = await untilRunning();
      const below = [pid, ...(await parts()).map((part) => part.pid)];
      await act(terminal, pid);
      await eventually(
        async () => below.filter(isAlive),
        (alive) => alive.length === 0,
        60_000,
      );
      await expect(readFile(join(copy.folder, '.rekey/parts'))).rejects.toThrow('ENOENT');
    },
    150_000,
  );

  it('ends in order when npm was killed', async () => {
    const child = start(['npm', 'start']);
    await lineOf(child, isReady, 'npm start', 90_000);
    const below = [await untilRunning(), ...(await parts()).map(({ pid }) => pid)];
    await child.kill();
    await eventually(
      async () => below.filter(isAlive),
      (alive) => alive.length === 0,
      60_000,
    );
    await expect(readFile(join(copy.folder, '.rekey/parts'))).rejects.toThrow('ENOENT');
  });

  it('names processes that a killed start left, unless others have their numbers; then starts', async () => {
    // Without npm: a gateway and a worker started by npm end with it.
    const child = start([process.execPath, '--conditions=@rekey/source', 'apps/start/src/main.ts']);
    await lineOf(child, isReady, 'npm start', 90_000);
    const running = await untilRunning();
    const left = await parts();
    kill(running);
    await child.exited;
    // As if those numbers had been reused, by this process and by the machine's first one.
    for (const pid of [1, process.pid])
      await appendFile(
        join(copy.folder, '.rekey/parts'),
        `${JSON.stringify({ name: 'redis', pid, identity: 'of-another-boot:1' })}\n${pid}\n`,
      );
    const refused = start(['npm', 'start']);
    expect((await refused.exited).code).toBe(1);
    expect(refused.output()).toContain(
      `npm start was killed and left processes behind: ` +
        `${left.map(({ name, pid }) => `${name} (${pid})`).join(', ')}. ` +
        `Stop them: kill ${left.map(({ pid }) => pid).join(' ')}\n`,
    );
    for (const { pid } of left) kill(pid);
    await eventually(
      async () => left.some(({ pid }) => isAlive(pid)),
      (some) => !some,
    );
    // Of an older version, which named its processes so.
    await writeFile(join(copy.folder, '.rekey/pids'), `1\n${process.pid}\n`);
    const again = start(['npm', 'start']);
    expect(await lineOf(again, isReady, 'npm start', 90_000)).toContain('Ctrl-C');
    again.signal('SIGTERM');
    await again.exited;
  }, 200_000);

  it('refuses to start twice, even from a container that shares the folder', async () => {
    const first = start(['npm', 'start']);
    await lineOf(first, isReady, 'npm start', 90_000);
    const running = await untilRunning();
    const second = start(['npm', 'start']);
    expect((await second.exited).code).toBe(1);
    expect(second.output()).toContain(
      `npm start already runs here, as process ${running}. ` +
        `Stop it with Ctrl-C in its terminal, or: kill ${running}\n`,
    );
    const contained = start([
      'unshare',
      '--user',
      '--map-root-user',
      '--pid',
      '--net',
      '--fork',
      '--mount-proc',
      '--kill-child',
      'npm',
      'start',
    ]);
    expect((await contained.exited).code).toBe(1);
    expect(contained.output()).toMatch(
      /npm start already runs here, on ".+", possibly in a container\. Stop it/,
    );
    expect(contained.output()).not.toContain(`kill ${running}`);
    first.signal('SIGTERM');
    await first.exited;
  });
});

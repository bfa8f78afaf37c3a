import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { baseEnvironment } from '../processes/base-environment.ts';

const run = promisify(execFile);

export interface RedisBinary {
  command: string;
  /** The folder of its shared libraries, if it was unpacked into the cache. */
  libraryPath?: string;
  source: 'PATH' | 'cache';
}

const PACKAGES = ['redis-server', 'redis-tools', 'libjemalloc2', 'liblzf1'];

/**
 * Finds a Redis server to run: one on the PATH, or Debian's packages unpacked into the user's cache folder.
 * They are unpacked for root too, with the state of apt in the cache: nothing on the system changes, and no
 * service starts on port 6379.
 */
export const findRedis = async (progress: (line: string) => void = () => {}): Promise<RedisBinary> => {
  const onPath = await findOnPath(['redis-server', 'valkey-server']);
  if (onPath) return { command: onPath, source: 'PATH' };

  const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'rekey');
  const unpacked = join(cache, 'redis');
  if (!(await isExecutable(serverIn(unpacked)))) {
    progress('No redis-server on the PATH: downloading the Debian package into the cache …');
    await unpackDebianPackages(cache, unpacked).catch((cause: unknown) => {
      throw new Error(
        [
          'Found no Redis to use. Do one of these:',
          '  1. Set REDIS_URL=redis://HOST:6379 to use a running Redis.',
          '  2. Install redis-server or valkey-server.',
          '     Debian: apt-get install redis-server; macOS: brew install redis',
          '  3. On Debian, make the package sources reachable: Rekey then downloads Redis into its cache.',
        ].join('\n'),
        { cause },
      );
    });
  }
  return { command: serverIn(unpacked), libraryPath: join(unpacked, 'lib'), source: 'cache' };
};

const serverIn = (unpacked: string) => join(unpacked, 'bin', 'redis-server');

const isExecutable = (path: string) =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  );

const findOnPath = async (names: string[]): Promise<string | undefined> => {
  for (const name of names) {
    for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
      const path = join(folder, name);
      if (folder && (await isExecutable(path))) return path;
    }
  }
  return undefined;
};

/** Proxies and nothing else: `npm start` may have an API key in its environment. */
const downloadEnvironment = (): NodeJS.ProcessEnv => ({
  ...baseEnvironment(),
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) => /^(https?|ftp|all|no)_proxy$/i.test(name)),
  ),
});

const unpackDebianPackages = async (cache: string, target: string): Promise<void> => {
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, 'unpack-'));
  try {
    const apt = [
      '-q',
      '-o',
      `Dir::State=${work}/state`,
      '-o',
      `Dir::Cache=${work}/cache`,
      '-o',
      'Dir::State::status=/var/lib/dpkg/status',
      '-o',
      'APT::Sandbox::User=root',
      '-o',
      'Acquire::Retries=3',
    ];
    await mkdir(join(work, 'state', 'lists', 'partial'), { recursive: true });
    await mkdir(join(work, 'cache', 'archives', 'partial'), { recursive: true });
    const options = { cwd: work, env: downloadEnvironment() };
    await run('apt-get', [...apt, 'update'], options);
    await run('apt-get', [...apt, 'download', ...PACKAGES], options);
    await run(
      'sh',
      [
        '-c',
        'for deb in *.deb; do dpkg-deb -x "$deb" root; done; mkdir out; ' +
          'mv root/usr/bin out/bin; mv root/usr/lib/*-linux-gnu* out/lib',
      ],
      options,
    );
    await run(join(work, 'out', 'bin', 'redis-server'), ['--version'], {
      env: { LD_LIBRARY_PATH: join(work, 'out', 'lib') },
    });
    await rename(join(work, 'out'), target).catch(async (error: NodeJS.ErrnoException) => {
      // Another process was faster.
      if (!(await isExecutable(serverIn(target)))) throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
};

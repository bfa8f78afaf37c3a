import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  rmdirSync,
  statSync,
  unlinkSync,
  type Stats,
} from 'node:fs';
import { connect, type Server } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AgentError } from '../agent-error.ts';

interface SocketAccess {
  path: string;
  mode: number;
  gid?: number | undefined;
  /** The folder is a volume of a container platform, which sets its owner and mode. */
  mounted?: boolean | undefined;
}

/** The kernel's limit of `sun_path`, less its NUL. A longer path would be cut off without an error. */
const MAX_PATH_BYTES = 107;
const ANSWERS_WITHIN_MS = 1000;
const LOCK_ENDS_WITHIN_MS = 5000;
const LOCK_RETRY_MS = 20;

/**
 * Listens on a UNIX socket. Replaces the socket of a process that has ended. Throws an AgentError if another
 * process serves there, or if the path is something else.
 */
export const bindSocket = async (server: Server, access: SocketAccess): Promise<void> => {
  const { path, mounted = false } = access;
  if (Buffer.byteLength(path) > MAX_PATH_BYTES)
    throw new AgentError(
      'BAD_SOCKET_PATH',
      `the path of a socket has at most ${MAX_PATH_BYTES} bytes: ${shown(path)}`,
    );
  refuseFolder(dirname(path), mounted);
  const unlock = await lock(path);
  try {
    await removeDead(path);
    await listen(server, access);
  } finally {
    unlock();
  }
};

const shown = (path: string): string => JSON.stringify(path);
const alreadyServed = (path: string): AgentError =>
  new AgentError('ALREADY_RUNNING', `another process serves ${shown(path)}: is the agent running already?`);
const found = (path: string): Stats | undefined => lstatSync(path, { throwIfNoEntry: false });

/** Others who may replace entries of the folder could put a socket of their own there. */
const refuseFolder = (folder: string, mounted: boolean): void => {
  let stats: Stats;
  try {
    stats = statSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new AgentError(
      'BAD_SOCKET_PATH',
      `the folder ${shown(folder)} of the socket cannot be used (${code})`,
    );
  }
  if (mounted) return;
  const otherwise = '. If it is a volume of a container platform, set mounted_secrets: true';
  const isSticky = (stats.mode & 0o1000) !== 0;
  if ((stats.mode & 0o022) !== 0 && !isSticky)
    throw new AgentError(
      'BAD_SOCKET_PATH',
      `other users may write to the folder ${shown(folder)} of the socket; run chmod go-w on it${otherwise}`,
    );
  if (stats.uid !== 0 && stats.uid !== process.geteuid!())
    throw new AgentError(
      'BAD_SOCKET_PATH',
      `the folder ${shown(folder)} of the socket belongs to another user${otherwise}`,
    );
};

/**
 * Between finding an old socket dead and binding, another agent may have bound: only one at a time looks,
 * removes and binds. Returns what ends that. A folder is created by exactly one of several.
 */
const lock = async (path: string): Promise<() => void> => {
  const folder = `${path}.lock`;
  const giveUpMs = performance.now() + 2 * LOCK_ENDS_WITHIN_MS;
  for (;;) {
    try {
      mkdirSync(folder, { mode: 0o700 });
      return () => rmdirSync(folder);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EEXIST' || performance.now() > giveUpMs)
        throw new AgentError('BAD_SOCKET_PATH', `${shown(folder)} cannot be created (${code})`);
    }
    removeAbandoned(folder);
    await sleep(LOCK_RETRY_MS);
  }
};

/** Of an agent that was killed while it bound. */
const removeAbandoned = (folder: string): void => {
  const stats = found(folder);
  if (!stats?.isDirectory() || Date.now() - stats.mtimeMs < LOCK_ENDS_WITHIN_MS) return;
  try {
    rmdirSync(folder);
  } catch {
    // It is gone, or not a lock: then creating it fails until the end.
  }
};

/** Removes a socket that nobody serves. */
const removeDead = async (path: string): Promise<void> => {
  const stats = found(path);
  if (!stats) return;
  if (!stats.isSocket())
    throw new AgentError('NOT_A_SOCKET', `${shown(path)} exists and is not a socket; it was left as it is`);
  if (await isServed(path)) throw alreadyServed(path);
  try {
    unlinkSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new AgentError('BAD_SOCKET_PATH', `the old socket ${shown(path)} cannot be removed (${code})`);
  }
};

/** Whether a process accepts connections there. If its backlog is full, one does. */
const isServed = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path);
    const end = (served: boolean) => {
      clearTimeout(late);
      socket.destroy();
      resolve(served);
    };
    const late = setTimeout(() => end(true), ANSWERS_WITHIN_MS);
    socket.once('connect', () => end(true));
    socket.once('error', ({ code }: NodeJS.ErrnoException) =>
      end(code !== 'ECONNREFUSED' && code !== 'ENOENT'),
    );
  });

const listen = async (server: Server, { path, mode, gid }: SocketAccess): Promise<void> => {
  // Bound in this call: nobody else can connect before the socket has its group and mode.
  const mask = process.umask(0o177);
  try {
    server.listen(path);
  } finally {
    process.umask(mask);
  }
  const failure = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    const settle = (error?: NodeJS.ErrnoException) => {
      server.off('listening', onListening).off('error', settle);
      resolve(error);
    };
    const onListening = () => settle();
    server.once('listening', onListening).once('error', settle);
  });
  if (failure) throw new AgentError('BAD_SOCKET_PATH', `cannot listen on ${shown(path)} (${failure.code})`);
  try {
    if (gid !== undefined) chownSync(path, process.geteuid!(), gid);
    chmodSync(path, mode);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    server.close();
    throw new AgentError(
      'BAD_SOCKET_PATH',
      `the socket ${shown(path)} cannot get its group and mode (${code})`,
    );
  }
};

import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  renameSync,
  statSync,
  unlinkSync,
  type Stats,
} from 'node:fs';
import { connect, type Server } from 'node:net';
import { dirname } from 'node:path';
import { randomBytes } from 'node:crypto';
import { AgentError } from '../agent-error.ts';

export interface SocketAccess {
  path: string;
  mode: number;
  gid?: number | undefined;
}

/** The kernel's limit of `sun_path`, less its NUL. A longer path would be cut off without an error. */
const MAX_PATH_BYTES = 107;
const ATTEMPTS = 5;
const ANSWERS_WITHIN_MS = 1000;

/**
 * Listens on a UNIX socket. Replaces the socket of a process that has ended. Throws an AgentError if another
 * process serves there, or if the path is something else.
 */
export const bindSocket = async (server: Server, access: SocketAccess): Promise<void> => {
  const { path } = access;
  if (Buffer.byteLength(path) > MAX_PATH_BYTES)
    throw new AgentError(
      'BAD_SOCKET_PATH',
      `the path of a socket has at most ${MAX_PATH_BYTES} bytes: ${shown(path)}`,
    );
  refuseFolder(dirname(path));
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    await removeDead(path);
    if (await tryListen(server, access)) return;
  }
  throw alreadyServed(path);
};

const shown = (path: string): string => JSON.stringify(path);
const alreadyServed = (path: string): AgentError =>
  new AgentError('ALREADY_RUNNING', `another process serves ${shown(path)}: is the agent running already?`);
const found = (path: string): Stats | undefined => lstatSync(path, { throwIfNoEntry: false });

/** Others who may replace entries of the folder could put a socket of their own there. */
const refuseFolder = (folder: string): void => {
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
  const isSticky = (stats.mode & 0o1000) !== 0;
  if ((stats.mode & 0o002) !== 0 && !isSticky)
    throw new AgentError(
      'BAD_SOCKET_PATH',
      `every user may write to the folder ${shown(folder)} of the socket`,
    );
  if (stats.uid !== 0 && stats.uid !== process.geteuid!())
    throw new AgentError(
      'BAD_SOCKET_PATH',
      `the folder ${shown(folder)} of the socket belongs to another user`,
    );
};

/**
 * Removes a socket that nobody serves. Two agents may start at the same time: each takes the old socket away
 * by another name first, and puts it back if it is served after all.
 */
const removeDead = async (path: string): Promise<void> => {
  const stats = found(path);
  if (!stats) return;
  if (!stats.isSocket())
    throw new AgentError('NOT_A_SOCKET', `${shown(path)} exists and is not a socket; it was left as it is`);
  if (await isServed(path)) throw alreadyServed(path);
  const aside = `${path}.${randomBytes(4).toString('hex')}`;
  try {
    renameSync(path, Buffer.byteLength(aside) > MAX_PATH_BYTES ? path : aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw cannotReplace(path, error);
  }
  if (!found(aside)) return unlinkIfSocket(path);
  if (await isServed(aside)) {
    try {
      linkSync(aside, path);
    } catch {
      // A third process serves there by now.
    }
    unlinkSync(aside);
    throw alreadyServed(path);
  }
  unlinkSync(aside);
};

/** Without room in its path for another name. */
const unlinkIfSocket = (path: string): void => {
  if (found(path)?.isSocket()) unlinkSync(path);
};

const cannotReplace = (path: string, error: unknown): AgentError =>
  new AgentError(
    'BAD_SOCKET_PATH',
    `the old socket ${shown(path)} cannot be replaced (${(error as NodeJS.ErrnoException).code})`,
  );

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

/** False if another process was faster. */
const tryListen = async (server: Server, { path, mode, gid }: SocketAccess): Promise<boolean> => {
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
  if (failure?.code === 'EADDRINUSE') return false;
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
  return true;
};

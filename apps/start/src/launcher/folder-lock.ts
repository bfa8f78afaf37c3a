import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readdirSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { processIdentity } from '@rekey/runtime';

/** The process that holds a lock, as it describes itself. */
export interface Holder {
  pid: number;
  identity?: string;
  host: string;
}

/**
 * `forbidden`: a socket of another user to which this user may not connect. It may belong to a running
 * process, or be left behind.
 */
type FolderLock =
  { release(): void } | { heldBy: Holder | undefined } | { forbidden: string } | { unsupported: string };

const ANSWER_WITHIN_MS = 2000;
const SUFFIX = '.sock';

/**
 * Locks a folder with a listening Unix socket in it. The lock ends with its process, however that ends. It
 * also works between containers that share the folder, which have PIDs and networks of their own. Each
 * process first listens on a socket of its own, then looks for others: of two that start at once, both may
 * give up, but never do both continue. A socket without a listener was left behind, and is removed.
 */
export const lockFolder = async (folder: string): Promise<FolderLock> => {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const directory = openSync(folder, 'r');
  // The path of a socket has at most 107 bytes; the path of the folder may be longer.
  const short = process.platform === 'linux' ? `/proc/self/fd/${directory}` : folder;
  const own = `${process.pid}-${randomBytes(6).toString('hex')}${SUFFIX}`;
  const holder: Holder = { pid: process.pid, host: hostname(), ...withIdentity(process.pid) };
  const server = createServer((socket) => socket.on('error', () => {}).end(JSON.stringify(holder)));
  const release = () => {
    server.close();
    rmSync(join(folder, own), { force: true });
    closeSync(directory);
  };
  try {
    await listen(server, `${short}/${own}`);
  } catch (error) {
    closeSync(directory);
    return { unsupported: (error as NodeJS.ErrnoException).code ?? 'UNKNOWN' };
  }
  for (const name of readdirSync(folder)) {
    if (name === own || !name.endsWith(SUFFIX)) continue;
    const other = await askHolder(`${short}/${name}`);
    if (other === 'gone') rmSync(join(folder, name), { force: true });
    else {
      release();
      if (other === 'forbidden') return { forbidden: join(folder, name) };
      return { heldBy: other === 'silent' ? undefined : other };
    }
  }
  return { release };
};

const withIdentity = (pid: number): { identity?: string } => {
  const identity = processIdentity(pid);
  return identity === undefined ? {} : { identity };
};

const listen = async (server: Server, path: string): Promise<void> => {
  // Each user that may enter the folder may connect: a killed process of root leaves a socket that the owner
  // of the folder has to recognize.
  server.unref().listen({ path, readableAll: true, writableAll: true });
  await once(server, 'listening');
};

/** Returns who listens there; `silent` if it does not answer, such as a stopped process. */
const askHolder = async (path: string): Promise<Holder | 'gone' | 'silent' | 'forbidden'> => {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'EACCES') return 'forbidden';
    return ['ECONNREFUSED', 'ENOENT'].includes(code) ? 'gone' : 'silent';
  }
  socket.setTimeout(ANSWER_WITHIN_MS, () => socket.destroy(new Error('no answer')));
  try {
    return JSON.parse(await readAll(socket)) as Holder;
  } catch {
    return 'silent';
  } finally {
    socket.destroy();
  }
};

import { lstat, open, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { AgentError } from '../agent-error.ts';
import { bindSocket } from '../http/bind-socket.ts';

const LOCK = '.rekey-agent.sock';

export interface FolderLock {
  /** Whether the path still leads to the locked folder. */
  isThere(): Promise<boolean>;
  /** Whether two names that differ only in case are one file there. */
  ignoresCase(): Promise<boolean>;
  release(): Promise<void>;
}

/**
 * Keeps other agents from writing into a folder, by a socket that the kernel closes whenever this process
 * ends. Rejects with an AgentError if another agent writes there.
 */
export const lockFolder = async (folder: string): Promise<FolderLock> => {
  const handle = await open(folder, 'r');
  // The path of a socket is short; that of a folder may be long.
  const near = `/proc/self/fd/${handle.fd}`;
  const server = createServer((socket) => void socket.destroy()).unref();
  try {
    await bindSocket(server, { path: `${near}/${LOCK}`, mode: 0o600, mounted: true });
  } catch (error) {
    await handle.close();
    if (!(error instanceof AgentError)) throw error;
    if (error.code === 'ALREADY_RUNNING')
      throw new AgentError(
        'FOLDER_IN_USE',
        `another agent writes into the folder ${JSON.stringify(folder)}: give each agent a folder of its own`,
      );
    throw new AgentError(error.code, error.message.replaceAll(near, folder));
  }
  return {
    isThere: async () => {
      const [locked, found] = await Promise.all([handle.stat(), stat(folder).catch(() => undefined)]);
      return found?.ino === locked.ino && found.dev === locked.dev;
    },
    ignoresCase: async () => {
      const [bound, found] = await Promise.all(
        [LOCK, LOCK.toUpperCase()].map((name) => lstat(`${near}/${name}`).catch(() => undefined)),
      );
      return bound !== undefined && found?.ino === bound.ino && found.dev === bound.dev;
    },
    release: async () => {
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await handle.close();
    },
  };
};

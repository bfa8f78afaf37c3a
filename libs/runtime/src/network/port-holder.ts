import { readFile, readdir, readlink } from 'node:fs/promises';

/** The state of a listening socket in /proc/net/tcp. */
const LISTENING = '0A';
const APP = /(?:^|\/)apps\/(gateway|worker|simulator|start)\/(?:src|dist)\/main\.[jt]s$/;

export interface PortHolder {
  pid: number;
  /** If it is a process of Rekey: which app, and its working folder. */
  rekey?: { app: string; folder: string };
}

/**
 * The process that listens on a TCP port, if Linux shows it to this user. A command line may contain secrets:
 * only the name of the app is read from it.
 */
export const findPortHolder = async (port: number): Promise<PortHolder | undefined> => {
  const sockets = new Set(
    (await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map((path) => listeningInodes(path, port))))
      .flat()
      .map((inode) => `socket:[${inode}]`),
  );
  if (sockets.size === 0) return undefined;
  for (const name of await readdir('/proc').catch(() => [])) {
    const pid = Number(name);
    if (Number.isInteger(pid) && (await holds(pid, sockets))) return { pid, ...(await rekeyOf(pid)) };
  }
  return undefined;
};

const listeningInodes = async (path: string, port: number): Promise<string[]> => {
  const rows = (await readFile(path, 'utf8').catch(() => '')).split('\n').slice(1);
  return rows
    .map((row) => row.trim().split(/\s+/))
    .filter(
      ([, local, , state]) => state === LISTENING && Number.parseInt(local?.split(':')[1] ?? '', 16) === port,
    )
    .map((columns) => columns[9]!);
};

const holds = async (pid: number, sockets: ReadonlySet<string>): Promise<boolean> => {
  const files = await readdir(`/proc/${pid}/fd`).catch(() => []);
  const targets = await Promise.all(files.map((file) => readlink(`/proc/${pid}/fd/${file}`).catch(() => '')));
  return targets.some((target) => sockets.has(target));
};

const rekeyOf = async (pid: number): Promise<Pick<PortHolder, 'rekey'>> => {
  const [words, folder] = await Promise.all([
    readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''),
    readlink(`/proc/${pid}/cwd`).catch(() => undefined),
  ]);
  const app = words
    .split('\0')
    .map((word) => APP.exec(word)?.[1])
    .find(Boolean);
  return app !== undefined && folder !== undefined ? { rekey: { app, folder } } : {};
};

import { spawn } from 'node:child_process';
import { chmod, lstat, mkdir, readFile, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { begin, closeAll, send, temporaryFolder } from '../agent-fixture.ts';
import { bindSocket } from './bind-socket.ts';

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) server.close();
  await closeAll();
});

const bind = async (
  path: string,
  more: { mode?: number; gid?: number; mounted?: boolean } = {},
): Promise<Server> => {
  const server = createServer();
  await bindSocket(server, { path, mode: 0o600, ...more });
  servers.push(server);
  return server;
};

/** Leaves a socket behind, as a process that was killed does. */
const leaveSocket = async (path: string): Promise<void> => {
  const kill = "process.kill(process.pid, 'SIGKILL')";
  const code = `require('net').createServer().listen(${JSON.stringify(path)}, () => ${kill})`;
  await once(spawn(process.execPath, ['-e', code], { stdio: 'ignore' }), 'exit');
  expect((await lstat(path)).isSocket()).toBe(true);
};

describe('the path of the socket', () => {
  it('gets the mode and the group of the configuration', async () => {
    const path = join(await temporaryFolder(), 's.sock');
    await bind(path, { mode: 0o660, gid: process.getegid!() });
    const { mode, gid } = await stat(path);
    expect([mode & 0o777, gid]).toEqual([0o660, process.getegid!()]);
  });

  it('that a dead process has left is replaced', async () => {
    const path = join(await temporaryFolder(), 's.sock');
    await leaveSocket(path);
    await bind(path);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('that is served is left alone: an agent that is started twice does not start', async () => {
    const first = await begin();
    const path = join(first.folder, 's.sock');
    await expect(begin(() => ({ http: { socket: { path } } }))).rejects.toMatchObject({
      code: 'ALREADY_RUNNING',
    });
    expect((await send(path, 'GET', '/healthz')).status).toBe(200);
  });

  it('is won by exactly one of several agents that start at the same time over an old socket', async () => {
    const path = join(await temporaryFolder(), 's.sock');
    await leaveSocket(path);
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => bind(path)));
    const lost = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as Error] : []));
    expect(lost).toHaveLength(7);
    for (const error of lost) expect(error).toMatchObject({ code: 'ALREADY_RUNNING' });
    await expect(bind(path)).rejects.toMatchObject({ code: 'ALREADY_RUNNING' });
    expect(await readdir(join(path, '..'))).toEqual(['s.sock']);
  });

  it('that is anything but a socket is left as it is', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'file'), 'precious');
    await symlink(join(folder, 'file'), join(folder, 'link'));
    await mkdir(join(folder, 'folder'));
    for (const name of ['file', 'link', 'folder'])
      await expect(bind(join(folder, name))).rejects.toMatchObject({ code: 'NOT_A_SOCKET' });
    expect(await readFile(join(folder, 'link'), 'utf8')).toBe('precious');
  });

  it('must be in a folder where no other user can replace it, and not too long', async () => {
    const folder = await temporaryFolder();
    const open = join(folder, 'open');
    await mkdir(open);
    for (const mode of [0o777, 0o770]) {
      await chmod(open, mode);
      await expect(bind(join(open, 's.sock'))).rejects.toThrow('other users may write to the folder');
    }
    // As Kubernetes makes a volume, which only the containers of a pod reach.
    await bind(join(open, 's.sock'), { mounted: true });
    await expect(bind(join(folder, 'none', 's.sock'))).rejects.toThrow('cannot be used (ENOENT)');
    await expect(bind(join(folder, 'x'.repeat(120)))).rejects.toThrow('at most 107 bytes');
  });
});

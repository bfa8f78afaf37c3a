import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { lockFolder } from './folder-lock.ts';

const NOBODY = 65_534;
/** Only root can start processes of two users. */
const describeAsRoot = process.getuid!() === 0 ? describe : describe.skip;
if (describeAsRoot === describe.skip)
  console.warn('Skipped: the lock of a folder of another user needs root.');

let base: string;
let folder: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'rekey-lock-'));
  chmodSync(base, 0o755);
  folder = join(base, 'lock');
  mkdirSync(folder, { mode: 0o700 });
});
afterEach(() => rmSync(base, { recursive: true }));

/** Locks the folder in a process of a user, which prints the result. */
const lockAs = (uid: number, thenStay: boolean) => {
  const module = JSON.stringify(new URL('./folder-lock.ts', import.meta.url).href);
  const program = `import(${module}).then(async ({ lockFolder }) => {
    const lock = await lockFolder(process.argv[1]);
    console.log(JSON.stringify('release' in lock ? { taken: true } : lock));
    ${thenStay ? 'setInterval(() => {}, 1000)' : 'process.exit(0)'};
  })`;
  return spawn(process.execPath, ['--conditions=@rekey/source', '-e', program, folder], {
    uid,
    gid: uid,
    cwd: '/',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
};

describe('lockFolder', () => {
  it('holds the lock until it is released', async () => {
    const first = await lockFolder(folder);
    expect(await lockFolder(folder)).toMatchObject({ heldBy: { pid: process.pid } });
    if (!('release' in first)) throw new Error('the lock was not taken');
    first.release();
    const again = await lockFolder(folder);
    expect(again).toHaveProperty('release');
    if ('release' in again) again.release();
    expect(existsSync(folder)).toBe(true);
  });
});

describeAsRoot('lockFolder in a folder of another user', () => {
  it('gives the lock to the owner of the folder after a process of root was killed', async () => {
    chownSync(folder, NOBODY, NOBODY);
    const killed = lockAs(0, true);
    await once(killed.stdout, 'data');
    killed.kill('SIGKILL');
    await once(killed, 'exit');
    expect(readdirSync(folder)).toHaveLength(1);
    expect(JSON.parse(await text(lockAs(NOBODY, false).stdout))).toEqual({ taken: true });
  });

  it('tells the owner of the folder which process of root holds the lock', async () => {
    chownSync(folder, NOBODY, NOBODY);
    const holder = lockAs(0, true);
    await once(holder.stdout, 'data');
    try {
      expect(JSON.parse(await text(lockAs(NOBODY, false).stdout))).toMatchObject({
        heldBy: { pid: holder.pid },
      });
    } finally {
      holder.kill('SIGKILL');
    }
  });

  it('names a socket that this user may not open, such as one of an older version', async () => {
    chownSync(folder, NOBODY, NOBODY);
    const server = createServer().listen(join(folder, 'old.sock'));
    await once(server, 'listening');
    try {
      expect(JSON.parse(await text(lockAs(NOBODY, false).stdout))).toEqual({
        forbidden: join(folder, 'old.sock'),
      });
      expect(readdirSync(folder)).toEqual(['old.sock']);
    } finally {
      server.close();
    }
  });
});

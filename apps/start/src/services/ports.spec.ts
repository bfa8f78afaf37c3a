import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort } from '@rekey/testing';
import { choosePort } from './ports.ts';

let holder: Server;
let taken: number;
beforeAll(async () => {
  holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  taken = (holder.address() as AddressInfo).port;
});
afterAll(() => void holder.close());

const notes: string[] = [];
const choose = (given: string | undefined, preferred: number) =>
  choosePort({ variable: 'REDIS_PORT', given, preferred, onTaken: (message) => notes.push(message) });

describe('choosePort', () => {
  it('returns the preferred port if that is free, without a note', async () => {
    const preferred = await freePort();
    expect(await choose(undefined, preferred)).toBe(preferred);
    expect(notes).toEqual([]);
  });

  it('returns a free port, with a note, if the preferred one is in use', async () => {
    const port = await choose(undefined, taken);
    expect(port).not.toBe(taken);
    expect(notes).toEqual([
      `port ${taken} is in use, possibly by another Rekey; using ${port} (set REDIS_PORT to choose)`,
    ]);
  });

  it('returns the given port, or a free one for 0', async () => {
    const port = await freePort();
    expect(await choose(String(port), taken)).toBe(port);
    expect(await choose('0', taken)).toBeGreaterThan(0);
  });

  it('rejects a given port that is in use: nothing would look for it elsewhere', async () => {
    await expect(choose(String(taken), await freePort())).rejects.toThrow(
      `port ${taken} is in use by process ${process.pid}. ` +
        'Stop that process, or set REDIS_PORT to another PORT',
    );
  });

  it.each(['-1', '65536', '6379x', '127.0.0.1:6379', ' '])(
    'rejects a value that is no port: %s',
    async (given) => {
      await expect(choose(given, 1)).rejects.toThrow(
        'REDIS_PORT: must be a port from 0 to 65535; 0 chooses a free one',
      );
    },
  );
});

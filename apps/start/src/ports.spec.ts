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

describe('the port of a part of npm start', () => {
  it('is the preferred one if that is free, without a word', async () => {
    const preferred = await freePort();
    expect(await choose(undefined, preferred)).toBe(preferred);
    expect(notes).toEqual([]);
  });

  it('is a free one, and says so, if the preferred one is in use', async () => {
    const port = await choose(undefined, taken);
    expect(port).not.toBe(taken);
    expect(notes).toEqual([
      `port ${taken} is in use, perhaps by another Rekey: takes ${port} (REDIS_PORT chooses another)`,
    ]);
  });

  it('is the one that was given, or a free one for 0', async () => {
    const port = await freePort();
    expect(await choose(String(port), taken)).toBe(port);
    expect(await choose('0', taken)).toBeGreaterThan(0);
  });

  it('is refused if the one that was given is in use: nobody would look for it elsewhere', async () => {
    await expect(choose(String(taken), await freePort())).rejects.toThrow(
      `port ${taken} is in use by process ${process.pid}. Stop that process, or set REDIS_PORT to another PORT`,
    );
  });

  it.each(['-1', '65536', '6379x', '127.0.0.1:6379', ' '])('is refused if it is none: %s', async (given) => {
    await expect(choose(given, 1)).rejects.toThrow(
      'REDIS_PORT: must be a port from 0 to 65535; 0 takes a free one',
    );
  });
});

import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { findRedis } from './find-redis.ts';
import { startRedis } from './redis-server.ts';

const before = process.env['LD_LIBRARY_PATH'];
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rekey-libraries-'));
});
afterEach(async () => {
  if (before === undefined) delete process.env['LD_LIBRARY_PATH'];
  else process.env['LD_LIBRARY_PATH'] = before;
  await rm(folder, { recursive: true });
});

/** The libraries of a redis-server that has those of `libraryPath`, or none of its own. */
const librariesWith = async (own: { libraryPath?: string }): Promise<string> => {
  const { command, libraryPath = '' } = await findRedis();
  const wrapper = join(folder, 'redis-server');
  const script = `#!/bin/sh
printf %s "$LD_LIBRARY_PATH" > '${folder}/libraries'
LD_LIBRARY_PATH='${libraryPath}' exec '${command}' "$@"
`;
  await writeFile(wrapper, script);
  await chmod(wrapper, 0o755);
  const server = await startRedis({ binary: { command: wrapper, source: 'PATH', ...own } });
  await server.dispose();
  return readFile(join(folder, 'libraries'), 'utf8');
};

describe('startRedis', () => {
  it("keeps the library path of the user for the user's own redis-server", async () => {
    process.env['LD_LIBRARY_PATH'] = '/opt/redis/lib';
    expect(await librariesWith({})).toBe('/opt/redis/lib');
  });

  it('replaces it for a redis-server that was unpacked into the cache', async () => {
    process.env['LD_LIBRARY_PATH'] = '/opt/redis/lib';
    expect(await librariesWith({ libraryPath: '/cache/lib' })).toBe('/cache/lib');
  });

  it('does not take another Redis on its port for its own', async () => {
    const other = await startRedis();
    try {
      await expect(startRedis({ port: other.port })).rejects.toThrow('did not become ready');
    } finally {
      await other.dispose();
    }
  });

  it('starts one that asks for a password', async () => {
    const server = await startRedis({ args: ['--requirepass', 'word'] });
    expect(server.url).toContain(String(server.port));
    await server.dispose();
  });
});

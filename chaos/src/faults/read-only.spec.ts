import { describe, expect, it } from '@jest/globals';
import { startRedis } from '@rekey/testing';
import { Redis } from 'ioredis';
import { makeReadOnly } from './read-only.ts';

describe('makeReadOnly', () => {
  it('refuses writes of connected clients, and loses no data, even over a restart', async () => {
    const server = await startRedis({ persistence: 'always' });
    const [redis, client] = [new Redis(server.url), new Redis(server.url)];
    await client.set('before', '1');
    const id = await client.client('ID');
    const { restore } = await makeReadOnly(redis);
    await expect(client.set('during', '1')).rejects.toThrow('READONLY');
    expect(await client.get('before')).toBe('1');
    await restore();
    await client.set('after', '1');
    expect(await client.client('ID')).toBe(id);
    for (const one of [redis, client]) one.disconnect();
    await server.kill();
    await server.restart();
    const again = new Redis(server.url);
    expect(await again.mget('before', 'during', 'after')).toEqual(['1', null, '1']);
    again.disconnect();
    await server.dispose();
  });
});

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startRedis, type RedisServer } from '@rekey/testing';
import { Redis } from 'ioredis';
import { cleverNames } from './clever/clever-mutations.ts';
import { createRedisWriter } from './redis-writer.ts';
import { createThiefTools, type ThiefTools } from './thief-tools.ts';

let server: RedisServer;
let redis: Redis;
let tools: ThiefTools;
beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
  tools = await createThiefTools();
});
afterAll(async () => {
  redis.disconnect();
  await server.dispose();
});

const eventOf = (assistantId: string) =>
  JSON.stringify({
    id: assistantId,
    type: 'rekey.assistant.key-rotated.v1',
    source: `/orgs/org_demo/assistants/${assistantId}`,
    subject: assistantId,
    data: { version: 1, sealed: { recipients: [{ header: { kid: 'k' } }] } },
  });
/** Something of each type, as a ledger has it. */
const fill = async () => {
  await redis.flushall();
  for (const id of ['ast_1', 'ast_2']) {
    await redis.set(`{rekey}:current:${id}`, eventOf(id));
    await redis.hset(`{rekey}:assistant:${id}`, { version: 1, org: 'org_demo' });
  }
  for (const name of ['thief', 'demo']) {
    const entry = { name, orgs: ['org_demo'], state: 'ACTIVE', kept: { of: name }, grant: `grant-${name}` };
    await redis.hset('{rekey}:consumers', name, JSON.stringify(entry));
  }
  await redis.hset('{rekey}:rotation:rot_1', { state: 'QUEUED', org: 'org_demo', assistant: 'ast_1' });
  await redis.zadd('{rekey}:intents', 1, 'ast_1');
  await redis.set('{rekey}:registry', '1.text');
  await redis.hset('{rekey}:ledger', { id: 'ledger', readers: 1 });
  await redis.sadd('{rekey}:orgs', 'org_demo');
  await redis.zadd('{rekey}:assistants:org_demo', 1, 'ast_1');
  await redis.rpush('{rekey}:bull:rotations:wait', 'rot_1');
  await redis.xadd('{rekey}:events', '1-1', 'event', eventOf('ast_1'));
  await redis.xadd('{rekey}:acks', '1-1', 'ack', '{"consumer":"absent"}');
};
beforeEach(fill);

const LONG_BYTES = 1_000_000;

const mutations = async (seed: number, count: number, only?: string[]): Promise<string[]> => {
  const writer = createRedisWriter({ redis, seed, tools, only, hugeShare: 0, longBytes: LONG_BYTES });
  await writer.observe();
  const lines: string[] = [];
  for (let i = 0; i < count; i += 1) lines.push(await writer.mutate());
  await writer.end();
  return lines;
};
/** Without the times of this run, and without the ids that Redis gave. */
const withoutTimes = (lines: string[]) => lines.map((line) => line.replaceAll(/\d{10,}(-\d+)?/g, 'TIME'));

describe('createRedisWriter', () => {
  it('makes the same mutations for the same seed', async () => {
    const first = withoutTimes(await mutations(4, 30));
    await fill();
    expect(withoutTimes(await mutations(4, 30))).toEqual(first);
    await fill();
    expect(withoutTimes(await mutations(6, 30))).not.toEqual(first);
  });

  it('changes what is inside every type of key, and whole keys', async () => {
    const names = new Set((await mutations(7, 600)).map((line) => line.split(':')[0]));
    for (const type of ['string', 'hash', 'set', 'zset', 'list', 'stream'])
      expect(names).toContain(`${type} changed`);
    for (const name of ['key removed', 'key of another type', 'key renamed', 'key copied', 'key rolled back'])
      expect(names).toContain(name);
  });

  it.each(cleverNames)('can make the clever mutation %j', async (name) => {
    const [line] = await mutations(8, 1, [name]);
    expect(line).toContain(`${name}: `);
  });

  it('makes something 100 MB long, and goes on', async () => {
    const writer = createRedisWriter({ redis, seed: 9, tools, hugeShare: 1 });
    await writer.observe();
    expect(await writer.mutate()).toMatch(/^100 MB: EVAL/);
    await writer.observe();
    expect(await createRedisWriter({ redis, seed: 10, tools, hugeShare: 0 }).mutate()).toMatch(/^nothing|: /);
  });
});

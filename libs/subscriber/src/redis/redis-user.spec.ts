import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startRedis, type RedisServer } from '@rekey/testing';
import { subscribe } from '../index.ts';
import type { Publisher } from '../publisher-fixture.ts';
import { createPublisher } from '../subscriber-fixture.ts';
import { until } from '../wait-fixture.ts';

let server: RedisServer;
let rekey: Publisher;
let privateKey: object;
beforeAll(async () => {
  server = await startRedis();
  rekey = createPublisher(server.url);
  privateKey = await rekey.enrol('billing');
});
afterAll(async () => {
  rekey.close();
  await server.dispose();
});

/** Creates the user, without some of its commands. */
const createUser = async (except: string[] = []) => {
  const text = await readFile(new URL('../../../../docs/guides/events.md', import.meta.url), 'utf8');
  const [, all] = /^ACL SETUSER billing (.*?)^```$/ms.exec(text)!;
  const rules = all!.replaceAll('{rekey}', '{spec}').trim().split(/\s+/);
  const given = rules.filter((rule) => !except.includes(rule));
  expect(given).toHaveLength(rules.length - except.length);
  await rekey.redis.call('ACL', 'SETUSER', 'billing', ...given);
};

describe('the Redis user of the events contract', () => {
  it('can hold all keys, follow and acknowledge, and write nothing else', async () => {
    await createUser();
    await rekey.publish('ast_1', 'sk_1');
    const url = `redis://billing:PASSWORD@127.0.0.1:${server.port}`;
    const keys = await subscribe({ redis: url, consumer: 'billing', prefix: 'spec', privateKey });
    await rekey.publish('ast_1', 'sk_2');
    await rekey.makeUncertain('ast_1');
    await until(() => keys.current('ast_1')!.uncertain, 'the doubt');
    await until(() => keys.freshness().acknowledging, 'the acknowledgement');
    expect(keys.current('ast_1')).toMatchObject({ secretKey: 'sk_2' });
    await keys.close();

    const user = rekey.redis.duplicate({ username: 'billing', password: 'PASSWORD' });
    for (const write of [
      () => user.xadd('{spec}:events', '*', 'event', '{}'),
      () => user.set('{spec}:current:ast_1', 'x'),
      () => user.hset('{spec}:consumers', 'billing', '{}'),
      () => user.xadd('{spec}:acks', '*', 'ack', '{}'),
      () => user.xadd('{spec}:acks:crm', '*', 'ack', '{}'),
      () => user.get('{spec}:assistant:ast_1'),
    ]) {
      await expect(write()).rejects.toThrow('NOPERM');
    }
    user.disconnect();
  });
});

describe('the Redis user of an earlier version', () => {
  it('can hold all keys, also beside a record that is too long', async () => {
    await rekey.redis.call('ACL', 'DELUSER', 'billing');
    await createUser(['+sscan', '+strlen']);
    for (const id of ['ast_2', 'ast_3', 'ast_4']) await rekey.publish(id, `sk_${id}`);
    await rekey.redis.setrange('{spec}:current:ast_3', 40 * 1024 * 1024, 'x');
    const url = `redis://billing:PASSWORD@127.0.0.1:${server.port}`;
    const keys = await subscribe({ redis: url, consumer: 'billing', prefix: 'spec', privateKey });
    expect([...keys.assistantIds()].toSorted()).toEqual(['ast_1', 'ast_2', 'ast_4']);
    expect(keys.unapplied.last.map(({ assistantId }) => assistantId)).toEqual(['ast_3']);
    await keys.close();
  });
});

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { parseSharedKeys } from '@rekey/sealing';
import { startRedis, type RedisServer } from '@rekey/testing';
import { subscribe, type Keys } from '../index.ts';
import type { Publisher } from '../publisher-fixture.ts';
import { createPublisher } from '../subscriber-fixture.ts';
import { next, until } from '../wait-fixture.ts';
import { itOverRedis, transportTo } from '../transport-fixture.ts';

let server: RedisServer;
let rekey: Publisher;
let keys: Keys;
let keyFile: { keys: object[] };
let oldEntry: string;
const entry = async () => (await rekey.redis.hget('{spec}:consumers', 'billing'))!;
const putBack = (text: string) => rekey.redis.hset('{spec}:consumers', 'billing', text);
const kidOf = (text: string) => (JSON.parse(text) as { grant_kid: string }).grant_kid;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.dispose());
beforeEach(async () => {
  rekey = createPublisher(server.url);
  await rekey.redis.flushall();
  keyFile = await rekey.enrol('billing', { revision: 7 });
  oldEntry = await entry();
  await rekey.remove('billing');
  await rekey.enrol('billing', { keyFile, revision: 8 });
  await rekey.publish('ast_1', 'sk_1');
  keys = await subscribe({
    ...(await transportTo(server.url)),
    consumer: 'billing',
    prefix: 'spec',
    privateKey: keyFile,
    leaseMs: 1000,
  });
});
afterEach(async () => {
  await keys.close();
  rekey.close();
});

describe('an older grant in place of the one that a consumer holds', () => {
  itOverRedis(
    'is refused: the consumer keeps its keys and reports it, until the right one is back',
    async () => {
      const newEntry = await entry();
      const revoked = next(keys, 'revoked');
      await putBack(oldEntry);
      expect(await revoked).toEqual({
        reason: 'old-grant',
        message: expect.stringContaining('has an older grant'),
      });
      expect([keys.size, keys.freshness()]).toEqual([
        1,
        expect.objectContaining({ revoked: true, upToDate: false }),
      ]);
      const snapshot = next(keys, 'snapshot');
      await putBack(newEntry);
      expect(await snapshot).toMatchObject({ reason: 'reinstated', keys: 1 });
      await until(() => !keys.freshness().revoked, 'the end of the revocation');
    },
  );

  itOverRedis('does not end the use of the keys of the newer one: later events still open', async () => {
    const { consumer } = (await rekey.consumers.get('billing'))!;
    const newKeys = parseSharedKeys(await rekey.sealer.openOwn(consumer.kept, 'kept'));
    const revoked = next(keys, 'revoked');
    await putBack(oldEntry);
    await revoked;
    const acknowledged = (await rekey.acks()).length;
    // A worker that knows the right entry seals for it.
    await rekey.publish('ast_2', 'sk_2', { recipients: [newKeys] });
    await until(() => keys.current('ast_2')?.state === 'held', 'the new key');
    expect((await rekey.acks()).length).toBe(acknowledged);
  });

  itOverRedis('is accepted by a consumer that starts, whose acknowledgements show it', async () => {
    const current = kidOf(await entry());
    await putBack(oldEntry);
    const other = await subscribe({
      ...(await transportTo(server.url)),
      consumer: 'billing',
      prefix: 'spec',
      privateKey: keyFile,
    });
    try {
      const { instance } = other.freshness();
      await until(async () => (await rekey.acks(instance)).length > 0, 'the acknowledgement');
      const { kid, unapplied } = (await rekey.acks(instance))[0]!;
      expect([kid === kidOf(oldEntry), kid === current, unapplied.count]).toEqual([true, false, 1]);
    } finally {
      await other.close();
    }
  });

  it('is replaced by a newer one', async () => {
    const snapshot = next(keys, 'snapshot');
    await rekey.remove('billing');
    await rekey.enrol('billing', { keyFile, revision: 9 });
    await rekey.finishEnrolling('billing');
    await snapshot;
    await until(() => keys.freshness().upToDate, 'the newer grant');
    expect(keys.size).toBe(1);
    const expected = kidOf(await entry());
    const { instance } = keys.freshness();
    await until(async () => (await rekey.acks(instance)).at(-1)?.kid === expected, 'its kid');
  });
});

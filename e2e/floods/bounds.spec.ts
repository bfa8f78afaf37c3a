import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRekeyClient, type RekeyClient } from '@rekey/client';
import { ledgerKeys } from '@rekey/ledger';
import { Redis } from 'ioredis';
import { startGatewayUnderFlood, type GatewayUnderFlood } from './gateway-under-flood.ts';
import { beginCall, connectAll, framed, statusOf, textField } from './raw-connection.ts';

/*
 * What one caller, or a writer in Redis, could once make grow without a bound: each is refused from outside,
 * at a real gateway.
 */

const ROTATION = '/rekey.v1.RotationService';
const CREATE_BULK = '/rekey.v1.BulkRotationService/CreateBulkRotation';
const keys = ledgerKeys('rekey');

let gateway: GatewayUnderFlood;
let redis: Redis;
let client: RekeyClient;
beforeAll(async () => {
  gateway = await startGatewayUnderFlood({
    GATEWAY_MAX_UPLOADS: '20',
    GATEWAY_MAX_CALLS: '100',
    REKEY_MAX_OPEN_ROTATIONS: '40',
    REKEY_MAX_OPEN_ROTATIONS_OF_ORG: '20',
  });
  redis = new Redis(gateway.redisUrl);
  client = createRekeyClient({ address: gateway.target.address, retry: false });
});
afterAll(async () => {
  client?.close();
  redis?.disconnect();
  await gateway?.stop();
});

const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'resolved',
    (error: { code: string }) => error.code,
  );
const countOf = (codes: string[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const code of codes) counts[code] = (counts[code] ?? 0) + 1;
  return counts;
};

describe('one connection', () => {
  it('has a limited number of calls, and cannot hold more half-open ones than allowed', async () => {
    const [session] = await connectAll(gateway.target.address, 1);
    expect(session!.remoteSettings.maxConcurrentStreams).toBe(4);
    const calls = Array.from({ length: 500 }, () => beginCall(session!, CREATE_BULK)!);
    const open = () => calls.filter((call) => !call.closed).length;
    for (let i = 0; i < 100 && open() > 20; i += 1) await sleep(100);
    expect(open()).toBe(20);
    session!.destroy();
  });

  it('cannot hold a half-open unary call for long', async () => {
    const [session] = await connectAll(gateway.target.address, 1);
    const call = beginCall(session!, `${ROTATION}/WaitRotation`, Buffer.from([0, 0, 0, 1]));
    const late = sleep(15_000, 'still open', { ref: false });
    expect(await Promise.race([statusOf(call!), late])).toBe(10);
    session!.destroy();
  });
});

describe('orgs that do not exist', () => {
  it('have no sweeps, and of others few wait', async () => {
    const codes = [];
    for (let i = 0; i < 100; i += 1) codes.push(await codeOf(client.createSweep({ orgId: `org_${i}` })));
    expect(countOf(codes)).toEqual({ resolved: 10, TOO_MANY_SWEEPS: 90 });
    await redis.zadd(keys.prefix + ':configured', Date.now(), 'org_mine');
    expect(await codeOf(client.createSweep({ orgId: 'org_garbage' }))).toBe('ORG_NOT_KNOWN');
    expect(await redis.zcard(keys.sweeps)).toBe(10);
  });
});

describe('2,000 callers that wait for a rotation of a bulk rotation', () => {
  it('cost Redis no more than one of them', async () => {
    const sessions = await connectAll(gateway.target.address, 2);
    const id = gateway.target.bulkRotationOfRotationId;
    const wait = framed(Buffer.concat([textField(1, id), Buffer.from([0x12, 3, 0x08, 0xd8, 0x04])]));
    for (const session of sessions)
      for (let i = 0; i < 1000; i += 1) beginCall(session, `${ROTATION}/WaitRotation`, wait, { end: true });
    await sleep(3000);
    const commands = async () => Number(/total_commands_processed:(\d+)/.exec(await redis.info('stats'))![1]);
    const before = await commands();
    await sleep(2000);
    expect((await commands()) - before).toBeLessThan(400);
    expect(sessions.map(({ remoteSettings }) => remoteSettings.maxConcurrentStreams)).toEqual([1000, 1000]);
    for (const session of sessions) session.destroy();
  });
});

describe('what Redis holds for callers', () => {
  it('is a limited number of open rotations, of an org and in all', async () => {
    const codes = [];
    for (let i = 0; i < 60; i += 1)
      codes.push(await codeOf(client.rotateSecretKey({ orgId: `org_${i % 3}`, assistantId: `many_${i}` })));
    expect(countOf(codes)).toEqual({ resolved: 39, TOO_MANY_ROTATIONS: 21 });
    expect(await redis.zcard(keys.rotations('open'))).toBe(40);
    const ofOne = [];
    await redis.del(keys.rotations('open'));
    for (let i = 0; i < 30; i += 1)
      ofOne.push(await codeOf(client.rotateSecretKey({ orgId: 'org_one', assistantId: `one_${i}` })));
    expect(countOf(ofOne)).toEqual({ resolved: 20, TOO_MANY_ROTATIONS: 10 });
  });

  it('is a limited number of assistants that all policies name', async () => {
    const create = (assistantIds: string[]) =>
      codeOf(
        client.createRotationPolicy({
          orgId: 'org_1',
          everyDays: 90,
          window: { cron: '0 3 * * *', timeZone: 'UTC', lengthMs: 3_600_000 },
          maxFailures: { percent: 1 },
          assistantIds,
        }),
      );
    await redis.zadd(keys.policies, 0, 'pol_large');
    await redis.hset(keys.policy('pol_large'), { assistants: 995_000, bytes: 0 });
    const ids = Array.from({ length: 10_000 }, (_, i) => `ast_${i}`);
    expect(await create(ids)).toBe('POLICIES_TOO_LARGE');
    await redis.hset(keys.policy('pol_large'), { assistants: 10, bytes: 64 * 1024 * 1024 });
    expect(await create(ids)).toBe('POLICIES_TOO_LARGE');
    await redis.del(keys.policy('pol_large'), keys.policies);
  });

  it('is a limited number of open bulk rotations', async () => {
    await redis.zadd(keys.bulks, ...Array.from({ length: 1000 }, (_, i) => [0, `blk_${i}`]).flat());
    expect(await codeOf(client.createBulkRotation({ orgId: 'org_1', assistantIds: ['a'] }))).toBe(
      'TOO_MANY_BULKS',
    );
  });
});

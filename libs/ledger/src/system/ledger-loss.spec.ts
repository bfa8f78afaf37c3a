import { describe, expect, it } from '@jest/globals';
import { useRedis } from '@rekey/testing/redis-fixture';
import { Redis } from 'ioredis';
import { openLedger, type Ledger } from '../open-ledger.ts';
import { startLedgerWatch } from './ledger-watch.ts';

let redis: Redis;
useRedis((url) => (redis = new Redis(url)));

/** The ledger of a separate process: processes do not share what they know. */
const process = (): Ledger => openLedger(redis, { prefix: 'spec' });
const WORKER = { fingerprintKeyId: 'KEYID' };
const CLAIM = { leaseMs: 60_000, landingWindowMs: 60_000, maxOpenIntents: 10 };
let made = 0;
const claim = async (ledger: Ledger) => {
  const { rotation } = await ledger.rotations.accept(`rot_${String((made += 1)).padStart(26, '0')}`, {
    orgId: 'org_1',
    assistantId: `ast_${made}`,
    reason: '',
  });
  const { kind } = await ledger.rotations.claim(
    { rotationId: rotation.id, orgId: 'org_1', assistantId: rotation.assistantId },
    CLAIM,
  );
  return { kind, errorCode: (await ledger.rotations.get(rotation.id)).errorCode };
};
const REFUSED = { kind: 'frozen', errorCode: 'LEDGER_LOST' };
const isLost = async (): Promise<boolean> => (await redis.hexists('{spec}:ledger', 'lost')) === 1;

describe('a new ledger', () => {
  it('is begun by the first process, and bound by the first worker', async () => {
    const [gateway, worker] = [process(), process()];
    const begun = await gateway.system.recognise();
    expect(begun).toEqual({ id: expect.stringMatching(/^[A-Za-z0-9_-]{16}$/), began: true });
    expect(await worker.system.recognise(WORKER)).toEqual({ id: begun.id, began: false, boundTo: 'KEYID' });
    expect(await claim(worker)).toEqual({ kind: 'claimed', errorCode: undefined });
  });

  it('without an id, of an older version, gets one, and is not lost', async () => {
    await redis.hset('{spec}:ledger', 'fingerprint_key', 'KEYID');
    await redis.sadd('{spec}:orgs', 'org_1');
    const worker = process();
    expect(await worker.system.recognise(WORKER)).toMatchObject({ boundTo: 'KEYID', began: true });
    expect(await isLost()).toBe(false);
    expect(await claim(worker)).toMatchObject({ kind: 'claimed' });
  });
});

describe('a ledger that vanished', () => {
  it.each([
    ['FLUSHALL', () => redis.flushall()],
    ['DEL', () => redis.del('{spec}:ledger')],
    ['the loss of its id', () => redis.hdel('{spec}:ledger', 'id')],
  ])('by %s allows no claim, before any process has looked', async (_, vanish) => {
    const worker = process();
    await worker.system.recognise(WORKER);
    await vanish();
    expect(await claim(worker)).toEqual(REFUSED);
  });

  it('is marked by a process that knows it, for processes that start later', async () => {
    const [worker, later] = [process(), process()];
    await worker.system.recognise(WORKER);
    await redis.flushall();
    expect(
      await worker.system.recognise({ ...WORKER, held: { assistants: 3, consumers: 2, policies: 1 } }),
    ).toMatchObject({ lostMs: expect.any(Number), began: true, boundTo: 'KEYID' });
    expect(await later.system.recognise(WORKER)).toMatchObject({ lostMs: expect.any(Number), began: false });
    for (const one of [worker, later]) expect(await claim(one)).toEqual(REFUSED);
    expect(JSON.parse((await redis.hget('{spec}:ledger', 'before'))!)).toEqual({
      assistants: 3,
      consumers: 2,
      policies: 1,
    });
  });

  it('is marked also if another process has begun anew in its place', async () => {
    const [worker, other] = [process(), process()];
    await worker.system.recognise(WORKER);
    await redis.flushall();
    expect(await other.system.recognise(WORKER)).not.toHaveProperty('lostMs');
    expect(await worker.system.recognise(WORKER)).toHaveProperty('lostMs');
    expect(await claim(other)).toEqual(REFUSED);
  });

  it.each(['orgs', 'seq', 'events', 'consumers', 'policies', 'bulks', 'rotations:SUCCEEDED'])(
    'is recognised by its remains, without a process that knows it: %s',
    async (name) => {
      await redis.set(`{spec}:${name}`, '1');
      const worker = process();
      expect(await worker.system.recognise(WORKER)).toHaveProperty('lostMs');
      expect(await isLost()).toBe(true);
    },
  );

  it('stays bound to the key that its assistants were published with', async () => {
    await redis.sadd('{spec}:orgs', 'org/1');
    await redis.zadd('{spec}:assistants:org%2F1', 1, 'ast_1');
    await redis.hset('{spec}:assistant:ast_1', 'fingerprint', 'OLDKEY:xyz');
    expect(await process().system.recognise(WORKER)).toMatchObject({ boundTo: 'OLDKEY' });
  });

  it('allows no claim of an assistant of a bulk rotation', async () => {
    const worker = process();
    await worker.system.recognise(WORKER);
    const bulks = openLedger(redis, { prefix: 'spec' }).bulks;
    const draft = bulks.draft('blk_1');
    await draft.add(['ast_x']);
    await bulks.create(
      'blk_1',
      {
        orgId: 'org_1',
        reason: '',
        selection: { kind: 'ids' },
        urgent: false,
        validateOnly: false,
        maxFailures: { percent: 5 },
      },
      draft,
    );
    const work = worker.bulkWork;
    const items = [
      {
        index: 0,
        job: { rotationId: 'rot_01ARZ3NDEKTSV4RRFFQ69G5FAV', orgId: 'org_1', assistantId: 'ast_x' },
      },
    ];
    await redis.del('{spec}:ledger');
    expect(await work.claim({ bulkId: 'blk_1', orgId: 'org_1' }, items, CLAIM)).toMatchObject({
      kind: 'frozen',
    });
    await worker.system.recognise(WORKER);
    expect(await work.claim({ bulkId: 'blk_1', orgId: 'org_1' }, items, CLAIM)).toMatchObject({
      kind: 'frozen',
    });
    await worker.system.adopt((await worker.system.recognise(WORKER)).id);
    await worker.system.recognise(WORKER);
    expect(await work.claim({ bulkId: 'blk_1', orgId: 'org_1' }, items, CLAIM)).toMatchObject({
      kind: 'claimed',
    });
  });

  it('may begin anew if that was allowed beforehand, also once it is marked', async () => {
    const [strict, lenient] = [process(), process()];
    await lenient.system.recognise(WORKER);
    await strict.system.recognise(WORKER);
    await redis.flushall();
    expect(await lenient.system.recognise({ ...WORKER, mayBegin: true })).not.toHaveProperty('lostMs');
    expect(await strict.system.recognise(WORKER)).not.toHaveProperty('lostMs');
    await redis.flushall();
    await strict.system.recognise(WORKER);
    expect(await isLost()).toBe(true);
    await lenient.system.recognise({ ...WORKER, mayBegin: true });
    expect(await isLost()).toBe(false);
    expect(await claim(lenient)).toMatchObject({ kind: 'claimed' });
  });

  it('that is restored from its backup is whole, for processes that knew it and for new ones', async () => {
    const [worker, later] = [process(), process()];
    const { id } = await worker.system.recognise(WORKER);
    await redis.flushall();
    await worker.system.recognise(WORKER);
    await later.system.recognise(WORKER);
    await redis.flushall();
    await redis.hset('{spec}:ledger', { id, fingerprint_key: 'KEYID' });
    for (const one of [worker, later]) {
      expect(await one.system.recognise(WORKER)).toEqual({ id, began: false, boundTo: 'KEYID' });
      expect(await claim(one)).toMatchObject({ kind: 'claimed' });
    }
  });
});

describe('adopt', () => {
  it('lets requests of every process leave again', async () => {
    const [worker, other] = [process(), process()];
    await worker.system.recognise(WORKER);
    await other.system.recognise(WORKER);
    await redis.flushall();
    const { id } = await worker.system.recognise(WORKER);
    await other.system.recognise(WORKER);
    await process().system.adopt(id);
    for (const one of [worker, other, process()]) {
      expect(await one.system.recognise(WORKER)).not.toHaveProperty('lostMs');
      expect(await claim(one)).toMatchObject({ kind: 'claimed' });
    }
  });

  it('refuses a ledger that is not lost, and one that the operator has not looked at', async () => {
    const worker = process();
    const { id } = await worker.system.recognise(WORKER);
    await expect(worker.system.adopt(id)).rejects.toMatchObject({ code: 'LEDGER_NOT_LOST' });
    await redis.flushall();
    await worker.system.recognise(WORKER);
    await expect(worker.system.adopt(id)).rejects.toMatchObject({ code: 'LEDGER_CHANGED' });
    expect(await isLost()).toBe(true);
  });
});

describe('the watch', () => {
  it('notices the loss at once, keeps what the ledger held, and reports when it is whole again', async () => {
    const worker = process();
    await redis.hset('{spec}:consumers', 'svc', '{}');
    await redis.hset('{spec}:ledger', { id: 'first', fingerprint_key: 'KEYID' });
    const happened: string[] = [];
    let counted = () => {};
    const firstCount = new Promise<void>((resolve) => (counted = resolve));
    let settle = () => {};
    const watch = startLedgerWatch({
      ledger: {
        recognise: async (options) => {
          const found = await worker.system.recognise(options);
          if (options?.held) counted();
          return found;
        },
      },
      ...WORKER,
      mayBegin: false,
      lookEveryMs: 20,
      holdings: async () => ({ assistants: 0, consumers: await redis.hlen('{spec}:consumers'), policies: 0 }),
      onLost: () => void (happened.push('lost'), settle()),
      onWhole: () => void (happened.push('whole'), settle()),
      onError: (error) => happened.push(String(error)),
    });
    await firstCount;
    const next = () => new Promise<void>((resolve) => (settle = resolve));
    expect(watch.holdBack()).toBeUndefined();
    const lost = next();
    await redis.flushall();
    await lost;
    expect(watch.holdBack()).toBe('LEDGER_LOST');
    expect(JSON.parse((await redis.hget('{spec}:ledger', 'before'))!)).toMatchObject({ consumers: 1 });
    const whole = next();
    await worker.system.adopt((await redis.hget('{spec}:ledger', 'id'))!);
    await whole;
    await watch.close();
    expect(happened).toEqual(['lost', 'whole']);
    expect(watch.holdBack()).toBeUndefined();
  });
});

import type { Socket } from 'node:net';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { REPLY_TOO_LARGE, ReplyTooLarge } from '@rekey/schema';
import { specRegistry } from '@rekey/testing';
import { useRedis } from '@rekey/testing/redis-fixture';
import { Redis } from 'ioredis';
import { ledgerKeys } from '../keys.ts';
import { openLedger } from '../open-ledger.ts';
import { createPolicyQueue } from '../queues/queues.ts';
import type { System } from './system.ts';

let redis: Redis;
let system: System;
useRedis((url) => (redis = new Redis(url)));
beforeEach(() => {
  system = openLedger(redis, { prefix: 'spec', registry: specRegistry }).system;
});

const doubt = (time: string) =>
  JSON.stringify({ specversion: '1.0', type: 'rekey.assistant.key-uncertain.v1', time });

describe('freeze and unfreeze', () => {
  it('note the time and the reason, and take them back', async () => {
    await redis.hset('{spec}:ledger', 'fingerprint_key', 'K');
    await system.freeze('Invent is ill');
    const { frozen } = await system.status();
    expect(frozen).toEqual({ sinceMs: expect.any(Number), reason: 'Invent is ill', requestedBy: 'local' });
    await system.unfreeze();
    expect((await system.status()).frozen).toBeUndefined();
    expect(await redis.hgetall('{spec}:ledger')).toEqual({ fingerprint_key: 'K' });
  });

  it('do not name who froze before an earlier version froze again', async () => {
    await system.freeze('first', { by: 'uri:caller' });
    expect((await system.status()).frozen!.requestedBy).toBe('uri:caller');
    await redis.hdel('{spec}:ledger', 'frozen', 'frozen_reason');
    await redis.hset('{spec}:ledger', { frozen: 1_700_000_000_000, frozen_reason: 'second' });
    expect((await system.status()).frozen).toEqual({ sinceMs: 1_700_000_000_000, reason: 'second' });
  });

  it('keep the time and the reason when frozen again', async () => {
    await system.freeze('first');
    const { frozen } = await system.status();
    await redis.hset('{spec}:ledger', 'frozen', frozen!.sinceMs! - 1000);
    await system.freeze('second');
    expect((await system.status()).frozen).toEqual({
      sinceMs: frozen!.sinceMs! - 1000,
      reason: 'first',
    });
  });
});

describe('status', () => {
  it('is all zero for an empty ledger', async () => {
    expect(await system.status()).toEqual({
      attention: expect.any(Array),
      processes: [],
      ledger: { id: '', now: { assistants: 0, consumers: 0, policies: 0 } },
      openBulks: [],
      rotations: { open: 0, failed: 0, waitingInBulks: 0 },
      openIntents: [],
      uncertain: [],
      uncertainCount: 0,
      quarantined: [],
      quarantinedCount: 0,
      checksDue: 0,
      heldOrgs: [],
    });
  });

  it('names each policy without a next window, and the reason', async () => {
    const policies = openLedger(redis, { prefix: 'spec' }).policies;
    const queue = createPolicyQueue(redis, ledgerKeys('spec'));
    const window = { cron: '0 2 * * *', timeZone: 'Europe/Berlin', lengthMs: 3_600_000 };
    const ids = ['SCHEDVLED', 'PAVSED', 'YOVNG', 'VNREADABLE', 'CALENDAR', 'MISSING', 'WRONGTYPE'].map(
      (name) => `pol_${name.padStart(26, '0')}`,
    );
    const [scheduled, paused, , unreadable, calendar, missing, wrongType] = ids as [
      string,
      string,
      string,
      string,
      string,
      string,
      string,
    ];
    for (const id of ids)
      await policies.create(
        id,
        { orgId: 'org_1', reason: '', everyDays: 90, window, maxFailures: { count: 1 } },
        undefined,
      );
    await queue.schedule(scheduled, window);
    await policies.setPaused(paused, true);
    const longAgo = Date.now() - 600_000;
    for (const id of [scheduled, paused, missing])
      await redis.hset(`{spec}:policy:${id}`, 'updated', longAgo);
    await redis.hset(`{spec}:policy:${unreadable}`, 'every_days', 'many');
    await redis.hset(`{spec}:policy:${calendar}`, 'window_zone', 'Mars/Olympus');
    await redis.del(`{spec}:policy:${wrongType}`);
    await redis.set(`{spec}:policy:${wrongType}`, 'x');
    const found = (await system.status()).attention.filter(({ code }) => code === 'POLICY_NOT_SCHEDULED');
    expect(Object.fromEntries(found.map(({ subject, message }) => [subject, message]))).toEqual({
      [unreadable]: expect.stringContaining('cannot be read'),
      [wrongType]: expect.stringContaining('cannot be read'),
      [calendar]: expect.stringContaining('cannot be computed'),
      [missing]: expect.stringContaining('No window'),
    });
    await queue.close();
  });

  it.each([
    ['an index', '{spec}:rotations:open', 'zset'],
    ['the orgs', '{spec}:orgs', 'set'],
    ['the events', '{spec}:events', 'stream'],
    ['the ledger itself', '{spec}:ledger', 'hash'],
    ['consumers', '{spec}:consumers', 'hash'],
    ['what is known of orgs', '{spec}:known', 'hash'],
    ['what an operator has accepted', '{spec}:accepted', 'hash'],
  ])('names a key that another client has damaged, until it is mended: %s', async (_what, key, expected) => {
    await redis.set(key, 'nonsense');
    const damaged = async () =>
      (await system.status()).attention.filter(({ code }) => code === 'LEDGER_DAMAGED');
    expect(await damaged()).toEqual([
      expect.objectContaining({
        subject: key,
        message: expect.stringContaining(`it is a string, and Rekey keeps a ${expected} there`),
      }),
    ]);
    await redis.del(key);
    expect(await damaged()).toEqual([]);
  });

  it.each([
    ['held', 'org_x'],
    ['quarantine', 'ast_x'],
    ['uncertain', 'ast_x'],
    ['ledger', 'junk'],
    ['ledger', 'frozen_reason'],
    ['ledger', 'x'.repeat(40_000_000)],
  ])('names a hash with a field that is longer than any of Rekey: %s', async (name, field) => {
    await redis.hset('{spec}:ledger', 'id', 'led_1', 'frozen', String(Date.now()));
    await redis.hset(`{spec}:${name}`, field, field.length > 100 ? 'x' : 'x'.repeat(40_000_000));
    const { bytesRead } = redis.stream as Socket;
    const { attention, ledger: itself, frozen } = await system.status();
    expect((redis.stream as Socket).bytesRead - bytesRead).toBeLessThan(1_000_000);
    expect(attention).toContainEqual(
      expect.objectContaining({ code: 'LEDGER_DAMAGED', subject: `{spec}:${name}` }),
    );
    expect([itself.id, frozen !== undefined]).toEqual(['led_1', true]);
  });

  it('names what is too long to be read if that keeps it from being read', async () => {
    const { time } = redis;
    redis.time = (async () => {
      redis.emit(REPLY_TOO_LARGE, new ReplyTooLarge('hmget', '{spec}:ledger'));
      throw new Error('Connection is closed.');
    }) as unknown as typeof time;
    expect((await system.status()).attention).toEqual([
      expect.objectContaining({ code: 'LEDGER_DAMAGED', subject: '{spec}:ledger' }),
    ]);
    redis.time = (async () => {
      throw new Error('Connection is closed.');
    }) as unknown as typeof time;
    await expect(system.status()).rejects.toThrow('Connection is closed.');
    redis.time = time;
    expect((await system.status()).attention.map(({ code }) => code)).not.toContain('LEDGER_DAMAGED');
  });

  it.each(['assistants', 'changes', 'adopted'])('names what is damaged of an org: %s', async (part) => {
    await redis.sadd('{spec}:orgs', 'org_1');
    await redis.set(`{spec}:${part}:org_1`, 'nonsense');
    expect((await system.status()).attention).toContainEqual(
      expect.objectContaining({ code: 'LEDGER_DAMAGED', subject: `{spec}:${part}:org_1` }),
    );
  });

  it('names a key that a command has met, and drops it once it is mended', async () => {
    await redis.set('{spec}:intents:org_1', 'nonsense');
    await redis.hset('{spec}:damaged', '{spec}:intents:org_1', 'WRONGTYPE');
    expect((await system.status()).attention).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ code: 'LEDGER_DAMAGED', subject: '{spec}:intents:org_1' }),
      ]),
    );
    await redis.del('{spec}:intents:org_1');
    expect((await system.status()).attention.map(({ code }) => code)).not.toContain('LEDGER_DAMAGED');
    expect(await redis.exists('{spec}:damaged')).toBe(0);
  });

  it('looks at some of very many keys that another client has noted as damaged, and drops them', async () => {
    await redis.hset('{spec}:damaged', ...Array.from({ length: 10_000 }, (_, i) => [`${i}`, '']).flat());
    await redis.config('RESETSTAT');
    expect((await system.status()).attention.map(({ code }) => code)).not.toContain('LEDGER_DAMAGED');
    expect(await redis.hlen('{spec}:damaged')).toBe(9000);
    expect(Number(/^cmdstat_type:calls=(\d+),/m.exec(await redis.info('commandstats'))?.[1])).toBeLessThan(
      1200,
    );
  });

  it('counts all parts', async () => {
    await redis.zadd('{spec}:rotations:open', 0, 'rot_1', 0, 'rot_2');
    await redis.zadd('{spec}:rotations:FAILED', 0, 'rot_3');
    await redis.sadd('{spec}:orgs', 'c', 'org a', 'org_idle');
    await redis.hset('{spec}:ledger', 'run:org_new', 1, 'run_at:org_new', 1000, 'run:c', 0);
    await redis.zadd('{spec}:intents:org_new', 1, 'ast_9', 2, 'ast_8', 3, 'ast_7');
    await redis.zadd('{spec}:intents:c', 1, 'ast_1');
    await redis.zadd('{spec}:intents:org%20a', 1, 'ast_2', 1, 'ast_3');
    await redis.hset(
      '{spec}:uncertain',
      'ast_1',
      doubt('2026-01-02T00:00:00.000Z'),
      'ast_2',
      doubt('2026-01-01T00:00:00.000Z'),
    );
    await redis.hset('{spec}:quarantine', 'ast_4', JSON.stringify({ since: 1000, why: 'version' }));
    await redis.zadd('{spec}:checks', 1, 'org_1/ast_1');
    const hold = (since: number) => JSON.stringify({ since, code: 'TOO_MANY_GONE', affected: 8, known: 30 });
    await redis.hset('{spec}:held', 'org_late', hold(2000), 'org_1', hold(1000), 'org_odd', 'null');
    expect(await system.status()).toMatchObject({
      rotations: { open: 2, failed: 1, waitingInBulks: 0 },
      openIntents: [
        { orgId: 'org_new', count: 3 },
        { orgId: 'org a', count: 2 },
        { orgId: 'c', count: 1 },
      ],
      uncertain: [
        { assistantId: 'ast_2', sinceMs: Date.UTC(2026, 0, 1) },
        { assistantId: 'ast_1', sinceMs: Date.UTC(2026, 0, 2) },
      ],
      uncertainCount: 2,
      quarantined: [{ assistantId: 'ast_4', sinceMs: 1000, why: 'version' }],
      quarantinedCount: 1,
      checksDue: 1,
      heldOrgs: [
        { orgId: 'org_odd', code: 'LEDGER_CORRUPT' },
        { orgId: 'org_1', sinceMs: 1000, code: 'TOO_MANY_GONE', affected: 8, known: 30 },
        { orgId: 'org_late', sinceMs: 2000 },
      ],
    });
  });

  it('shows the hundred oldest, and counts all', async () => {
    const since = (i: number) => new Date(1_700_000_000_000 + i).toISOString();
    await redis.hset(
      '{spec}:uncertain',
      Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`ast_${i}`, doubt(since(i))])),
    );
    const { uncertain, uncertainCount } = await system.status();
    expect(uncertain.map(({ assistantId }) => assistantId)).toEqual(
      Array.from({ length: 100 }, (_, i) => `ast_${i}`),
    );
    expect(uncertainCount).toBe(600);
  });

  it.each(['', '{', 'null', '{"time":"soon","since":"x","why":1}', '{"time":1,"since":1e300,"why":""}'])(
    'shows an entry that it cannot read: %j',
    async (text) => {
      await redis.hset('{spec}:uncertain', 'ast_1', text);
      await redis.hset('{spec}:quarantine', 'ast_2', text);
      await redis.hset('{spec}:ledger', 'frozen', 'long ago');
      expect(await system.status()).toMatchObject({
        frozen: { reason: '' },
        uncertain: [{ assistantId: 'ast_1' }],
        quarantined: [{ assistantId: 'ast_2', why: 'its entry in the quarantine cannot be read' }],
      });
    },
  );
});

describe('a bulk rotation that has not ended', () => {
  it('is shown, and its waiting assistants count as open', async () => {
    await redis.zadd('{spec}:bulks', 0, 'blk_1', 0, 'blk_2');
    await redis.zadd('{spec}:bulks:ended', 1, 'blk_2');
    await redis.hset('{spec}:bulk:blk_1', {
      state: 'HALTED',
      why: 'READS_FAIL',
      org: 'org_1',
      total: 100,
      succeeded: 10,
      shared: 1,
      failed: 2,
      cancelled: 0,
      open: 7,
      updated: 1000,
    });
    await redis.hset('{spec}:bulk:blk_2', { state: 'COMPLETED', total: 50 });
    await redis.zadd('{spec}:rotations:open', 0, 'rot_1', 0, 'rot_2');
    const status = await system.status();
    expect(status.openBulks).toEqual([{ id: 'blk_1', state: 'HALTED', total: 100, done: 13 }]);
    expect(status.rotations).toMatchObject({ open: 82, waitingInBulks: 80 });
    expect(status.attention).toContainEqual(
      expect.objectContaining({
        code: 'BULK_HALTED',
        subject: 'blk_1',
        sinceMs: 1000,
        message: expect.stringContaining('READS_FAIL'),
      }),
    );
  });
});

describe('input from Redis that does not fit', () => {
  it.each([
    '',
    '{',
    'null',
    '[]',
    '{"since":-1,"code":"x y"}',
    '{"id":1}',
    `{"since":1,"code":"${'X'.repeat(100)}"}`,
  ])('breaks nothing: %s', async (text) => {
    await redis.hset('{spec}:held', 'org_1', text);
    await redis.hset('{spec}:stale', 'ast_1', text);
    await redis.hset('{spec}:processes', 'a b', text, 'worker-1', `1 2 3 0 ${text}`);
    await redis.hset('{spec}:ledger', {
      clock_jump: text,
      sweep_ended: text,
      sweep_succeeded: text,
      before: text,
      lost: text,
      begun: text,
      restarted: text,
      'run:org_1': text,
    });
    await redis.hset('{spec}:budget:default', { closed_until: text, closed_since: text });
    await redis.hset('{spec}:consumers', 'svc', text);
    const status = await system.status();
    expect(status.processes).toEqual([]);
    expect(status.attention.map(({ code }) => code)).toEqual(
      expect.arrayContaining([
        'CLOCK_JUMP',
        'NO_WORKER',
        'ORG_HELD',
        'STALE_READS',
        'SWEEP_NEVER',
        'REGISTRY_NOT_TAKEN_OVER',
      ]),
    );
    for (const { message } of status.attention) expect(message).not.toContain('XXXXXXXX');
  });

  it('of a wrong type hides nothing else', async () => {
    await redis.zadd('{spec}:rotations:open', 0, 'rot_1');
    await redis.set('{spec}:rotation:rot_1', 'x');
    await redis.sadd('{spec}:orgs', 'org_1');
    await redis.zadd('{spec}:intents:org_1', 1, 'ast_1');
    await redis.set('{spec}:assistant:ast_1', 'x');
    await redis.zadd('{spec}:bulks', 0, 'blk_1');
    await redis.set('{spec}:bulk:blk_1', 'x');
    expect(await system.status()).toMatchObject({
      rotations: { open: 1 },
      openIntents: [{ orgId: 'org_1', count: 1 }],
      openBulks: [],
    });
  });
});

describe('an assistant whose key went back to an older one', () => {
  it('is listed for a day, unless its key was replaced since', async () => {
    const nowMs = Date.now();
    await redis.zadd(
      '{spec}:rollbacks',
      nowMs - 1000,
      'ast_1',
      nowMs - 1000,
      'ast_2',
      nowMs - 90_000_000,
      'ast_3',
    );
    await redis.hset('{spec}:assistant:ast_1', 'rotated', nowMs - 5000);
    await redis.hset('{spec}:assistant:ast_2', 'rotated', nowMs);
    const { attention } = await system.status();
    expect(attention.filter(({ code }) => code === 'ROLLED_BACK').map(({ subject }) => subject)).toEqual([
      'ast_1',
    ]);
  });
});

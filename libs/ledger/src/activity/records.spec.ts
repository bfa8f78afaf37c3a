import { describe, expect, it } from '@jest/globals';
import { ActivityRecord, LOCAL_ACTOR, systemActor, type Actor } from '@rekey/schema';
import { namesOf, specOf } from '../bulks/bulk-fixture.ts';
import {
  SEALED,
  accept,
  claimed,
  codeOf,
  key,
  ledger,
  nextId,
  redis,
  request,
  useLedger,
} from '../ledger-fixture.ts';

useLedger();

const ACTOR: Actor = {
  by: 'uri:spiffe://example.com/billing',
  also: 'jwt:https://idp.example.com#svc-billing',
  request: 'call-1',
  trace: '4bf92f3577b34da6a3ce929d0e0e4736',
};
const REQUEST_ID = '5a4e3c1a-0000-4000-8000-000000000001';

const records = async (): Promise<ActivityRecord[]> =>
  (await redis.xrange('{spec}:activity', '-', '+')).map(([, fields]) =>
    ActivityRecord.parse(
      Object.fromEntries(fields.flatMap((name, i) => (i % 2 === 0 ? [[name, fields[i + 1]]] : []))),
    ),
  );
const types = async (): Promise<string[]> => (await records()).map(({ type }) => type);
const acceptBy = (actor: Actor, more: Parameters<typeof request>[0] = {}) =>
  ledger.rotations.accept(nextId(), request(more), actor);

describe('a record', () => {
  it('says who did what, for which call, to what, and why', async () => {
    const { rotation } = await acceptBy(ACTOR, { reason: 'leak' });
    await ledger.rotations.cancel(rotation.id, { by: 'local' });
    const about = { org: 'org_1', target: `rotation:${rotation.id}`, assistant: 'ast_1' };
    expect(await records()).toEqual([
      { type: 'rotation.requested', ...ACTOR, ...about, reason: 'leak', after: 'QUEUED' },
      { type: 'rotation.cancelled', by: 'local', ...about, before: 'QUEUED', after: 'CANCELLED' },
    ]);
  });

  it('is not appended for a request that changes nothing', async () => {
    const first = await acceptBy(ACTOR, { requestId: REQUEST_ID });
    const again = await acceptBy(ACTOR, { requestId: REQUEST_ID });
    expect(again.rotation.id).toBe(first.rotation.id);
    await ledger.rotations.cancel(first.rotation.id, ACTOR);
    await ledger.rotations.cancel(first.rotation.id, ACTOR);
    await ledger.system.freeze('ill', ACTOR);
    await ledger.system.freeze('ill', ACTOR);
    expect(await types()).toEqual(['rotation.requested', 'rotation.cancelled', 'freeze.set']);
  });

  it('is not appended if another client has made the change impossible', async () => {
    const { rotation } = await acceptBy(ACTOR);
    await redis.zrem('{spec}:rotations:open', rotation.id);
    expect((await ledger.rotations.cancel(rotation.id, ACTOR)).state).toBe('QUEUED');
    expect(await types()).toEqual(['rotation.requested']);
  });

  it('names each caller of a rotation that was QUEUED already', async () => {
    const { rotation } = await acceptBy(LOCAL_ACTOR);
    expect((await acceptBy(ACTOR, { reason: 'mine too' })).rotation).toMatchObject({
      id: rotation.id,
      requestedBy: 'local',
    });
    expect((await records())[1]).toMatchObject({
      type: 'rotation.joined',
      by: ACTOR.by,
      reason: 'mine too',
      target: `rotation:${rotation.id}`,
    });
  });

  it('is not appended for each assistant of a bulk rotation', async () => {
    const draft = ledger.bulks.draft('blk_00000000000000000000000001');
    await draft.add(namesOf(3));
    const { bulk } = await ledger.bulks.create(draft.id, specOf({}), draft, ACTOR);
    expect(bulk.requestedBy).toBe(ACTOR.by);
    const items = namesOf(3).map((assistantId, index) => ({
      index,
      job: { rotationId: nextId(), orgId: 'org_1', assistantId },
    }));
    const options = { leaseMs: 60_000, landingWindowMs: 60_000, maxOpenIntents: 10 };
    const claims = await ledger.bulkWork.claim({ bulkId: bulk.id, orgId: 'org_1' }, items, options);
    if (claims.kind !== 'claimed') throw new Error(claims.kind);
    for (const one of claims.items) {
      if (one.kind !== 'claimed') throw new Error(one.kind);
      await ledger.assistants.commit(one.claim, key(`f${one.claim.assistantId}`));
    }
    expect((await ledger.bulks.get(bulk.id)).state).toBe('VERIFYING');
    expect(await types()).toEqual(['bulk.created']);
  });

  it('bears names that are long, or of every kind of character', async () => {
    const names = [
      '__proto__',
      'jwt:i#a\nb',
      `uri:${'x'.repeat(10_000)}`,
      'jwt:i#\u001B[31m',
      'dns:{rekey}:*',
    ];
    for (const [i, by] of names.entries()) {
      const { rotation } = await acceptBy({ by }, { assistantId: `ast_${i}`, requestId: REQUEST_ID });
      expect((await ledger.rotations.get(rotation.id)).requestedBy).toBe(by);
    }
    expect((await records()).map(({ by }) => by)).toEqual(names.map((name) => name.slice(0, 4096)));
    const keys = (await redis.keys('{spec}:request:*')).map((name) => name.slice('{spec}:request:'.length));
    expect(keys.every((name) => /^[\w-]{22}:[0-9a-f-]{36}$/.test(name))).toBe(true);
  });
});

describe('a request id', () => {
  it('belongs to the principal that uses it', async () => {
    const [own, other] = [await acceptBy(ACTOR, { requestId: REQUEST_ID }), { by: 'dns:other.example.com' }];
    await claimed(own.rotation);
    const second = await acceptBy(other, { requestId: REQUEST_ID, assistantId: 'ast_2' });
    expect(second.created).toBe(true);
    expect(await codeOf(acceptBy(ACTOR, { requestId: REQUEST_ID, assistantId: 'ast_2' }))).toBe(
      'REQUEST_ID_REUSED',
    );
    expect((await acceptBy(ACTOR, { requestId: REQUEST_ID })).rotation.id).toBe(own.rotation.id);
  });

  it('has the same key as before without an identity, and for Rekey itself', async () => {
    await acceptBy(LOCAL_ACTOR, { requestId: REQUEST_ID });
    await acceptBy(systemActor('policies'), { requestId: REQUEST_ID });
    expect(await redis.keys('{spec}:request:*')).toEqual([`{spec}:request:${REQUEST_ID}`]);
  });
});

describe('an entry of an earlier version', () => {
  it('has no requester', async () => {
    const { id } = await accept();
    await redis.hdel(`{spec}:rotation:${id}`, 'requested_by');
    const rotation = await ledger.rotations.get(id);
    expect(rotation).toMatchObject({ id, state: 'QUEUED' });
    expect(rotation.requestedBy).toBeUndefined();
  });
});

describe('a stream that another client has spoiled', () => {
  const LAST = '18446744073709551615-18446744073709551615';
  it.each([
    ['with another type', () => redis.set('{spec}:activity', 'x')],
    ['with the last possible id', () => redis.xadd('{spec}:activity', LAST, 'type', 'x')],
  ])('is replaced, and named: %s', async (_, spoil) => {
    await spoil();
    const claim = await claimed((await acceptBy(ACTOR)).rotation);
    await ledger.rotations.noteUnknown(claim, { readInMs: 0, holdMs: 0 }, SEALED);
    expect(await types()).toEqual(['rotation.requested', 'rotation.unknown']);
    const { attention } = await ledger.system.status();
    expect(attention).toContainEqual(
      expect.objectContaining({ code: 'LEDGER_DAMAGED', subject: 'activity', sinceMs: expect.any(Number) }),
    );
  });
});

describe('the command that makes a change', () => {
  it('appends its record: no other command writes to the stream', async () => {
    const sent: string[] = [];
    const connection = redis.duplicate();
    const monitor = await connection.monitor();
    monitor.on('monitor', (_time: string, [command = '', ...args]: string[], source: string) => {
      const isScript = source === 'lua';
      if (args.includes('{spec}:activity'))
        sent.push(`${isScript ? 'script' : 'client'} ${command.toUpperCase()}`);
    });
    await acceptBy(ACTOR);
    await ledger.system.freeze('ill', ACTOR);
    await redis.ping();
    while (sent.length < 2) await new Promise((resolve) => monitor.once('monitor', resolve));
    for (const one of [monitor, connection]) one.disconnect();
    expect(new Set(sent)).toEqual(new Set(['script XADD']));
  });
});

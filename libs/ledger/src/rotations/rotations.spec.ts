import { describe, expect, it } from '@jest/globals';
import { RekeyError } from '@rekey/schema';
import {
  SEALED,
  accept,
  claimed,
  codeOf,
  events,
  key,
  ledger,
  lose,
  nextId,
  redis,
  request,
  rotate,
  useLedger,
} from '../ledger-fixture.ts';
import { openLedger } from '../open-ledger.ts';

useLedger();

const REQUEST_ID = '3f2504e0-4f89-41d3-9a0c-0305e82c3301';

describe('accept for a caller that may not rotate in every org', () => {
  const acceptAs = async (requireOrg: (orgId: string) => Promise<void>, orgId = 'org_1') =>
    (
      await ledger.rotations.accept(
        nextId(),
        request({ orgId, requestId: REQUEST_ID }),
        undefined,
        requireOrg,
      )
    ).rotation;
  const refuse = async (): Promise<never> => {
    throw new RekeyError('ASSISTANT_NOT_FOUND');
  };

  it('asks about no org if the assistant was never published, or last under that one', async () => {
    const first = await acceptAs(refuse);
    await ledger.assistants.commit(await claimed(first), key('f'));
    expect(await acceptAs(refuse)).toMatchObject({ id: first.id, state: 'SUCCEEDED' });
  });

  it('records nothing if the assistant was last published where the caller has no right', async () => {
    await rotate('f');
    const before = await redis.keys('*');
    const asked: string[] = [];
    const accepting = acceptAs(async (orgId) => {
      asked.push(orgId);
      await refuse();
    }, 'org_2');
    expect(await codeOf(accepting)).toBe('ASSISTANT_NOT_FOUND');
    expect(asked).toEqual(['org_1']);
    expect((await redis.keys('*')).toSorted()).toEqual(before.toSorted());
  });

  it('accepts under another org if the caller may rotate in both', async () => {
    await rotate('f');
    const asked: string[] = [];
    const rotation = await acceptAs(async (orgId) => void asked.push(orgId), 'org_2');
    expect({ asked, orgId: rotation.orgId }).toEqual({ asked: ['org_1'], orgId: 'org_2' });
  });

  it('asks about the org that `c` stands for', async () => {
    await rotate('f');
    await redis.hset('{spec}:assistant:ast_1', 'org', 'c');
    await redis.hset('{spec}:ledger', 'alias', 'org_1');
    expect(await acceptAs(refuse)).toMatchObject({ orgId: 'org_1' });
  });

  it('refuses an org that no org can be called', async () => {
    await redis.hset('{spec}:assistant:ast_1', 'org', '%0a'.repeat(10_000));
    expect(await codeOf(acceptAs(async () => {}))).toBe('LEDGER_CORRUPT');
  });
});

describe('accept', () => {
  it('records a QUEUED rotation', async () => {
    const { created, rotation } = await ledger.rotations.accept(
      nextId(),
      request({ reason: 'leak', requestId: REQUEST_ID }),
    );
    expect(created).toBe(true);
    expect(rotation).toMatchObject({
      orgId: 'org_1',
      assistantId: 'ast_1',
      state: 'QUEUED',
      reason: 'leak',
      requestId: REQUEST_ID,
      attempts: 0,
    });
    expect(await ledger.rotations.get(rotation.id)).toEqual(rotation);
  });

  it('returns the same rotation for the same request id, also after it has ended', async () => {
    const first = await accept({ requestId: REQUEST_ID });
    await ledger.assistants.commit(await claimed(first), key('f'));
    const again = await ledger.rotations.accept(nextId(), request({ requestId: REQUEST_ID }));
    expect(again).toMatchObject({ created: false, rotation: { id: first.id, state: 'SUCCEEDED' } });
  });

  it.each([{ orgId: 'org_2' }, { assistantId: 'ast_2' }, { reason: 'other' }])(
    'refuses the same request id with other arguments: %j',
    async (other) => {
      await accept({ requestId: REQUEST_ID });
      expect(
        await codeOf(ledger.rotations.accept(nextId(), request({ ...other, requestId: REQUEST_ID }))),
      ).toBe('REQUEST_ID_REUSED');
    },
  );

  it('never makes a second rotation for a request id, even if the first is no longer kept', async () => {
    const first = await accept({ requestId: REQUEST_ID });
    await ledger.rotations.cancel(first.id);
    await ledger.rotations.trim({ olderThanId: 'rot_', keepEach: 0 });
    expect(await codeOf(ledger.rotations.accept(nextId(), request({ requestId: REQUEST_ID })))).toBe(
      'REQUEST_ID_SPENT',
    );
  });

  it('keeps a request id for the configured time', async () => {
    await openLedger(redis, { prefix: 'spec', requestIdTtlSeconds: 100 }).rotations.accept(
      nextId(),
      request({ requestId: REQUEST_ID }),
    );
    expect(await redis.ttl(`{spec}:request:${REQUEST_ID}`)).toBeGreaterThan(95);
  });

  it('returns a rotation that is still QUEUED for org and assistant, and keeps the request id', async () => {
    const first = await accept();
    const second = await ledger.rotations.accept(nextId(), request({ requestId: REQUEST_ID }));
    expect(second).toMatchObject({ created: false, rotation: { id: first.id } });
    await claimed(first);
    expect((await ledger.rotations.accept(nextId(), request({ requestId: REQUEST_ID }))).rotation.id).toBe(
      first.id,
    );
  });

  it.each([{ orgId: 'c' }, { assistantId: 'ast_2' }])(
    'makes a rotation of its own for another org or assistant: %j',
    async (other) => {
      const first = await accept();
      expect((await accept(other)).id).not.toBe(first.id);
    },
  );

  it('makes a new rotation while another is ROTATING', async () => {
    const first = await accept();
    await claimed(first);
    expect((await accept()).id).not.toBe(first.id);
  });
});

describe('a rotation that another client has invented', () => {
  const invent = async (more: Record<string, string> = {}) => {
    const id = nextId();
    const at = String(Date.now());
    await redis.hset(`{spec}:rotation:${id}`, {
      org: 'org_1',
      assistant: 'ast_1',
      assistant_key: '{spec}:assistant:ast_1',
      state: 'QUEUED',
      reason: '',
      request: '',
      created: at,
      updated: at,
      attempts: '0',
      ...more,
    });
    return id;
  };

  it.each<[what: string, write: () => Promise<string>]>([
    ['that is in no index', () => invent()],
    [
      'of another assistant',
      async () => (await ledger.rotations.accept(nextId(), request({ assistantId: 'ast_2' }))).rotation.id,
    ],
    [
      'of another org',
      async () => (await ledger.rotations.accept(nextId(), request({ orgId: 'org_2' }))).rotation.id,
    ],
    [
      'of another type',
      async () => {
        const id = nextId();
        await redis.set(`{spec}:rotation:${id}`, 'x');
        return id;
      },
    ],
  ])('is not returned for its assistant: one %s', async (_, write) => {
    const id = await write();
    await redis.hset('{spec}:assistant:ast_1', 'queued:org_1', id);
    const { created, rotation } = await ledger.rotations.accept(nextId(), request());
    expect({ created, isInvented: rotation.id === id }).toEqual({ created: true, isInvented: false });
    expect(await claimed(rotation)).toMatchObject({ rotationId: rotation.id });
  });

  it.each(['QUEUED', 'ROTATING', 'RECONCILING'])(
    'is not returned for a request id if its state is always %s',
    async (state) => {
      const first = await accept({ requestId: REQUEST_ID });
      const [, digest] = (await redis.get(`{spec}:request:${REQUEST_ID}`))!.split(' ');
      await ledger.rotations.cancel(first.id);
      await redis.set(`{spec}:request:${REQUEST_ID}`, `${await invent({ state })} ${digest}`);
      expect(await codeOf(ledger.rotations.accept(nextId(), request({ requestId: REQUEST_ID })))).toBe(
        'REQUEST_ID_SPENT',
      );
    },
  );
});

describe('cancel', () => {
  it('cancels a QUEUED rotation, and can be repeated', async () => {
    const rotation = await accept();
    expect(await ledger.rotations.cancel(rotation.id)).toMatchObject({ state: 'CANCELLED' });
    expect(await ledger.rotations.cancel(rotation.id)).toMatchObject({ state: 'CANCELLED' });
    expect((await accept()).id).not.toBe(rotation.id);
  });

  it('deletes the entry of an assistant without versions', async () => {
    await ledger.rotations.cancel((await accept()).id);
    expect(await redis.exists('{spec}:assistant:ast_1')).toBe(0);
  });

  it('keeps a published assistant, and the note of another rotation that is QUEUED for it', async () => {
    await rotate('f1');
    const first = await accept();
    const other = await accept({ orgId: 'c' });
    await ledger.rotations.cancel(first.id);
    expect(await redis.hget('{spec}:assistant:ast_1', 'queued:org_1')).toBeNull();
    expect((await accept({ orgId: 'c' })).id).toBe(other.id);
    expect((await ledger.assistants.current('ast_1'))!.event).toContain('key-rotated');
  });

  it('refuses a rotation that has started, and reports a missing one', async () => {
    const rotation = await accept();
    await claimed(rotation);
    expect(await codeOf(ledger.rotations.cancel(rotation.id))).toBe('ROTATION_NOT_CANCELLABLE');
    expect(await codeOf(ledger.rotations.cancel(nextId()))).toBe('ROTATION_NOT_FOUND');
  });
});

describe('get', () => {
  it('reports a missing rotation, and an entry that cannot be read', async () => {
    expect(await codeOf(ledger.rotations.get(nextId()))).toBe('ROTATION_NOT_FOUND');
    const rotation = await accept();
    await redis.hset(`{spec}:rotation:${rotation.id}`, 'state', 'nonsense');
    expect(await codeOf(ledger.rotations.get(rotation.id))).toBe('LEDGER_CORRUPT');
  });
});

describe('list', () => {
  it('pages newest first through all states, and by state, org and assistant', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 5; i += 1)
      ids.unshift((await accept({ assistantId: `ast_${i}`, orgId: i % 2 ? 'odd' : 'even' })).id);
    await ledger.rotations.cancel(ids[1]!);
    await claimed(await ledger.rotations.get(ids[4]!));

    const first = await ledger.rotations.list({}, { size: 2 });
    expect(first.rotations.map(({ id }) => id)).toEqual(ids.slice(0, 2));
    const second = await ledger.rotations.list({}, { size: 2, after: first.next! });
    const third = await ledger.rotations.list({}, { size: 2, after: second.next! });
    expect([...second.rotations, ...third.rotations].map(({ id }) => id)).toEqual(ids.slice(2));
    expect(third.next).toBeUndefined();

    const idsOf = async (filter: object) =>
      (await ledger.rotations.list(filter, { size: 10 })).rotations.map(({ id }) => id);
    expect(await idsOf({ state: 'CANCELLED' })).toEqual([ids[1]]);
    expect(await idsOf({ state: 'ROTATING' })).toEqual([ids[4]]);
    expect(await idsOf({ orgId: 'odd' })).toEqual([ids[1], ids[3]]);
    expect(await idsOf({ assistantId: 'ast_4' })).toEqual([ids[0]]);
    expect(await idsOf({ assistantId: 'none' })).toEqual([]);
  });
});

describe('trim', () => {
  it('deletes ended rotations beyond age or count, the oldest first, and never open ones', async () => {
    const ended: string[] = [];
    for (let i = 0; i < 4; i += 1) {
      const { id } = await accept({ assistantId: `ast_${i}` });
      await ledger.rotations.cancel(id);
      ended.push(id);
    }
    const open = await accept();
    expect(await ledger.rotations.trim({ olderThanId: ended[1]!, keepEach: 10 })).toBe(1);
    expect(await ledger.rotations.trim({ olderThanId: ended[1]!, keepEach: 2 })).toBe(1);
    expect((await ledger.rotations.list({}, { size: 10 })).rotations.map(({ id }) => id)).toEqual([
      open.id,
      ended[3],
      ended[2],
    ]);
    expect(await codeOf(ledger.rotations.get(ended[0]!))).toBe('ROTATION_NOT_FOUND');
  });
});

describe('findOrphans', () => {
  it('removes an ended rotation from the open ones that another client has put back', async () => {
    const rotation = await accept();
    await ledger.assistants.commit(await claimed(rotation), key('f1'));
    await redis.zadd('{spec}:rotations:open', 0, rotation.id);
    expect((await ledger.rotations.findOrphans({ quietMs: 0 })).orphans).toEqual([]);
    expect(await redis.zscore('{spec}:rotations:open', rotation.id)).toBeNull();
  });

  const bull = (queue: string) => `{spec}:bull:${queue}`;
  const lostIds = async (quietMs = 0) =>
    (await ledger.rotations.findOrphans({ quietMs })).orphans.map(({ rotationId }) => rotationId);

  it('finds open rotations without a job, with all that a job needs', async () => {
    const rotation = await accept();
    expect(await ledger.rotations.findOrphans({ quietMs: 0 })).toEqual({
      orphans: [{ rotationId: rotation.id, orgId: 'org_1', assistantId: 'ast_1' }],
    });
    expect(await lostIds(60_000)).toEqual([]);
    await ledger.rotations.cancel(rotation.id);
    expect(await lostIds()).toEqual([]);
  });

  it.each(['rotations', 'rotation-follow-ups'])(
    'does not return rotations with a job of %s, unless it has failed',
    async (queue) => {
      const { id } = await accept();
      await redis.hset(`${bull(queue)}:${id}`, 'name', 'rotate');
      for (const list of ['wait', 'active', 'paused']) {
        await redis.rpush(`${bull(queue)}:${list}`, 'rot_a', id, 'rot_b');
        expect(await lostIds()).toEqual([]);
        await redis.del(`${bull(queue)}:${list}`);
      }
      await redis.zadd(`${bull(queue)}:failed`, 1, id);
      expect(await lostIds()).toEqual([id]);
    },
  );

  it('finds rotations whose job is in no list: another client has deleted it', async () => {
    const { id } = await accept();
    await redis.hset(`${bull('rotations')}:${id}`, 'name', 'rotate');
    expect(await lostIds()).toEqual([id]);
    expect(await lostIds(60_000)).toEqual([]);
    await redis.rpush(`${bull('rotation-follow-ups')}:wait`, id);
    await redis.hset(`${bull('rotation-follow-ups')}:${id}`, 'name', 'rotate');
    expect(await lostIds()).toEqual([]);
  });

  it('looks for a bounded number of them in long lists, oldest first', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 10; i += 1) ids.push((await accept({ assistantId: `ast_${i}` })).id);
    for (const id of ids) await redis.hset(`${bull('rotations')}:${id}`, 'name', 'rotate');
    const others = Array.from({ length: 50_000 }, (_, i) => `rot_${i}`);
    await redis.rpush(`${bull('rotations')}:wait`, ...others);
    expect(await lostIds()).toEqual(ids.slice(0, 4));
  });

  it('finds rotations whose job was delayed too far, as by a worker whose clock is wrong', async () => {
    const putOff = async (id: string, byMs: number) => {
      await redis.hset(`${bull('rotation-follow-ups')}:${id}`, 'name', 'rotate');
      await redis.zadd(
        `${bull('rotation-follow-ups')}:delayed`,
        ((await ledger.system.nowMs()) + byMs) * 4096,
        id,
      );
    };
    const queued = await accept();
    await putOff(queued.id, 3_600_000);
    expect(await lostIds()).toEqual([]);
    await putOff(queued.id, 3 * 3_600_000);
    expect(await lostIds()).toEqual([queued.id]);
    const reconciling = await accept({ assistantId: 'ast_2' });
    await ledger.rotations.noteUnknown(await claimed(reconciling), { readInMs: 30_000, holdMs: 0 }, SEALED);
    await putOff(reconciling.id, 60_000);
    expect(await lostIds()).toEqual([queued.id]);
    await putOff(reconciling.id, 300_000);
    expect(await lostIds()).toEqual([queued.id, reconciling.id]);
  });

  it('drops missing rotations from the index, and continues', async () => {
    const gone = await accept();
    await redis.del(`{spec}:rotation:${gone.id}`);
    const { id } = await accept({ assistantId: 'ast_2' });
    expect(await lostIds()).toEqual([id]);
    expect(await redis.zrange('{spec}:rotations:open', '0', '-1')).toEqual([id]);
  });

  it('passes over entries that cannot be read, and keeps them in the index', async () => {
    const [wrongType, nonsense, { id }] = [
      await accept(),
      await accept({ assistantId: 'ast_2' }),
      await accept({ assistantId: 'ast_3' }),
    ];
    await redis.set(`{spec}:rotation:${wrongType.id}`, 'text');
    await redis.hset(`{spec}:rotation:${nonsense.id}`, 'updated', 'nonsense');
    expect(await lostIds()).toEqual([id]);
    expect(await redis.zcard('{spec}:rotations:open')).toBe(3);
  });

  it('goes through any number of them, page by page', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 1100; i += 1) ids.push((await accept({ assistantId: `ast_${i}` })).id);
    const found: string[] = [];
    let after: string | undefined;
    do {
      const page = await ledger.rotations.findOrphans({ quietMs: 0, ...(after && { after }) });
      found.push(...page.orphans.map(({ rotationId }) => rotationId));
      after = page.next;
    } while (after);
    expect(found).toEqual(ids);
  });

  it('come to an end, though another client has changed the scores of the index', async () => {
    const scored = Array.from({ length: 3000 }, (_, i) => [
      (i * 7919) % 3001,
      `rot_${String(i).padStart(26, '0')}`,
    ]);
    await redis.zadd('{spec}:rotations:open', ...scored.flat());
    const pagesOf = async (read: (after: { after?: string }) => Promise<{ next?: string }>) => {
      let after: string | undefined;
      for (let pages = 1; pages < 100; pages += 1) {
        ({ next: after } = await read(after === undefined ? {} : { after }));
        if (after === undefined) return 'ended';
      }
      return 'endless';
    };
    expect([
      await pagesOf((after) => ledger.rotations.findOrphans({ quietMs: 1e12, ...after })),
      await pagesOf((after) => ledger.rotations.list({}, { size: 50, ...after })),
    ]).toEqual(['ended', 'ended']);
  });
});

describe('bind', () => {
  it('belongs to the first fingerprint key', async () => {
    const binding = openLedger(redis, { prefix: 'spec' });
    expect(await binding.system.bind('one')).toBe('one');
    expect(await binding.system.bind('two')).toBe('one');
  });
});

describe('recogniseRedis', () => {
  it('notices that the ledger is on another Redis than before', async () => {
    expect(await ledger.system.recogniseRedis('run-1')).toEqual({ other: false, due: [] });
    expect(await ledger.system.recogniseRedis('run-1')).toEqual({ other: false, due: [] });
    expect(await ledger.system.recogniseRedis('run-2')).toMatchObject({ other: true });
    expect(await ledger.system.recogniseRedis('run-2')).toMatchObject({ other: false });
  });

  it('reports that to one of several workers that ask at the same moment', async () => {
    await ledger.system.recogniseRedis('run-1');
    expect(
      (await Promise.all(Array.from({ length: 10 }, () => ledger.system.recogniseRedis('run-2')))).filter(
        ({ other }) => other,
      ),
    ).toHaveLength(1);
  });

  it('names duties after a restart until they are noted as done, and after the next restart', async () => {
    await ledger.system.recogniseRedis('run-1');
    expect((await ledger.system.recogniseRedis('run-2')).due).toEqual(['compared', 'rewritten']);
    await ledger.system.noteDone('compared', 'run-2');
    expect((await ledger.system.recogniseRedis('run-2')).due).toEqual(['rewritten']);
    await ledger.system.noteDone('rewritten', 'run-2');
    expect((await ledger.system.recogniseRedis('run-2')).due).toEqual([]);
    await ledger.system.noteDone('rewritten', 'run-1');
    expect((await ledger.system.recogniseRedis('run-3')).due).toEqual(['compared', 'rewritten']);
  });
});

describe('the run of events', () => {
  const runs = async () => (await events()).map(({ data }) => data.run);

  it('is in each event, and the same while Redis is the same', async () => {
    await ledger.system.recogniseRedis('run-1');
    const before = (await redis.time())[0];
    await rotate('one');
    await rotate('two');
    await lose();
    const [first, ...others] = await runs();
    expect(first! / 1_000_000).toBeGreaterThanOrEqual(Number(before));
    expect(others).toEqual([first, first]);
    await ledger.system.recogniseRedis('run-1');
    await rotate('three', { assistantId: 'ast_2' });
    expect((await runs()).at(-1)).toBe(first);
  });

  it('changes on another Redis, and seq continues', async () => {
    await ledger.system.recogniseRedis('run-1');
    await rotate('one');
    await ledger.system.recogniseRedis('run-2');
    await rotate('two');
    await rotate('three');
    const [one, two, three] = await events();
    expect(two!.data.run).not.toBe(one!.data.run);
    expect([two!.data.seq, three!.data.seq, three!.data.run]).toEqual([2, 3, two!.data.run]);
  });

  it('changes each time that a backup is restored', async () => {
    await ledger.system.recogniseRedis('run-1');
    await rotate('one');
    const backup = (await redis.dumpBuffer('{spec}:ledger'))!;
    const seen = new Set(await runs());
    for (const [i, run] of ['run-2', 'run-3', 'run-2'].entries()) {
      await redis.restore('{spec}:ledger', 0, backup, 'REPLACE');
      await ledger.system.recogniseRedis(run);
      await rotate(`restored ${i}`);
      seen.add((await runs()).at(-1)!);
    }
    expect(seen.size).toBe(4);
  });

  it('starts anew in a Redis that was emptied', async () => {
    await ledger.system.recogniseRedis('run-1');
    await rotate('one');
    const [before] = await runs();
    await redis.flushall();
    await ledger.system.recogniseRedis('run-1');
    await rotate('two');
    expect(await runs()).toEqual([expect.any(Number)]);
    expect(await runs()).not.toEqual([before]);
  });

  it.each(['', '0', '-1', '1.5', 'x', '1,"a":2', '9999999999999999', '99999999999999999'])(
    'is a number, whatever is in its place: %j',
    async (nonsense) => {
      await redis.hset('{spec}:ledger', 'event_run', nonsense);
      await rotate('one');
      await rotate('two');
      const [one, two] = await runs();
      expect(Number.isSafeInteger(one)).toBe(true);
      expect(two).toBe(one);
    },
  );
});

describe('nowMs', () => {
  it('returns the time of Redis', async () => {
    const { atMs } = await claimed(await accept());
    const nowMs = await ledger.system.nowMs();
    expect(nowMs).toBeGreaterThanOrEqual(atMs);
    expect(nowMs - atMs).toBeLessThan(10_000);
  });
});

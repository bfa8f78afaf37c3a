import { describe, expect, it } from '@jest/globals';
import {
  ENVELOPE,
  LONG_AGO,
  accept,
  claimOf,
  claimed,
  codeOf,
  dueChecks,
  events,
  key,
  ledger,
  looked,
  lose,
  printOf,
  readKey,
  redis,
  removed,
  resumed,
  rotate,
  useLedger,
} from '../ledger-fixture.ts';
import { openLedger } from '../open-ledger.ts';

useLedger();

const assistant = (name = 'ast_1') => redis.hgetall(`{spec}:assistant:${name}`);
/** When the published version was committed. */
const knownMs = async () => Number((await assistant())['known']);
const prints = async () => (await events()).map(({ data }) => data['fingerprint']);

let made = 0;

describe('commit', () => {
  it('publishes the version, ends the rotation and releases the assistant in one command', async () => {
    const rotation = await accept();
    const claim = await claimed(rotation);
    expect(await ledger.assistants.commit(claim, key('f1'))).toEqual({
      kind: 'committed',
      seq: 1,
      entry: expect.any(String),
    });
    expect(await ledger.rotations.get(rotation.id)).toMatchObject({
      state: 'SUCCEEDED',
      version: claim.epoch,
      cause: 'rotation',
      endedMs: LONG_AGO,
    });
    const [event] = await events();
    expect(event).toEqual({
      specversion: '1.0',
      id: String(claim.epoch),
      type: 'rekey.assistant.key-rotated.v1',
      subject: 'ast_1',
      source: '/orgs/org_1/assistants/ast_1',
      time: '2023-11-14T22:13:20.000Z',
      datacontenttype: 'application/json',
      data: {
        seq: 1,
        run: expect.any(Number),
        version: claim.epoch,
        cause: 'rotation',
        rotation_id: rotation.id,
        bulk_rotation_id: null,
        fingerprint: printOf('f1'),
        sealed: ENVELOPE,
        updated_at: '2023-11-14T22:13:20.000Z',
      },
    });
    const current = (await ledger.assistants.current('ast_1'))!;
    expect(JSON.parse(current.event)).toEqual(event);
    expect(current).not.toHaveProperty('uncertain');
    expect(await assistant()).not.toHaveProperty('holder');
  });

  it('publishes although another client has given what is known of responses another type', async () => {
    await redis.zadd('{spec}:answers', 1, 'x');
    const holding = await claimed(await accept());
    expect(await ledger.assistants.commit(holding, key('f1'))).toMatchObject({ kind: 'committed' });
    expect(await redis.type('{spec}:answers')).toBe('hash');
    await redis.del('{spec}:answers');
    await redis.zadd('{spec}:answers', 1, 'x');
    const read = await looked();
    expect(await ledger.assistants.commit(read, readKey('f2', read))).toHaveProperty('kind');
  });

  it('publishes the same text on the channel, and the id of the ended rotation', async () => {
    const rotation = await accept();
    const subscriber = redis.duplicate();
    const heard: Record<string, string> = {};
    const both = new Promise<void>((resolve) => {
      subscriber.on('message', (channel, text) => {
        heard[channel] = text;
        if (Object.keys(heard).length === 2) resolve();
      });
    });
    await subscriber.subscribe('{spec}:events', '{spec}:rotation-ended');
    await ledger.assistants.commit(await claimed(rotation), key('f1'));
    await both;
    subscriber.disconnect();
    expect(heard).toEqual({
      '{spec}:events': (await ledger.assistants.current('ast_1'))!.event,
      '{spec}:rotation-ended': rotation.id,
    });
  });

  it('commits each version independently in a batch', async () => {
    const names = Array.from({ length: 21 }, (_, i) => `ast_${i}`);
    const claims = await Promise.all(
      names.map(async (assistantId) => claimed(await accept({ assistantId }), { maxOpenIntents: 100 })),
    );
    await redis
      .multi()
      .del('{spec}:assistant:ast_3')
      .set('{spec}:assistant:ast_3', 'x')
      .hset('{spec}:assistant:ast_5', { holder: 'another', epoch: 1, intent_epoch: 1 })
      .exec();
    const results = await Promise.all(
      claims.map((claim) =>
        ledger.assistants.commit(claim, key(`f${claim.assistantId}`)).then(
          ({ kind }) => kind,
          ({ code }) => code,
        ),
      ),
    );
    expect(results).toEqual(
      names.map((name) => (name === 'ast_3' ? 'LEDGER_CORRUPT' : name === 'ast_5' ? 'refused' : 'committed')),
    );
    expect((await events()).map(({ subject, data }) => [subject, data.seq])).toEqual(
      names.filter((name) => !['ast_3', 'ast_5'].includes(name)).map((name, i) => [name, i + 1]),
    );
    expect(
      await Promise.all(
        claims.map(async ({ rotationId }) => (await ledger.rotations.get(rotationId))!.state),
      ),
    ).toEqual(results.map((kind) => (kind === 'committed' ? 'SUCCEEDED' : 'ROTATING')));
  });

  it.each([
    'x',
    '',
    '01',
    '-1',
    '1.5',
    '1e3',
    '0x10',
    '9007199254740991',
    '9007199254740993',
    '1152921504606847000',
    '1'.repeat(400),
  ])('numbers events from 1 in another run if another client wrote %p as the last seq', async (seq) => {
    for (const name of ['f1', 'f2']) await rotate(name);
    await redis.set('{spec}:seq', seq);
    for (const name of ['f3', 'f4']) await rotate(name);
    expect((await events()).map(({ data }) => data.seq)).toEqual([1, 2, 1, 2]);
    const runs = (await events()).map(({ data }) => data['run']);
    expect(runs).toEqual([runs[0], runs[0], runs[2], runs[2]]);
    expect(runs[2]).not.toBe(runs[0]);
    expect(await redis.get('{spec}:seq')).toBe('2');
  });

  it('numbers events up to the last one that consumers read exactly', async () => {
    await redis.set('{spec}:seq', '9007199254740990');
    for (const name of ['f1', 'f2']) await rotate(name);
    expect((await events()).map(({ data }) => data.seq)).toEqual([9007199254740991, 1]);
  });

  it.each([
    ['the last possible id', '18446744073709551615-18446744073709551615'],
    ['an id of next year', `${Date.now() + 365 * 86_400_000}-0`],
  ])('replaces a stream to which another client has added %s', async (_what, id) => {
    for (const name of ['f1', 'f2']) await rotate(name);
    const run = (await events())[0]!.data['run'];
    await redis.xadd('{spec}:events', id, 'event', '{}');
    await redis.xdel('{spec}:events', id);
    for (const name of ['f3', 'f4']) await rotate(name);
    expect((await events()).map(({ data }) => data.seq)).toEqual([1, 2]);
    const runs = (await events()).map(({ data }) => data['run']);
    expect([new Set(runs).size, runs.includes(run)]).toEqual([1, false]);
    expect((await ledger.system.status()).attention).toContainEqual(
      expect.objectContaining({ code: 'LEDGER_DAMAGED', subject: 'events' }),
    );
  });

  it.each(['events', 'seq'])(
    'lets no POST leave while another client has put another type into the %s',
    async (name) => {
      const rotation = await accept();
      await redis.del(`{spec}:${name}`);
      await redis.lpush(`{spec}:${name}`, 'x');
      expect((await claimOf(rotation)).kind).toBe('frozen');
      expect(await redis.hget(`{spec}:rotation:${rotation.id}`, 'error')).toBe('LEDGER_CORRUPT');
      await redis.del(`{spec}:${name}`);
      expect((await claimOf(rotation)).kind).toBe('claimed');
    },
  );

  it('commits a 200 although another client has written an impossible version meanwhile', async () => {
    const claim = await claimed(await accept());
    await redis.hset('{spec}:assistant:ast_1', 'version', '9007199254740999');
    expect((await ledger.assistants.commit(claim, key('f1'))).kind).toBe('committed');
  });

  it('finds its own version if the response was lost', async () => {
    const claim = await claimed(await accept());
    await ledger.assistants.commit(claim, key('f1'));
    expect(await ledger.assistants.commit(claim, key('f1'))).toEqual({ kind: 'already', seq: 1 });
    expect(await events()).toHaveLength(1);
  });

  it('commits a 200 although another client has written its version already', async () => {
    const claim = await claimed(await accept());
    await redis.hset('{spec}:assistant:ast_1', 'version', claim.epoch);
    expect((await ledger.assistants.commit(claim, key('f1'))).kind).toBe('committed');
    expect(await ledger.assistants.commit(claim, key('f1'))).toMatchObject({ kind: 'already' });
  });

  it('commits a 200 after its lease while the intent is open, even if another reads back', async () => {
    const rotation = await accept();
    const posted = await claimed(rotation, { leaseMs: 0 });
    await resumed(rotation);
    expect(await ledger.assistants.commit(posted, key('f1'))).toEqual({
      kind: 'committed',
      seq: 1,
      entry: expect.any(String),
    });
  });

  it('commits a 200 also if the ledger has lost the claim and all else', async () => {
    const rotation = await accept();
    const claim = await claimed(rotation);
    await redis.flushall();
    expect(await ledger.assistants.commit(claim, key('f1'))).toEqual({
      kind: 'committed',
      seq: 1,
      entry: expect.any(String),
    });
    expect((await events())[0]!.data).toMatchObject({ version: claim.epoch, fingerprint: printOf('f1') });
    expect(await codeOf(ledger.rotations.get(rotation.id))).toBe('ROTATION_NOT_FOUND');
    expect((await claimed(await accept())).epoch).toBeGreaterThan(claim.epoch);
  });

  it('ends the rotation if the ledger has lost only the claim', async () => {
    const rotation = await accept();
    const backup = await redis.dumpBuffer(`{spec}:rotation:${rotation.id}`);
    const claim = await claimed(rotation);
    await redis.del('{spec}:assistant:ast_1', '{spec}:intents:org_1');
    await redis.restore(`{spec}:rotation:${rotation.id}`, 0, backup!, 'REPLACE');
    await ledger.assistants.commit(claim, key('f1'));
    expect(await ledger.rotations.get(rotation.id)).toMatchObject({
      state: 'SUCCEEDED',
      version: claim.epoch,
    });
  });

  it('does not treat a read as a 200 if the ledger has lost the claim', async () => {
    const claim = await lose();
    await redis.flushall();
    expect(await ledger.assistants.commit(claim, readKey('f1', claim))).toEqual({
      kind: 'refused',
      publishedVersion: 0,
    });
    expect(await events()).toEqual([]);
  });

  it('does not treat a released claim as a lost one', async () => {
    const claim = await claimed(await accept());
    await ledger.rotations.release(claim);
    expect(await ledger.assistants.commit(claim, key('f1'))).toEqual({
      kind: 'refused',
      publishedVersion: 0,
    });
  });

  it('refuses a stale worker once a newer version is published', async () => {
    const rotation = await accept();
    const posted = await claimed(rotation, { leaseMs: 0 });
    const { claim: reader } = await resumed(rotation);
    await ledger.assistants.commit(reader, readKey('f2', reader, { rotation: 'ends' }));
    expect(await ledger.assistants.commit(posted, key('f1'))).toEqual({
      kind: 'refused',
      publishedVersion: reader.epoch,
    });
    expect(await prints()).toEqual([printOf('f2')]);
  });

  it('refuses a stale worker also if the rotation continues with the newer version', async () => {
    const rotation = await accept();
    const posted = await claimed(rotation, { leaseMs: 0 });
    const { claim: reader } = await resumed(rotation);
    await ledger.assistants.commit(reader, readKey('f2', reader));
    expect(await ledger.assistants.commit(posted, key('f1'))).toEqual({
      kind: 'refused',
      publishedVersion: reader.epoch,
    });
    expect(await dueChecks()).toEqual(['org_1/ast_1']);
  });

  it('refuses a claim that another rotation took over', async () => {
    const claim = await claimed(await accept());
    await ledger.rotations.release(claim);
    await claimed(await accept({ orgId: 'c' }));
    expect(await ledger.assistants.commit(claim, key('f1'))).toEqual({
      kind: 'refused',
      publishedVersion: 0,
    });
  });

  it('requests a check if the response to a POST is refused: its key is not published', async () => {
    const claim = await claimed(await accept({ orgId: 'org a' }));
    await ledger.rotations.release(claim);
    await ledger.assistants.commit(claim, key('f1'));
    expect(await dueChecks()).toEqual(['org a/ast_1']);
  });

  it('requests no check if a read is refused', async () => {
    const claim = await lose();
    await ledger.rotations.release(claim);
    expect(await ledger.assistants.commit(claim, readKey('f1', claim))).toMatchObject({ kind: 'refused' });
    expect(await dueChecks()).toEqual([]);
  });

  it('publishes without ending a rotation that continues', async () => {
    const rotation = await accept();
    const claim = await lose();
    await ledger.assistants.commit(claim, readKey('f1', claim, { cause: 'import' }));
    expect(await ledger.rotations.get(rotation.id)).toMatchObject({ state: 'RECONCILING' });
    expect((await events())[0]!.data).toMatchObject({ cause: 'import', fingerprint: printOf('f1') });
    expect(await claimOf(await accept())).toMatchObject({ kind: 'busy' });
  });

  it('ends a rotation that fails, with its code, and releases the assistant', async () => {
    const rotation = await accept();
    const claim = await lose();
    await ledger.assistants.commit(claim, removed('no-key', claim, { rotation: { fails: 'NO_SECRET_KEY' } }));
    expect(await ledger.rotations.get(rotation.id)).toMatchObject({
      state: 'FAILED',
      errorCode: 'NO_SECRET_KEY',
    });
    await claimed(await accept());
  });

  it('requests another check after a given time, even if the assistant is checked before', async () => {
    const { epoch } = await rotate('f1', { orgId: 'org a' }, { checkAgainInMs: 5000.4 });
    expect(await redis.zrange('{spec}:checks', '0', '-1', 'WITHSCORES')).toEqual([
      `org a/ast_1/${epoch}`,
      String((await knownMs()) + 5000),
    ]);
    await ledger.assistants.requestCheck({ orgId: 'org a', assistantId: 'ast_1' }, -1);
    const [due] = await ledger.assistants.drawChecks(10, 60_000);
    await ledger.assistants.endCheck(due!);
    await rotate('f2', { assistantId: 'ast_2' });
    expect(await redis.zcard('{spec}:checks')).toBe(1);
  });

  it('numbers events without gaps over all assistants, and versions of one assistant rise', async () => {
    for (const assistantId of ['ast_1', 'ast_2', 'ast_1', 'ast_1'])
      await rotate(`f${(made += 1)}`, { assistantId });
    const published = await events();
    expect(published.map(({ data }) => data.seq)).toEqual([1, 2, 3, 4]);
    const versions = published.filter(({ subject }) => subject === 'ast_1').map(({ data }) => data.version);
    expect(versions).toEqual(versions.toSorted((a, b) => a - b));
    expect(new Set(versions).size).toBe(3);
  });

  it('keeps ids with special characters in their place in keys, paths and JSON', async () => {
    const assistantId = 'a:b {x}"\u00fc';
    await rotate('f1', { assistantId, orgId: 'o"1' });
    expect((await events())[0]).toMatchObject({
      subject: assistantId,
      source: '/orgs/o%221/assistants/a%3Ab%20%7Bx%7D%22%C3%BC',
    });
    expect(await redis.exists('{spec}:current:a%3Ab%20%7Bx%7D%22%C3%BC', '{spec}:assistants:o%221')).toBe(2);
    expect(await ledger.assistants.notSeenSince('o"1', Date.now() + 1000, { offset: 0, size: 10 })).toEqual([
      assistantId,
    ]);
    expect(await ledger.orgs.list()).toEqual([{ orgId: 'o"1', assistants: 1 }]);
  });

  it('keeps the stream at about its length', async () => {
    const short = openLedger(redis, { prefix: 'spec', keepEvents: () => 100 });
    for (let i = 0; i < 300; i += 1)
      await short.assistants.commit(await claimed(await accept()), key(`f${i}`));
    expect(await redis.xlen('{spec}:events')).toBeLessThan(250);
  });
});

describe('a superseded key', () => {
  const sixMore = async () => {
    for (let i = 0; i < 7; i += 1) await rotate(`f${i}`);
  };

  it('is never adopted from a single read, for the last five keys, nor as a response to a POST', async () => {
    await sixMore();
    const claim = await lose();
    for (const old of ['f1', 'f2', 'f3', 'f4', 'f5'])
      expect(await ledger.assistants.commit(claim, readKey(old, claim, { rotation: 'ends' }))).toMatchObject({
        kind: 'stale',
        publishedVersion: claim.versionBefore,
      });
    expect(await events()).toHaveLength(8);
    for (const old of ['f5', 'f6'])
      expect(await ledger.assistants.commit(claim, key(old))).toEqual({
        kind: 'old',
        publishedVersion: claim.versionBefore,
      });
    expect(await events()).toHaveLength(8);
  });

  it('is not adopted by a check either', async () => {
    await sixMore();
    const hold = await looked();
    expect(await ledger.assistants.commit(hold, readKey('f1', hold))).toMatchObject({
      kind: 'stale',
      publishedVersion: hold.versionBefore,
    });
    expect(await ledger.assistants.commit(hold, readKey('f0', hold))).toMatchObject({ kind: 'committed' });
  });

  it('does not include the key that the assistant lost: it may come back any number of times', async () => {
    await rotate('f1');
    await rotate('f2');
    for (const removal of ['no-key', 'deleted'] as const) {
      const gone = await looked();
      await ledger.assistants.commit(gone, removed(removal, gone));
      const back = await looked();
      expect(await ledger.assistants.commit(back, readKey('f1', back))).toMatchObject({ kind: 'stale' });
      expect(await ledger.assistants.commit(back, readKey('f2', back))).toMatchObject({ kind: 'committed' });
    }
    const hold = await looked();
    expect(await ledger.assistants.commit(hold, readKey('f1', hold))).toMatchObject({ kind: 'stale' });
  });

  it('includes the key before the loss once another key has followed', async () => {
    await rotate('f1');
    const gone = await looked();
    await ledger.assistants.commit(gone, removed('no-key', gone));
    await rotate('f2');
    const hold = await looked();
    expect(await ledger.assistants.commit(hold, readKey('f1', hold))).toMatchObject({ kind: 'stale' });
  });
});

describe('a response to a POST', () => {
  const answer = async (name: string, noted?: 'since' | 'before', assistantId = 'ast_1') => {
    const claim = await claimed(await accept({ assistantId }));
    const result = await ledger.assistants.commit(claim, key(name, noted && { noted }));
    if (result.kind !== 'committed') await ledger.rotations.release(claim);
    return result.kind;
  };

  it('is from before if another assistant had its key in the last response, and is read again', async () => {
    expect(await answer('f1')).toBe('committed');
    expect([await answer('f1', undefined, 'ast_2'), await answer('f1', undefined, 'ast_3')]).toEqual([
      'old',
      'old',
    ]);
    expect(await dueChecks()).toEqual(['org_1/ast_1']);
    expect(await answer('f2', undefined, 'ast_2')).toBe('committed');
  });

  it('is from before if its record last changed before the POST, and Invent notes such changes', async () => {
    expect(await answer('f1', 'before')).toBe('committed');
    expect(await answer('f2', 'since')).toBe('committed');
    expect(await answer('f3', 'before')).toBe('old');
    expect(await answer('f4', 'since', 'ast_2')).toBe('committed');
    expect(await answer('f5', 'before')).toBe('old');
  });

  it('changes nothing that is known of Invent if it carries no time', async () => {
    expect([await answer('f1', 'since'), await answer('f2'), await answer('f3', 'before')]).toEqual([
      'committed',
      'committed',
      'old',
    ]);
  });

  it('is believed again after five of these in a row, because clocks may drift apart', async () => {
    await answer('f0', 'since');
    const kinds = [];
    for (let i = 1; i <= 7; i += 1) kinds.push(await answer(`f${i}`, 'before'));
    expect(kinds).toEqual(['old', 'old', 'old', 'old', 'old', 'committed', 'committed']);
    expect(await answer('f8')).toBe('committed');
    expect([await answer('f9', 'since'), await answer('f10', 'before')]).toEqual(['committed', 'old']);
  });
});

describe('a read that began shortly after the last commit', () => {
  const lag = (beganMs: number) => ({ beganMs, lagMs: 5000 });

  it('does not contradict what is published: it may be older', async () => {
    await rotate('f1');
    const committedMs = await knownMs();
    const hold = await looked();
    const commit = (name: string, afterMs: number) =>
      ledger.assistants.commit(hold, readKey(name, hold, { read: lag(committedMs + afterMs) }));
    expect(await commit('f2', 1000)).toEqual({ kind: 'doubted', retryInMs: 4000 });
    expect(await commit('f2', -1000)).toEqual({ kind: 'doubted', retryInMs: 5000 });
    expect(
      await ledger.assistants.commit(hold, removed('deleted', hold, { read: lag(committedMs + 4999) })),
    ).toEqual({
      kind: 'doubted',
      retryInMs: 1,
    });
    expect(await events()).toHaveLength(1);
    expect(await commit('f2', 5000)).toMatchObject({ kind: 'committed' });
  });

  it('counts from the time of the commit by the ledger, not by the worker', async () => {
    await rotate('f1', {}, { updatedMs: LONG_AGO });
    const hold = await looked();
    expect(await ledger.assistants.commit(hold, readKey('f2', hold, { read: lag(hold.atMs) }))).toMatchObject(
      {
        kind: 'doubted',
      },
    );
  });

  it('may confirm it', async () => {
    await rotate('f1');
    const hold = await looked();
    expect(await ledger.assistants.commit(hold, readKey('f1', hold, { read: lag(hold.atMs) }))).toMatchObject(
      {
        kind: 'committed',
      },
    );
  });

  it('is adopted if nothing was published before', async () => {
    const hold = await looked();
    expect(await ledger.assistants.commit(hold, readKey('f1', hold, { read: lag(LONG_AGO) }))).toMatchObject({
      kind: 'committed',
    });
  });
});

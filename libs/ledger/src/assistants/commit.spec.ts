import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startRedis, type RedisServer } from '@rekey/testing';
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
  openSpecLedger,
  printOf,
  readKey,
  redis,
  removed,
  request,
  resumed,
  rotate,
} from '../ledger-fixture.ts';
import { openLedger } from '../open-ledger.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
  openSpecLedger(server.url);
});
afterAll(async () => {
  redis.disconnect();
  await server.dispose();
});
beforeEach(async () => {
  await redis.flushall();
});

const assistant = (name = 'ast_1') => redis.hgetall(`{spec}:assistant:${name}`);
/** When what is published was committed. */
const knownMs = async () => Number((await assistant())['known']);
const prints = async () => (await events()).map(({ data }) => data['fingerprint']);

let made = 0;

describe('commit', () => {
  it('publishes the version, ends the rotation and hands the assistant back, in one', async () => {
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

  it('tells the channel the same text, and who waits that the rotation has ended', async () => {
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

  it('is of each by itself, where many leave coalesce', async () => {
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

  it('finds that it was there already when its answer was lost', async () => {
    const claim = await claimed(await accept());
    await ledger.assistants.commit(claim, key('f1'));
    expect(await ledger.assistants.commit(claim, key('f1'))).toEqual({ kind: 'already', seq: 1 });
    expect(await events()).toHaveLength(1);
  });

  it('commits a 200 after the lease has lapsed, as long as its intent is open, also when another worker reads back', async () => {
    const rotation = await accept();
    const posted = await claimed(rotation, { leaseMs: 0 });
    await resumed(rotation);
    expect(await ledger.assistants.commit(posted, key('f1'))).toEqual({
      kind: 'committed',
      seq: 1,
      entry: expect.any(String),
    });
  });

  it('commits a 200 also when the ledger has lost the claim, and everything else about it', async () => {
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

  it('ends the rotation where the ledger has lost no more than the claim', async () => {
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

  it('does not take what was read for a 200 when the ledger has lost the claim', async () => {
    const claim = await lose();
    await redis.flushall();
    expect(await ledger.assistants.commit(claim, readKey('f1', claim))).toEqual({
      kind: 'refused',
      publishedVersion: 0,
    });
    expect(await events()).toEqual([]);
  });

  it('does not take a released claim for a lost one', async () => {
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

  it('refuses a stale worker also where the rotation goes on with the newer version', async () => {
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

  it('has the assistant read at once where the answer to a POST is refused, for a key was made that is not published', async () => {
    const claim = await claimed(await accept({ orgId: 'org a' }));
    await ledger.rotations.release(claim);
    await ledger.assistants.commit(claim, key('f1'));
    expect(await dueChecks()).toEqual(['org a/ast_1']);
  });

  it('has nothing read anew where what was read is refused', async () => {
    const claim = await lose();
    await ledger.rotations.release(claim);
    expect(await ledger.assistants.commit(claim, readKey('f1', claim))).toMatchObject({ kind: 'refused' });
    expect(await dueChecks()).toEqual([]);
  });

  it('publishes without ending a rotation that goes on', async () => {
    const rotation = await accept();
    const claim = await lose();
    await ledger.assistants.commit(claim, readKey('f1', claim, { cause: 'import' }));
    expect(await ledger.rotations.get(rotation.id)).toMatchObject({ state: 'RECONCILING' });
    expect((await events())[0]!.data).toMatchObject({ cause: 'import', fingerprint: printOf('f1') });
    expect(await claimOf(await accept())).toMatchObject({ kind: 'busy' });
  });

  it('ends a rotation that fails, with its code, and hands the assistant back', async () => {
    const rotation = await accept();
    const claim = await lose();
    await ledger.assistants.commit(claim, removed('no-key', claim, { rotation: { fails: 'NO_SECRET_KEY' } }));
    expect(await ledger.rotations.get(rotation.id)).toMatchObject({
      state: 'FAILED',
      errorCode: 'NO_SECRET_KEY',
    });
    await claimed(await accept());
  });

  it('has the assistant checked again after a time, where it is told to, however often it is checked before', async () => {
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

  it('numbers events densely over all assistants, and versions of one assistant rise', async () => {
    for (const assistantId of ['ast_1', 'ast_2', 'ast_1', 'ast_1'])
      await rotate(`f${(made += 1)}`, { assistantId });
    const published = await events();
    expect(published.map(({ data }) => data.seq)).toEqual([1, 2, 3, 4]);
    const versions = published.filter(({ subject }) => subject === 'ast_1').map(({ data }) => data.version);
    expect(versions).toEqual(versions.toSorted((a, b) => a - b));
    expect(new Set(versions).size).toBe(3);
  });

  it('keeps ids that would break out of a key, a path or JSON in their place', async () => {
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

describe('settle', () => {
  /** A rotation whose key was found and published while its window was open. */
  const satisfied = async () => {
    await rotate('f1');
    const claim = await lose();
    await ledger.assistants.commit(claim, readKey('f2', claim, { rotation: 'satisfied' }));
    return claim;
  };

  it('ends a rotation that was satisfied, which keeps its intent open until then', async () => {
    const claim = await satisfied();
    expect(await ledger.rotations.get(claim.rotationId)).toMatchObject({ state: 'RECONCILING' });
    expect(await claimOf(await accept())).toMatchObject({ kind: 'busy' });
    const again = await resumed({ id: claim.rotationId, ...claim });
    expect(again).toMatchObject({
      satisfied: true,
      claim: { stateBefore: printOf('f2'), versionBefore: claim.epoch },
    });
    expect(await ledger.rotations.settle(again.claim, LONG_AGO + 1, LONG_AGO)).toBe('settled');
    expect(await ledger.rotations.get(claim.rotationId)).toMatchObject({
      state: 'SUCCEEDED',
      version: claim.epoch,
      cause: 'reconciliation',
      endedMs: LONG_AGO + 1,
    });
    await claimed(await accept());
  });

  it('gives the version that satisfied the rotation, also where another was published meanwhile', async () => {
    const claim = await satisfied();
    const { claim: later } = await resumed({ id: claim.rotationId, ...claim });
    await ledger.assistants.commit(later, readKey('f3', later));
    await ledger.rotations.settle(later, LONG_AGO, LONG_AGO);
    expect(await ledger.rotations.get(claim.rotationId)).toMatchObject({
      state: 'SUCCEEDED',
      version: claim.epoch,
    });
  });

  it('is refused where another worker has claimed since', async () => {
    const claim = await satisfied();
    await resumed({ id: claim.rotationId, ...claim });
    expect(await ledger.rotations.settle(claim, LONG_AGO, LONG_AGO)).toBe('refused');
    expect(await ledger.rotations.get(claim.rotationId)).toMatchObject({ state: 'RECONCILING' });
  });

  it('is refused where nothing was found', async () => {
    const claim = await lose();
    expect(await ledger.rotations.settle(claim, LONG_AGO, LONG_AGO)).toBe('refused');
    expect(await ledger.rotations.get(claim.rotationId)).toMatchObject({ state: 'RECONCILING' });
  });

  it('leaves nothing of the satisfaction to the next rotation', async () => {
    const claim = await satisfied();
    await ledger.rotations.settle(claim, LONG_AGO, LONG_AGO);
    const next = await lose();
    expect(await resumed({ id: next.rotationId, ...next })).toMatchObject({ satisfied: false });
  });
});

describe('a key that was superseded', () => {
  const sixMore = async () => {
    for (let i = 0; i < 7; i += 1) await rotate(`f${i}`);
  };

  it('is never adopted from a single read, of the last five, nor believed as the answer to a rotation', async () => {
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

  it('is not the one that was in force when the assistant lost its key: that one may come back, any number of times', async () => {
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

  it('is also the one before the assistant lost its key, once another has come', async () => {
    await rotate('f1');
    const gone = await looked();
    await ledger.assistants.commit(gone, removed('no-key', gone));
    await rotate('f2');
    const hold = await looked();
    expect(await ledger.assistants.commit(hold, readKey('f1', hold))).toMatchObject({ kind: 'stale' });
  });
});

describe('an answer to a POST', () => {
  const answer = async (name: string, noted?: 'since' | 'before', assistantId = 'ast_1') => {
    const claim = await claimed(await accept({ assistantId }));
    const result = await ledger.assistants.commit(claim, key(name, noted && { noted }));
    if (result.kind !== 'committed') await ledger.rotations.release(claim);
    return result.kind;
  };

  it('with the key of the last answer is of before, if that was for another assistant, which is read again', async () => {
    expect(await answer('f1')).toBe('committed');
    expect([await answer('f1', undefined, 'ast_2'), await answer('f1', undefined, 'ast_3')]).toEqual([
      'old',
      'old',
    ]);
    expect(await dueChecks()).toEqual(['org_1/ast_1']);
    expect(await answer('f2', undefined, 'ast_2')).toBe('committed');
  });

  it('whose record was last changed before its POST is of before, if Invent is known to note such changes', async () => {
    expect(await answer('f1', 'before')).toBe('committed');
    expect(await answer('f2', 'since')).toBe('committed');
    expect(await answer('f3', 'before')).toBe('old');
    expect(await answer('f4', 'since', 'ast_2')).toBe('committed');
    expect(await answer('f5', 'before')).toBe('old');
  });

  it('leaves what is known of Invent as it is if it does not tell', async () => {
    expect([await answer('f1', 'since'), await answer('f2'), await answer('f3', 'before')]).toEqual([
      'committed',
      'committed',
      'old',
    ]);
  });

  it('is believed again after five of these in a row, for clocks may go apart', async () => {
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

  it('says nothing against what is published: it may be older', async () => {
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

  it('counts from when the ledger took the commit, whatever the worker takes the time to be', async () => {
    await rotate('f1', {}, { updatedMs: LONG_AGO });
    const hold = await looked();
    expect(await ledger.assistants.commit(hold, readKey('f2', hold, { read: lag(hold.atMs) }))).toMatchObject(
      {
        kind: 'doubted',
      },
    );
  });

  it('may bear it out', async () => {
    await rotate('f1');
    const hold = await looked();
    expect(await ledger.assistants.commit(hold, readKey('f1', hold, { read: lag(hold.atMs) }))).toMatchObject(
      {
        kind: 'committed',
      },
    );
  });

  it('is adopted where nothing was published before', async () => {
    const hold = await looked();
    expect(await ledger.assistants.commit(hold, readKey('f1', hold, { read: lag(LONG_AGO) }))).toMatchObject({
      kind: 'committed',
    });
  });
});

describe('whether the key before is known to have been in force after the rotation was asked for', () => {
  it('is not known if none was published', async () => {
    expect(await claimed(await accept())).toMatchObject({ fresh: false });
  });

  it('is not known of an answer to a POST that left before', async () => {
    await rotate('f1');
    expect(await claimed(await accept())).toMatchObject({ fresh: false });
  });

  it('is known of a read that began after it, by more than reads lag behind', async () => {
    await rotate('f1');
    const rotation = await accept();
    await ledger.assistants.compare({ beganMs: rotation.createdMs + 700, lagMs: 700 }, [
      { assistantId: 'ast_1', state: printOf('f1') },
    ]);
    const claim = await claimed(rotation);
    expect(claim).toMatchObject({ fresh: false });
    await ledger.rotations.release(claim);
    await sleep(2);
    await ledger.assistants.compare({ beganMs: rotation.createdMs + 701, lagMs: 700 }, [
      { assistantId: 'ast_1', state: printOf('f1') },
    ]);
    expect(await claimed(rotation)).toMatchObject({ fresh: true });
  });

  it('is known to whoever resumes it, of a key that was read back', async () => {
    await rotate('f1');
    const claim = await lose();
    const { claim: again } = await resumed({ id: claim.rotationId, ...claim }, { leaseMs: 0 });
    expect(again).toMatchObject({ fresh: false });
    await sleep(2);
    const { claim: reader } = await resumed({ id: claim.rotationId, ...claim }, { leaseMs: 0 });
    await ledger.assistants.commit(reader, readKey('f2', reader));
    expect(await resumed({ id: claim.rotationId, ...claim })).toMatchObject({ claim: { fresh: true } });
  });

  it('is asked of the last request that was answered with the rotation', async () => {
    await rotate('f1');
    const rotation = await accept();
    await ledger.assistants.compare({ beganMs: rotation.createdMs, lagMs: 0 }, [
      { assistantId: 'ast_1', state: printOf('f1') },
    ]);
    await redis.hset(`{spec}:rotation:${rotation.id}`, 'created', rotation.createdMs - 10);
    expect((await ledger.rotations.accept('rot_00000000000000000000009999', request())).created).toBe(false);
    expect(Number(await redis.hget(`{spec}:rotation:${rotation.id}`, 'asked'))).toBeGreaterThanOrEqual(
      rotation.createdMs,
    );
    await redis.hset('{spec}:assistant:ast_1', 'verified', rotation.createdMs - 5);
    expect(await claimed(rotation)).toMatchObject({ fresh: false });
  });
});

describe('a version that says that there is no key', () => {
  it.each(['no-key', 'deleted'] as const)(
    'is published as key-removed, and is what was before: %s',
    async (removal) => {
      await rotate('f1');
      const hold = await looked();
      expect(await ledger.assistants.commit(hold, removed(removal, hold))).toEqual({
        kind: 'committed',
        seq: 2,
        entry: expect.any(String),
      });
      const event = (await events())[1]!;
      expect(event).toMatchObject({
        id: String(hold.epoch),
        type: 'rekey.assistant.key-removed.v1',
        data: {
          seq: 2,
          version: hold.epoch,
          cause: 'drift',
          rotation_id: null,
          removal,
          fingerprint: null,
          sealed: ENVELOPE,
        },
      });
      expect(JSON.parse((await ledger.assistants.current('ast_1'))!.event)).toEqual(event);
      expect(await looked()).toMatchObject({ stateBefore: removal, versionBefore: hold.epoch });
    },
  );

  const remove = async (removal: 'no-key' | 'deleted') => {
    await rotate('f1');
    const hold = await looked();
    await ledger.assistants.commit(hold, removed(removal, hold));
  };
  const ttls = () => Promise.all(['assistant', 'current'].map((kind) => redis.ttl(`{spec}:${kind}:ast_1`)));
  const THIRTY_DAYS = 30 * 86_400;

  it('is kept, in the index too, of an assistant that merely has no key', async () => {
    await remove('no-key');
    expect(await ttls()).toEqual([-1, -1]);
    expect(await ledger.orgs.list()).toEqual([{ orgId: 'org_1', assistants: 1 }]);
  });

  it('is kept for a month of one that is deleted, which leaves the index', async () => {
    await remove('deleted');
    for (const ttl of await ttls()) {
      expect(ttl).toBeGreaterThan(THIRTY_DAYS - 100);
      expect(ttl).toBeLessThanOrEqual(THIRTY_DAYS);
    }
    expect(await ledger.orgs.list()).toEqual([{ orgId: 'org_1', assistants: 0 }]);
  });

  it.each(['f1', 'f2'])(
    'persists again with a key that a check finds, and is in the index again: %s',
    async (name) => {
      await remove('deleted');
      const hold = await looked();
      await ledger.assistants.commit(hold, readKey(name, hold));
      expect(await ttls()).toEqual([-1, -1]);
      expect(await ledger.orgs.list()).toEqual([{ orgId: 'org_1', assistants: 1 }]);
    },
  );

  it('persists again with a rotation, from its claim on', async () => {
    await remove('deleted');
    const claim = await claimed(await accept());
    expect((await ttls())[0]).toBe(-1);
    await ledger.assistants.commit(claim, key('f2'));
    expect(await ttls()).toEqual([-1, -1]);
    expect(await ledger.orgs.list()).toEqual([{ orgId: 'org_1', assistants: 1 }]);
  });

  it('expires all the same where a rotation was tried in vain, or was cancelled', async () => {
    await remove('deleted');
    await ledger.rotations.fail(
      await claimed(await accept()),
      { code: 'ASSISTANT_NOT_FOUND', status: 404 },
      true,
    );
    expect((await ttls())[0]).toBeGreaterThan(THIRTY_DAYS - 100);
    const rotation = await accept();
    await ledger.rotations.release(await claimed(rotation));
    await ledger.rotations.cancel(rotation.id);
    expect((await ttls())[0]).toBeGreaterThan(THIRTY_DAYS - 100);
  });

  it('does not expire under a rotation that holds it while another is cancelled', async () => {
    await remove('deleted');
    await claimed(await accept());
    await ledger.rotations.cancel((await accept()).id);
    expect((await ttls())[0]).toBe(-1);
  });

  it('ends the uncertainty of the key before', async () => {
    await rotate('f1');
    const claim = await lose();
    await ledger.assistants.commit(
      claim,
      removed('deleted', claim, { rotation: { fails: 'ASSISTANT_NOT_FOUND' } }),
    );
    expect(await ledger.assistants.current('ast_1')).not.toHaveProperty('uncertain');
    expect(await looked()).toMatchObject({ uncertain: false });
  });
});

describe('the index of what was published', () => {
  const published = (orgId: string) =>
    redis.zrange(`{spec}:assistants:${encodeURIComponent(orgId)}`, '0', '-1');

  it('has an assistant under the org that it was last published under', async () => {
    await rotate('f1', { orgId: 'org a' });
    await rotate('f2', { orgId: 'org a', assistantId: 'ast_2' });
    await rotate('f3', { orgId: 'c' });
    expect(await published('org a')).toEqual(['ast_2']);
    expect(await published('c')).toEqual(['ast_1']);
    expect(await ledger.orgs.list()).toEqual([
      { orgId: 'c', assistants: 1 },
      { orgId: 'org a', assistants: 1 },
    ]);
    await rotate('f4', { orgId: 'org a' });
    expect(await published('c')).toEqual([]);
  });

  it('loses one that is found to be deleted under another name of its org', async () => {
    await rotate('f1', { orgId: 'org a' });
    const hold = await looked({ orgId: 'c' });
    await ledger.assistants.commit(hold, removed('deleted', hold));
    expect([await published('org a'), await published('c')]).toEqual([[], []]);
  });
});

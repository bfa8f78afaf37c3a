import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { KeyEvent, type RekeyError, type RotationRequest } from '@rekey/schema';
import { startRedis, type RedisServer } from '@rekey/testing';
import { Redis } from 'ioredis';
import { createLedger, type Claim, type KeyVersion, type Ledger } from './ledger.ts';

let server: RedisServer;
let redis: Redis;
let ledger: Ledger;
let made = 0;
beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
afterAll(async () => {
  redis.disconnect();
  await server.dispose();
});
beforeEach(async () => {
  await redis.flushall();
  ledger = createLedger({ redis, prefix: 'spec', keepEvents: 1000 });
});

const REQUEST_ID = '3f2504e0-4f89-41d3-9a0c-0305e82c3301';
const nextId = () => `rot_${String((made += 1)).padStart(26, '0')}`;
const request = (more: Partial<RotationRequest> = {}): RotationRequest => ({ orgId: 'org_1', assistantId: 'ast_1', reason: '', ...more });
const accept = async (more: Partial<RotationRequest> = {}) => (await ledger.accept(nextId(), request(more))).rotation;
const claimOf = (rotation: { id: string; orgId: string; assistantId: string }, leaseMs = 60_000, landingWindowMs = 60_000) =>
  ledger.claim({ rotationId: rotation.id, orgId: rotation.orgId, assistantId: rotation.assistantId }, { leaseMs, landingWindowMs });
const claimed = async (rotation: { id: string; orgId: string; assistantId: string }, leaseMs?: number, landingWindowMs?: number): Promise<Claim> => {
  const result = await claimOf(rotation, leaseMs, landingWindowMs);
  if (result.kind !== 'claimed' && result.kind !== 'resumed') throw new Error(`not claimed: ${result.kind}`);
  return result.claim;
};
const key = (fingerprint: string, cause: 'rotation' | 'import' | 'reconciliation' = 'rotation', rotation?: KeyVersion['rotation']): KeyVersion => ({
  fingerprint: `KEYID:${fingerprint.padStart(43, '_')}`, cause, sealed: 'a.b.c', updatedMs: 1_700_000_000_000, rotation: rotation ?? (cause === 'import' ? 'goes-on' : 'ends'),
});
const printOf = (fingerprint: string) => key(fingerprint).fingerprint;
const codeOf = (promise: Promise<unknown>) => promise.then(() => 'resolved', (error: RekeyError) => error.code);
const events = async () => (await redis.xrange('{spec}:events', '-', '+')).map(([, fields]) => KeyEvent.parse(JSON.parse(fields[1]!)));

describe('accept', () => {
  it('records a QUEUED rotation', async () => {
    const { created, rotation } = await ledger.accept(nextId(), request({ reason: 'leak', requestId: REQUEST_ID }));
    expect(created).toBe(true);
    expect(rotation).toMatchObject({ orgId: 'org_1', assistantId: 'ast_1', state: 'QUEUED', reason: 'leak', requestId: REQUEST_ID, attempts: 0 });
    expect(await ledger.get(rotation.id)).toEqual(rotation);
  });

  it('gives the same rotation for the same request id, also after it has ended', async () => {
    const first = await accept({ requestId: REQUEST_ID });
    await ledger.commit(await claimed(first), key('f'));
    const again = await ledger.accept(nextId(), request({ requestId: REQUEST_ID }));
    expect(again).toMatchObject({ created: false, rotation: { id: first.id, state: 'SUCCEEDED' } });
  });

  it.each([{ orgId: 'org_2' }, { assistantId: 'ast_2' }, { reason: 'other' }])('refuses the same request id with other arguments: %j', async (other) => {
    await accept({ requestId: REQUEST_ID });
    expect(await codeOf(ledger.accept(nextId(), request({ ...other, requestId: REQUEST_ID })))).toBe('REQUEST_ID_REUSED');
  });

  it('never makes a second rotation for a request id, although the first is no longer kept', async () => {
    const first = await accept({ requestId: REQUEST_ID });
    await ledger.cancel(first.id);
    await ledger.trim({ olderThanId: 'rot_', keepEach: 0 });
    expect(await codeOf(ledger.accept(nextId(), request({ requestId: REQUEST_ID })))).toBe('REQUEST_ID_SPENT');
  });

  it('keeps a request id for as long as it says', async () => {
    await createLedger({ redis, prefix: 'spec', requestIdTtlSeconds: 100 }).accept(nextId(), request({ requestId: REQUEST_ID }));
    expect(await redis.ttl(`{spec}:request:${REQUEST_ID}`)).toBeGreaterThan(95);
  });

  it('answers a rotation that is still QUEUED for the same org and assistant, and remembers the request id for it', async () => {
    const first = await accept();
    const second = await ledger.accept(nextId(), request({ requestId: REQUEST_ID }));
    expect(second).toMatchObject({ created: false, rotation: { id: first.id } });
    await claimed(first);
    expect((await ledger.accept(nextId(), request({ requestId: REQUEST_ID }))).rotation.id).toBe(first.id);
  });

  it.each([{ orgId: 'c' }, { assistantId: 'ast_2' }])('makes a rotation of its own for another org or assistant: %j', async (other) => {
    const first = await accept();
    expect((await accept(other)).id).not.toBe(first.id);
  });

  it('follows one that is ROTATING with a new one', async () => {
    const first = await accept();
    await claimed(first);
    expect((await accept()).id).not.toBe(first.id);
  });
});

describe('claim', () => {
  it('opens the intent and moves the rotation to ROTATING', async () => {
    const rotation = await accept();
    const result = await claimOf(rotation);
    expect(result).toMatchObject({ kind: 'claimed', claim: { rotationId: rotation.id, attempts: 1 } });
    expect(await ledger.get(rotation.id)).toMatchObject({ state: 'ROTATING', attempts: 1 });
    expect(await redis.hget('{spec}:assistant:ast_1', 'holder')).toBe(rotation.id);
  });

  it('tells the fingerprint of the key that was published before', async () => {
    await ledger.commit(await claimed(await accept()), key('f1'));
    expect((await claimed(await accept())).fingerprintBefore).toBe(printOf('f1'));
  });

  it('is BUSY while another rotation holds the assistant, under either name of its org', async () => {
    await claimed(await accept());
    expect(await claimOf(await accept({ orgId: 'c' }))).toMatchObject({ kind: 'busy' });
  });

  it('stays BUSY for others after the lease has lapsed, for the intent is open', async () => {
    await claimed(await accept(), 0);
    expect(await claimOf(await accept({ orgId: 'c' }))).toMatchObject({ kind: 'busy' });
  });

  it('is BUSY for others until the next read, while the outcome is unknown and nobody is at work', async () => {
    const claim = await claimed(await accept());
    await ledger.noteUnknown(claim, { readInMs: 20_000, holdMs: 0 });
    const other = await claimOf(await accept());
    expect(other).toMatchObject({ kind: 'busy' });
    expect((other as { retryInMs: number }).retryInMs).toBeGreaterThan(15_000);
  });

  it('is BUSY for a second delivery of the same job while the lease lasts', async () => {
    const rotation = await accept();
    await claimed(rotation);
    const second = await claimOf(rotation);
    expect(second).toMatchObject({ kind: 'busy' });
    expect((second as { retryInMs: number }).retryInMs).toBeGreaterThan(50_000);
  });

  it('resumes an intent whose worker is gone, as RECONCILING, and never as a new POST', async () => {
    const rotation = await accept();
    const first = await claimed(rotation, 0, 30_000);
    const result = await claimOf(rotation);
    expect(result).toMatchObject({ kind: 'resumed', claim: { attempts: 1 } });
    const { claim, landsInMs } = result as { claim: Claim; landsInMs: number };
    expect(claim.epoch).toBeGreaterThan(first.epoch);
    expect(landsInMs).toBeLessThanOrEqual(30_000);
    expect(landsInMs).toBeGreaterThan(20_000);
    expect(await ledger.get(rotation.id)).toMatchObject({ state: 'RECONCILING', errorCode: 'OUTCOME_UNKNOWN', uncertainSinceMs: claim.atMs });
  });

  it('finds a rotation that has ended', async () => {
    const rotation = await accept();
    await ledger.cancel(rotation.id);
    expect(await claimOf(rotation)).toEqual({ kind: 'ended' });
  });

  it('knows no rotation that was not accepted, or that is of another assistant', async () => {
    const rotation = await accept();
    expect(await claimOf({ ...rotation, id: nextId() })).toEqual({ kind: 'missing' });
    expect(await claimOf({ ...rotation, assistantId: 'ast_2' })).toEqual({ kind: 'missing' });
  });

  it('draws epochs that rise although the clock of Redis went back', async () => {
    const future = 4_000_000_000_000_000;
    await redis.hset('{spec}:assistant:ast_1', 'version', future, 'epoch', future + 5);
    expect((await claimed(await accept())).epoch).toBe(future + 6);
  });
});

describe('commit', () => {
  it('publishes the version, ends the rotation and hands the assistant back, in one', async () => {
    const rotation = await accept();
    const claim = await claimed(rotation);
    expect(await ledger.commit(claim, key('f1'))).toEqual({ kind: 'committed', seq: 1 });
    expect(await ledger.get(rotation.id)).toMatchObject({ state: 'SUCCEEDED', version: claim.epoch, cause: 'rotation' });
    const [event] = await events();
    expect(event).toMatchObject({
      specversion: '1.0', id: String(claim.epoch), type: 'rekey.assistant.key-rotated.v1', subject: 'ast_1', source: '/orgs/org_1/assistants/ast_1',
      data: { seq: 1, version: claim.epoch, cause: 'rotation', rotation_id: rotation.id, bulk_rotation_id: null, fingerprint: printOf('f1'), sealed: 'a.b.c', updated_at: '2023-11-14T22:13:20.000Z' },
    });
    expect(JSON.parse((await ledger.current('ast_1'))!)).toEqual(event);
    expect(await redis.hget('{spec}:assistant:ast_1', 'holder')).toBeNull();
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
    await ledger.commit(await claimed(rotation), key('f1'));
    await both;
    subscriber.disconnect();
    expect(heard).toEqual({ '{spec}:events': await ledger.current('ast_1'), '{spec}:rotation-ended': rotation.id });
  });

  it('finds that it was there already when its answer was lost', async () => {
    const claim = await claimed(await accept());
    await ledger.commit(claim, key('f1'));
    expect(await ledger.commit(claim, key('f1'))).toEqual({ kind: 'already', seq: 1 });
    expect(await events()).toHaveLength(1);
  });

  it("commits a 200 after the lease has lapsed, as long as its intent is open, also when another worker reads back", async () => {
    const rotation = await accept();
    const posted = await claimed(rotation, 0);
    await claimed(rotation);
    expect(await ledger.commit(posted, key('f1'))).toEqual({ kind: 'committed', seq: 1 });
  });

  it('commits a 200 also when the ledger has lost the claim, and everything else about it', async () => {
    const rotation = await accept();
    const claim = await claimed(rotation);
    await redis.flushall();
    expect(await ledger.commit(claim, key('f1'))).toEqual({ kind: 'committed', seq: 1 });
    expect((await events())[0]!.data).toMatchObject({ version: claim.epoch, fingerprint: printOf('f1') });
    expect(await codeOf(ledger.get(rotation.id))).toBe('ROTATION_NOT_FOUND');
    expect((await claimed(await accept())).epoch).toBeGreaterThan(claim.epoch);
  });

  it('does not take a released claim for a lost one', async () => {
    const claim = await claimed(await accept());
    await ledger.commit(claim, key('f0', 'import'));
    await ledger.release(claim);
    const later = await claimed(await accept());
    await ledger.release(later);
    expect(await ledger.commit(claim, key('f1'))).toMatchObject({ kind: 'already' });
    await redis.hdel('{spec}:assistant:ast_1', 'version');
    expect(await ledger.commit(claim, key('f1'))).toMatchObject({ kind: 'refused' });
  });

  it('refuses a stale worker once a newer version is published', async () => {
    const rotation = await accept();
    const posted = await claimed(rotation, 0);
    const reader = await claimed(rotation);
    await ledger.commit(reader, key('f2', 'reconciliation'));
    expect(await ledger.commit(posted, key('f1'))).toEqual({ kind: 'refused', publishedVersion: reader.epoch });
    expect((await events()).map(({ data }) => data.fingerprint)).toEqual([printOf('f2')]);
  });

  it('refuses a claim that another rotation took over', async () => {
    const first = await accept();
    const claim = await claimed(first);
    await ledger.release(claim);
    await claimed(await accept({ orgId: 'c' }));
    expect(await ledger.commit(claim, key('f1'))).toMatchObject({ kind: 'refused' });
  });

  it('publishes an import without ending the rotation', async () => {
    const rotation = await accept();
    const claim = await claimed(rotation);
    await ledger.commit(claim, key('f1', 'import'));
    expect(await ledger.get(rotation.id)).toMatchObject({ state: 'ROTATING' });
    expect((await events())[0]!.data.cause).toBe('import');
  });

  it('publishes what satisfies a rotation, and keeps its intent open until it is settled', async () => {
    const rotation = await accept();
    const claim = await claimed(rotation);
    await ledger.noteUnknown(claim, { readInMs: 0, holdMs: 60_000 });
    expect(await ledger.settle(claim, 1)).toBe(false);
    await ledger.commit(claim, key('f1', 'reconciliation', 'satisfied'));
    expect(await ledger.get(rotation.id)).toMatchObject({ state: 'RECONCILING' });
    expect(await claimOf(await accept())).toMatchObject({ kind: 'busy' });
    await ledger.noteUnknown(claim, { readInMs: 0, holdMs: 0 });
    const resumed = await claimOf(rotation);
    expect(resumed).toMatchObject({ kind: 'resumed', satisfied: true, claim: { fingerprintBefore: printOf('f1') } });
    expect(await ledger.settle(claim, 1)).toBe(false);
    expect(await ledger.settle((resumed as { claim: Claim }).claim, 1_700_000_000_001)).toBe(true);
    expect(await ledger.get(rotation.id)).toMatchObject({ state: 'SUCCEEDED', version: claim.epoch, cause: 'reconciliation', endedMs: 1_700_000_000_001 });
    expect(await claimOf(await accept())).toMatchObject({ kind: 'claimed' });
  });

  it('never adopts a key that was superseded, of the last five, unless a rotation itself answered with it', async () => {
    for (let i = 0; i < 7; i += 1) await ledger.commit(await claimed(await accept()), key(`f${i}`));
    const claim = await claimed(await accept());
    for (const old of ['f1', 'f2', 'f3', 'f4', 'f5']) expect(await ledger.commit(claim, key(old, 'reconciliation'))).toMatchObject({ kind: 'stale' });
    expect(await events()).toHaveLength(7);
    expect(await ledger.commit(claim, key('f5'))).toMatchObject({ kind: 'committed' });
  });

  it('tells for how long the key before was known', async () => {
    const published = await claimed(await accept());
    expect(published).not.toHaveProperty('knownForMs');
    await ledger.commit(published, { ...key('f1'), updatedMs: published.atMs });
    const next = await claimed(await accept());
    expect(next.knownForMs).toBe(next.atMs - published.atMs);
  });

  it('numbers events densely over all assistants, and versions of one assistant rise', async () => {
    for (const assistantId of ['ast_1', 'ast_2', 'ast_1', 'ast_1']) await ledger.commit(await claimed(await accept({ assistantId })), key('f'));
    const published = await events();
    expect(published.map(({ data }) => data.seq)).toEqual([1, 2, 3, 4]);
    const versions = published.filter(({ subject }) => subject === 'ast_1').map(({ data }) => data.version);
    expect(versions).toEqual(versions.toSorted((a, b) => a - b));
    expect(new Set(versions).size).toBe(3);
  });

  it('keeps ids that would break out of a key, a path or JSON in their place', async () => {
    const assistantId = 'a:b {x}"\u00fc';
    const rotation = await accept({ assistantId, orgId: 'o"1' });
    await ledger.commit(await claimed(rotation), key('f1'));
    expect((await events())[0]).toMatchObject({ subject: assistantId, source: '/orgs/o%221/assistants/a%3Ab%20%7Bx%7D%22%C3%BC' });
    expect(await redis.exists('{spec}:current:a%3Ab%20%7Bx%7D%22%C3%BC')).toBe(1);
  });

  it('keeps the stream at about its length', async () => {
    const short = createLedger({ redis, prefix: 'spec', keepEvents: 100 });
    for (let i = 0; i < 300; i += 1) await short.commit(await claimed(await accept()), key('f'));
    expect(await redis.xlen('{spec}:events')).toBeLessThan(250);
  });
});

describe('release', () => {
  it('puts the rotation back to be tried again, with the reason', async () => {
    const rotation = await accept();
    expect(await ledger.release(await claimed(rotation), { code: 'UPSTREAM_RATE_LIMITED', status: 429 })).toBe(true);
    expect(await ledger.get(rotation.id)).toMatchObject({ state: 'QUEUED', attempts: 1, errorCode: 'UPSTREAM_RATE_LIMITED', upstreamStatus: 429 });
    expect(await claimOf(rotation)).toMatchObject({ kind: 'claimed', claim: { attempts: 2 } });
  });

  it('is refused where another worker has claimed since', async () => {
    const rotation = await accept();
    const stale = await claimed(rotation, 0);
    await claimed(rotation);
    expect(await ledger.release(stale)).toBe(false);
    expect(await ledger.get(rotation.id)).toMatchObject({ state: 'RECONCILING' });
  });
});

describe('fail', () => {
  it('ends the rotation with its reason', async () => {
    const rotation = await accept();
    expect(await ledger.fail(await claimed(rotation), { code: 'ASSISTANT_NOT_FOUND', status: 404 })).toBe(true);
    expect(await ledger.get(rotation.id)).toMatchObject({ state: 'FAILED', errorCode: 'ASSISTANT_NOT_FOUND', upstreamStatus: 404 });
  });

  it('leaves nothing behind of an assistant that was never published', async () => {
    await ledger.fail(await claimed(await accept()), { code: 'ASSISTANT_NOT_FOUND' });
    expect(await redis.exists('{spec}:assistant:ast_1')).toBe(0);
  });

  it('is refused where another worker has claimed since', async () => {
    const rotation = await accept();
    const stale = await claimed(rotation, 0);
    await claimed(rotation);
    expect(await ledger.fail(stale, { code: 'ASSISTANT_NOT_FOUND' })).toBe(false);
    expect(await ledger.get(rotation.id)).toMatchObject({ state: 'RECONCILING' });
  });
});

describe('noteUnknown', () => {
  it('moves the rotation to RECONCILING, keeps the intent, and remembers since when', async () => {
    const rotation = await accept();
    const claim = await claimed(rotation);
    expect(await ledger.noteUnknown(claim, { readInMs: 500, holdMs: 0, status: 502 })).toBe(true);
    const first = await ledger.get(rotation.id);
    expect(first).toMatchObject({ state: 'RECONCILING', errorCode: 'OUTCOME_UNKNOWN', upstreamStatus: 502 });
    expect(first.nextReadMs).toBe(first.uncertainSinceMs! + 500);
    const resumed = await claimOf(rotation);
    expect(resumed.kind).toBe('resumed');
    await ledger.noteUnknown((resumed as { claim: Claim }).claim, { readInMs: 1000, holdMs: 0 });
    expect((await ledger.get(rotation.id)).uncertainSinceMs).toBe(first.uncertainSinceMs);
  });

  it('keeps the claim for as long as it is told to', async () => {
    const rotation = await accept();
    await ledger.noteUnknown(await claimed(rotation), { readInMs: 0, holdMs: 60_000 });
    expect(await claimOf(rotation)).toMatchObject({ kind: 'busy' });
  });

  it('is refused where another worker has claimed since', async () => {
    const rotation = await accept();
    const stale = await claimed(rotation, 0);
    await claimed(rotation);
    expect(await ledger.noteUnknown(stale, { readInMs: 0, holdMs: 0 })).toBe(false);
  });

  it('shows nothing of an uncertainty that is over', async () => {
    const rotation = await accept();
    const claim = await claimed(rotation);
    await ledger.noteUnknown(claim, { readInMs: 0, holdMs: 1000 });
    await ledger.commit(claim, key('f1', 'reconciliation'));
    const ended = await ledger.get(rotation.id);
    expect(ended).toMatchObject({ state: 'SUCCEEDED', cause: 'reconciliation' });
    expect(ended).not.toHaveProperty('uncertainSinceMs');
    expect(ended).not.toHaveProperty('errorCode');
  });
});

describe('cancel', () => {
  it('cancels what is QUEUED, and says the same again', async () => {
    const rotation = await accept();
    expect(await ledger.cancel(rotation.id)).toMatchObject({ state: 'CANCELLED' });
    expect(await ledger.cancel(rotation.id)).toMatchObject({ state: 'CANCELLED' });
    expect((await accept()).id).not.toBe(rotation.id);
  });

  it('leaves nothing behind of an assistant that was never published', async () => {
    await ledger.cancel((await accept()).id);
    expect(await redis.exists('{spec}:assistant:ast_1')).toBe(0);
  });

  it('refuses what has started, and knows what does not exist', async () => {
    const rotation = await accept();
    await claimed(rotation);
    expect(await codeOf(ledger.cancel(rotation.id))).toBe('ROTATION_NOT_CANCELLABLE');
    expect(await codeOf(ledger.cancel(nextId()))).toBe('ROTATION_NOT_FOUND');
  });
});

describe('get', () => {
  it('knows what does not exist, and reports an entry that cannot be read', async () => {
    expect(await codeOf(ledger.get(nextId()))).toBe('ROTATION_NOT_FOUND');
    const rotation = await accept();
    await redis.hset(`{spec}:rotation:${rotation.id}`, 'state', 'nonsense');
    expect(await codeOf(ledger.get(rotation.id))).toBe('LEDGER_CORRUPT');
  });
});

describe('list', () => {
  it('pages newest first through all states, and by state, org and assistant', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 5; i += 1) ids.unshift((await accept({ assistantId: `ast_${i}`, orgId: i % 2 ? 'odd' : 'even' })).id);
    await ledger.cancel(ids[1]!);
    await claimed(await ledger.get(ids[4]!));

    const first = await ledger.list({}, { size: 2 });
    expect(first.rotations.map(({ id }) => id)).toEqual(ids.slice(0, 2));
    const second = await ledger.list({}, { size: 2, after: first.next! });
    const third = await ledger.list({}, { size: 2, after: second.next! });
    expect([...second.rotations, ...third.rotations].map(({ id }) => id)).toEqual(ids.slice(2));
    expect(third.next).toBeUndefined();

    const idsOf = async (filter: object) => (await ledger.list(filter, { size: 10 })).rotations.map(({ id }) => id);
    expect(await idsOf({ state: 'CANCELLED' })).toEqual([ids[1]]);
    expect(await idsOf({ state: 'ROTATING' })).toEqual([ids[4]]);
    expect(await idsOf({ orgId: 'odd' })).toEqual([ids[1], ids[3]]);
    expect(await idsOf({ assistantId: 'ast_4' })).toEqual([ids[0]]);
    expect(await idsOf({ assistantId: 'none' })).toEqual([]);
  });
});

describe('trim', () => {
  it('forgets ended rotations beyond age or count, the oldest first, and never open ones', async () => {
    const ended: string[] = [];
    for (let i = 0; i < 4; i += 1) {
      const { id } = await accept({ assistantId: `ast_${i}` });
      await ledger.cancel(id);
      ended.push(id);
    }
    const open = await accept();
    expect(await ledger.trim({ olderThanId: ended[1]!, keepEach: 10 })).toBe(1);
    expect(await ledger.trim({ olderThanId: ended[1]!, keepEach: 2 })).toBe(1);
    expect((await ledger.list({}, { size: 10 })).rotations.map(({ id }) => id)).toEqual([open.id, ended[3], ended[2]]);
    expect(await codeOf(ledger.get(ended[0]!))).toBe('ROTATION_NOT_FOUND');
  });
});

describe('findLost', () => {
  const bull = (queue: string) => `{spec}:bull:${queue}`;
  const lostIds = async (quietMs = 0) => (await ledger.findLost({ quietMs })).lost.map(({ rotationId }) => rotationId);

  it('finds open rotations that no job carries, with what a job needs', async () => {
    const rotation = await accept();
    expect(await ledger.findLost({ quietMs: 0 })).toEqual({ lost: [{ rotationId: rotation.id, orgId: 'org_1', assistantId: 'ast_1' }] });
    expect(await lostIds(60_000)).toEqual([]);
    await ledger.cancel(rotation.id);
    expect(await lostIds()).toEqual([]);
  });

  it.each(['rotations', 'rotation-follow-ups'])('leaves those alone that a job of %s carries, unless it has failed', async (queue) => {
    const { id } = await accept();
    await redis.hset(`${bull(queue)}:${id}`, 'name', 'rotate');
    expect(await lostIds()).toEqual([]);
    await redis.zadd(`${bull(queue)}:failed`, 1, id);
    expect(await lostIds()).toEqual([id]);
  });

  it('goes through any number of them, page by page', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 1100; i += 1) ids.push((await accept({ assistantId: `ast_${i}` })).id);
    const found: string[] = [];
    let after: string | undefined;
    do {
      const page = await ledger.findLost({ quietMs: 0, ...(after && { after }) });
      found.push(...page.lost.map(({ rotationId }) => rotationId));
      after = page.next;
    } while (after);
    expect(found).toEqual(ids);
  });
});

describe('bind', () => {
  it('belongs to the first fingerprint key', async () => {
    expect(await ledger.bind('one')).toBe('one');
    expect(await ledger.bind('two')).toBe('one');
  });
});

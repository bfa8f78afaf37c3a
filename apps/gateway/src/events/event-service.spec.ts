import { status } from '@grpc/grpc-js';
import { describe, expect, it } from '@jest/globals';
import { openLedger } from '@rekey/ledger';
import type { Consumer } from '@rekey/schema';
import { specRegistry } from '@rekey/testing';
import { PREFIX, call, useServices } from '../services-fixture.ts';

const fixture = useServices();
const consumer = 'billing';

const entryOf = (more: Partial<Consumer> = {}): Consumer =>
  ({
    name: consumer,
    orgs: ['org_1'],
    state: 'ACTIVE',
    created_at: '2026-01-01T00:00:00.000Z',
    key: { kty: 'OKP', kid: 'k' },
    grant_kid: 'grant',
    ...more,
  }) as Consumer;
const add = (more?: Partial<Consumer>) => fixture.consumers.write(consumer, undefined, entryOf(more));

const ack = JSON.stringify({
  consumer,
  instance: 'a1',
  lease_ms: 10_000,
  keys: 0,
  position: '0-0',
  seq: 0,
  orgs_sha256: '',
  unapplied: { count: 0, first: [] },
  refused: { count: 0, first: [] },
  number: 1,
  sent_ms: 1,
  leaving: false,
  kid: 'grant',
});
/** The status of the call; 0 if it was accepted. */
const acknowledge = (proof: string, redisRunId = ''): Promise<number> =>
  call(fixture.services.EventService.Acknowledge, { consumer, ack, proof, redisRunId }).then(
    () => 0,
    (error: { code: number }) => error.code,
  );

describe('Acknowledge', () => {
  it('adds nothing for a consumer that is not registered', async () => {
    await fixture.consumers.write('other', undefined, { ...entryOf(), name: 'other' });
    expect(await acknowledge('')).toBe(status.NOT_FOUND);
    expect(await acknowledge('proof')).toBe(status.NOT_FOUND);
    expect(await fixture.redis.keys(`{${PREFIX}}:ack*`)).toEqual([]);
  });

  it('adds nothing unsigned of a consumer that signs', async () => {
    await add({ ack_key: 'key' });
    expect(await acknowledge('')).toBe(status.INVALID_ARGUMENT);
    expect(await acknowledge('proof')).toBe(0);
  });

  it('adds nothing to another Redis than the one that it is about', async () => {
    await add({ ack_key: 'key' });
    const { GetEventsState } = fixture.services.EventService;
    const { redisRunId } = await call(GetEventsState, { consumer, withLastEntries: false });
    expect(await acknowledge('proof', 'another')).toBe(status.FAILED_PRECONDITION);
    expect(await fixture.redis.exists(`{${PREFIX}}:acks:${consumer}`)).toBe(0);
    expect(await acknowledge('proof', redisRunId)).toBe(0);
    expect(await acknowledge('proof', 'a\nb')).toBe(status.INVALID_ARGUMENT);
  });

  it('accepts one without a signature of a consumer with an earlier grant', async () => {
    await add();
    expect(await acknowledge('')).toBe(0);
  });
});

describe('GetSnapshot', () => {
  const put = async (orgId: string, assistantId: string, { bytes = 0 } = {}) => {
    const event = {
      type: 'rekey.assistant.key-rotated.v1',
      source: `/orgs/${orgId}/assistants/${assistantId}`,
      subject: assistantId,
      data: {
        seq: 1,
        version: 1,
        sealed: { protected: '', recipients: [], iv: '', ciphertext: 'x'.repeat(bytes), tag: '' },
      },
    };
    await fixture.redis.set(`{${PREFIX}}:current:${assistantId}`, JSON.stringify(event));
    await fixture.redis.zadd(`{${PREFIX}}:assistants:${orgId}`, 1, assistantId);
  };
  const snapshot = (pageToken = '') =>
    call(fixture.services.EventService.GetSnapshot, { consumer, pageToken });

  it('shows what the consumer may read since another gateway has changed its orgs', async () => {
    const { services } = fixture;
    await add();
    await put('org_1', 'ast_1');
    await put('org_2', 'ast_2');
    await call(services.EventService.GetSnapshot, { consumer, pageToken: '' });
    const other = openLedger(fixture.redis, { prefix: PREFIX, registry: specRegistry });
    const before = await other.consumers.get(consumer);
    await other.consumers.write(consumer, before, entryOf({ orgs: ['org_1', 'org_2'] }));
    const page = await call(services.EventService.GetSnapshot, { consumer, pageToken: '' });
    expect(page.records.map(({ assistantId }: { assistantId: string }) => assistantId)).toEqual([
      'ast_1',
      'ast_2',
    ]);
  });

  it.each(['assistants:org_1', 'uncertain'])(
    'fails rather than leave out a damaged index: %s',
    async (key) => {
      await add();
      await put('org_1', 'ast_1');
      const { nextPageToken } = await snapshot();
      await fixture.redis.set(`{${PREFIX}}:${key}`, 'damaged');
      const pages = async () => [await snapshot(), await snapshot(nextPageToken)];
      await expect(pages()).rejects.toMatchObject({ code: status.INTERNAL });
    },
  );

  it('passes on what is damaged among the uncertain ones, to consumers of its assistant only', async () => {
    await add();
    await put('org_1', 'ast_1');
    await put('org_2', 'ast_2');
    const { nextPageToken } = await snapshot();
    const damaged = { ast_1: 'nonsense', ast_2: 'nonsense', ast_3: '{"type":"x"}' };
    await fixture.redis.hset(`{${PREFIX}}:uncertain`, damaged);
    const page = await snapshot(nextPageToken);
    expect(page.uncertain).toEqual([{ assistantId: 'ast_1', event: '' }]);
  });

  it('refuses a forged cursor that Redis would refuse', async () => {
    await add();
    const { nextPageToken } = await snapshot();
    const [digest] = Buffer.from(nextPageToken, 'base64url').toString().split(' ');
    const forged = (place: string) => Buffer.from(`${digest} ${place}`).toString('base64url');
    const ids = (...all: string[]) => `r:org_1:0:${Buffer.from(all.join('\n')).toString('base64url')}`;
    for (const place of [
      'u:99999999999999999999',
      'r:org_1:99999999999999999999',
      'u:x',
      ids('a/b'),
      ids(''),
      ids('x'.repeat(257)),
      ids(...Array.from({ length: 129 }, (_, i) => `ast_${i}`)),
    ])
      await expect(snapshot(forged(place))).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
  });

  /** All pages up to the uncertain ones, and the lengths of their records. */
  const pages = async () => {
    const found: { ids: string[]; characters: number }[] = [];
    for (let token = '', isFirst = true; isFirst || token !== ''; isFirst = false) {
      const { records, nextPageToken } = await snapshot(token);
      const events: { assistantId: string; event: string }[] = records;
      found.push({
        ids: events.map(({ assistantId }) => assistantId),
        characters: events.reduce((sum, { event }) => sum + event.length, 0),
      });
      token = nextPageToken;
    }
    return found;
  };

  it('splits long records into pages, and leaves none out', async () => {
    await add();
    const ids = Array.from({ length: 12 }, (_, i) => `ast_${String(i).padStart(2, '0')}`);
    for (const id of ids) await put('org_1', id, { bytes: 900_000 });
    const found = await pages();
    expect(found.flatMap((page) => page.ids).toSorted()).toEqual(ids);
    for (const { characters } of found) expect(characters).toBeLessThan(4 * 2 ** 20);
    expect(found.length).toBeGreaterThan(3);
  });

  it('passes on a record that is longer than any as one that nobody can read', async () => {
    await add();
    await put('org_1', 'ast_1');
    for (const id of ['ast_2', 'ast_3']) await put('org_1', id, { bytes: 25 * 2 ** 20 });
    const { records } = await snapshot();
    expect(
      records.map(({ assistantId, event }: { assistantId: string; event: string }) => [
        assistantId,
        event.length > 0,
      ]),
    ).toEqual([
      ['ast_1', true],
      ['ast_2', false],
      ['ast_3', false],
    ]);
    expect(await currents(['ast_2', 'ast_1'])).toEqual([
      { assistantId: 'ast_2', event: '' },
      { assistantId: 'ast_1', event: expect.any(Buffer) },
    ]);
  });

  it('passes on what is no UTF-8 as everybody reads it as a text', async () => {
    await add();
    const head = '{"type":"x","source":"/orgs/org_1/assistants/ast_1","subject":"';
    const bytes = Buffer.concat([Buffer.from(head), Buffer.from([0xc3, 0x28, 0xff])]);
    await fixture.redis.set(`{${PREFIX}}:current:ast_1`, bytes);
    await fixture.redis.zadd(`{${PREFIX}}:assistants:org_1`, 1, 'ast_1');
    const { records } = await snapshot();
    expect(records).toEqual([{ assistantId: 'ast_1', event: Buffer.from(bytes.toString()) }]);
  });

  it('shows nothing of the ids in a forged token that the consumer may not read', async () => {
    await add();
    await put('org_1', 'ast_1');
    await put('org_2', 'ast_2');
    await fixture.redis.set(`{${PREFIX}}:current:ast_3`, '{"source":"/orgs/org_2/assistants/ast_3"}');
    const { nextPageToken } = await snapshot();
    const [digest] = Buffer.from(nextPageToken, 'base64url').toString().split(' ');
    const ids = Buffer.from('ast_2\nast_3\nast_1').toString('base64url');
    const page = await snapshot(Buffer.from(`${digest} r:org_1:0:${ids}`).toString('base64url'));
    expect(page.records.map(({ assistantId }: { assistantId: string }) => assistantId)).toEqual([
      'ast_3',
      'ast_1',
    ]);
    expect(JSON.stringify(page)).not.toContain('org_2');
  });

  it('fits what remains into a token, however long the ids are', async () => {
    await add();
    const ids = Array.from({ length: 100 }, (_, i) => `${i}`.padStart(256, 'x'));
    for (const id of ids) await put('org_1', id, { bytes: 60_000 });
    await fixture.redis.zadd(`{${PREFIX}}:assistants:org_1`, 1, 'no/id', 1, 'y'.repeat(100_000));
    expect((await pages()).flatMap((page) => page.ids).toSorted()).toEqual(ids.toSorted());
  });
});

const currents = async (assistantIds: string[]) =>
  (await call(fixture.services.EventService.GetRecords, { consumer, assistantIds })).records;

describe('a request that no consumer sends', () => {
  it.each<[string, string, object]>([
    ['an id that is too long', 'GetRecords', { assistantIds: ['x'.repeat(257)] }],
    ['an id that is a path', 'GetRecords', { assistantIds: ['../ast_1'] }],
    ['too many ids', 'GetRecords', { assistantIds: Array.from({ length: 501 }, (_, i) => `ast_${i}`) }],
    ['a position that is none', 'GetEventsState', { after: 'x' }],
    ['a position beyond 64 bits', 'GetEventsState', { after: '99999999999999999999-0' }],
    ['a page token that is none', 'GetSnapshot', { pageToken: 'x' }],
    ['a page token that is too long', 'GetSnapshot', { pageToken: 'x'.repeat(64_000) }],
  ])('is refused: %s', async (_what, method, request) => {
    await add();
    const handler = fixture.services.EventService[method as 'GetRecords'];
    const rest = method === 'GetEventsState' ? { withLastEntries: false } : {};
    await expect(call(handler, { consumer, ...rest, ...request })).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
    });
  });

  it('is refused: the page token of another consumer', async () => {
    await add();
    await fixture.consumers.write('other', undefined, { ...entryOf(), name: 'other' });
    const { GetSnapshot } = fixture.services.EventService;
    const { nextPageToken: pageToken } = await call(GetSnapshot, { consumer: 'other', pageToken: '' });
    await expect(call(GetSnapshot, { consumer, pageToken })).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
    });
  });
});

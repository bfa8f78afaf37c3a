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
const acknowledge = (proof: string): Promise<number> =>
  call(fixture.services.EventService.Acknowledge, { consumer, ack, proof }).then(
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

  it('accepts one without a signature of a consumer with an earlier grant', async () => {
    await add();
    expect(await acknowledge('')).toBe(0);
  });
});

describe('GetSnapshot', () => {
  const put = async (orgId: string, assistantId: string) => {
    const event = {
      type: 'rekey.assistant.key-rotated.v1',
      source: `/orgs/${orgId}/assistants/${assistantId}`,
      subject: assistantId,
      data: {
        seq: 1,
        version: 1,
        sealed: { protected: '', recipients: [], iv: '', ciphertext: '', tag: '' },
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
    for (const place of ['u:99999999999999999999', 'r:org_1:99999999999999999999', 'u:x'])
      await expect(snapshot(forged(place))).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
  });
});

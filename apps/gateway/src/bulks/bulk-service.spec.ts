import { once } from 'node:events';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { status, type ServiceError } from '@grpc/grpc-js';
import { readStatusDetails } from '@rekey/rpc';
import type { BulkItem, BulkRotation } from '@rekey/schema';
import { bulkOf, useBulkService } from './bulk-service-fixture.ts';

const fixture = useBulkService();

const collect = async <T>(answers: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = [];
  for await (const answer of answers) all.push(answer);
  return all;
};
describe('the unary methods', () => {
  const [a, b, c] = [
    'blk_01ARZ3NDEKTSV4RRFFQ69G5FAV',
    'blk_01ARZ3NDEKTSV4RRFFQ69G5FAW',
    'blk_01ARZ3NDEKTSV4RRFFQ69G5FAX',
  ] as const;
  beforeEach(() => {
    for (const id of [a, b, c]) fixture.fake.known.set(id, bulkOf(id));
  });

  it('lists page by page, newest first, and refuses a page token with another filter', async () => {
    const one = await fixture.client.listBulkRotations({ orgId: 'org_1', pageSize: 2 });
    expect(one.bulkRotations.map(({ id }) => id)).toEqual([c, b]);
    const two = await fixture.client.listBulkRotations({
      orgId: 'org_1',
      pageSize: 2,
      pageToken: one.nextPageToken,
    });
    expect(two).toMatchObject({ bulkRotations: [{ id: a }], nextPageToken: '' });
    await expect(fixture.client.listBulkRotations({ pageToken: one.nextPageToken })).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
    });
  });

  it('lists only bulk rotations in a state', async () => {
    const listed = once(fixture.fake.events, 'list');
    await fixture.client.listBulkRotations({ state: 'HALTED' });
    expect(await listed).toEqual([{ state: 'HALTED' }]);
  });

  it('lists the assistants page by page, with the error of each', async () => {
    fixture.fake.items.push(
      ...['x', 'y', 'z'].map((assistantId, index): BulkItem => ({ index, assistantId, state: 'SUCCEEDED' })),
      { index: 3, assistantId: 'f', state: 'FAILED', errorCode: 'ASSISTANT_DELETED' },
    );
    const unpublished = { version: '0', rotationId: '', publishTime: null };
    const one = await fixture.client.listBulkRotationItems({ id: a, pageSize: 2 });
    expect(one.items).toEqual([
      { assistantId: 'x', state: 'SUCCEEDED', error: null, ...unpublished },
      { assistantId: 'y', state: 'SUCCEEDED', error: null, ...unpublished },
    ]);
    const two = await fixture.client.listBulkRotationItems({
      id: a,
      pageSize: 2,
      pageToken: one.nextPageToken,
    });
    expect(two).toMatchObject({
      items: [
        { assistantId: 'z' },
        { assistantId: 'f', error: { reason: 'ASSISTANT_DELETED', advice: 'Leave it out.' } },
      ],
      nextPageToken: '',
    });
    await expect(
      fixture.client.listBulkRotationItems({ id: b, pageToken: one.nextPageToken }),
    ).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
    expect(
      (await fixture.client.listBulkRotationItems({ id: a, pageSize: 2, state: 'FAILED' })).items,
    ).toEqual([]);
  });

  it.each([
    'getBulkRotation',
    'pauseBulkRotation',
    'resumeBulkRotation',
    'cancelBulkRotation',
    'retryBulkRotation',
  ] as const)('%s returns the bulk rotation, and refuses an invalid id', async (name) => {
    expect(await fixture.client[name]({ id: a })).toMatchObject({ id: a });
    await expect(fixture.client[name]({ id: 'rot_1' })).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
    });
    await expect(fixture.client[name]({ id: 'blk_01ARZ3NDEKTSV4RRFFQ69G5FAY' })).rejects.toMatchObject({
      code: status.NOT_FOUND,
    });
  });
});

describe('WatchBulkRotation', () => {
  const id = 'blk_01ARZ3NDEKTSV4RRFFQ69G5FAV';
  const set = (change: Partial<BulkRotation>) =>
    void fixture.fake.known.set(id, { ...bulkOf(id), ...change });
  beforeEach(() => set({}));

  it('yields at once, then on every change, and ends with an end state', async () => {
    const seen = [];
    for await (const { state, rate } of fixture.client.watchBulkRotation({ id })) {
      seen.push([state, rate]);
      set(
        [
          { perSecond: 5 },
          { perSecond: 8 },
          { state: 'PAUSED' as const, why: 'CANARY_DONE' },
          { state: 'COMPLETED' as const },
        ][seen.length - 1]!,
      );
    }
    expect(seen).toEqual([
      ['RUNNING', 0],
      ['RUNNING', 5],
      ['RUNNING', 8],
      ['PAUSED', 0],
      ['COMPLETED', 0],
    ]);
  });

  it('ends after a stop if until_stopped is set', async () => {
    set({ state: 'HALTED', why: 'TOO_MANY_FAILURES' });
    const seen = await collect(fixture.client.watchBulkRotation({ id, untilStopped: true }));
    expect(seen).toMatchObject([
      { state: 'HALTED', stop: { reason: 'TOO_MANY_FAILURES', advice: expect.stringContaining('Resume') } },
    ]);
  });

  it('reads once for all watchers of a bulk rotation', async () => {
    const reads: string[] = [];
    const get = fixture.fake.bulks.get;
    fixture.fake.bulks.get = (of) => {
      reads.push(of);
      return get(of);
    };
    const watching = Array.from({ length: 20 }, () =>
      fixture.watches
        .watch(id, { untilStopped: false, signal: new AbortController().signal })
        [Symbol.asyncIterator](),
    );
    await Promise.all(watching.map((watch) => watch.next()));
    expect(reads).toHaveLength(1);
    set({ state: 'COMPLETED' });
    const last = await Promise.all(watching.map((watch) => watch.next()));
    expect(last.map(({ value }) => value.state)).toEqual(Array.from({ length: 20 }, () => 'COMPLETED'));
    expect(reads).toHaveLength(2);
  });

  it('fails with NOT_FOUND for an unknown bulk rotation', async () => {
    await expect(
      collect(fixture.client.watchBulkRotation({ id: 'blk_01ARZ3NDEKTSV4RRFFQ69G5FAY' })),
    ).rejects.toMatchObject({ code: status.NOT_FOUND });
  });

  it('stops reading when the caller has gone', async () => {
    const gone = new AbortController();
    for await (const _ of fixture.client.watchBulkRotation({ id }, { signal: gone.signal })) gone.abort();
    // The server can only close when no call is open.
    const began = performance.now();
    fixture.client.close();
    await fixture.server.close(10_000);
    expect(performance.now() - began).toBeLessThan(5000);
  });

  it('ends with SHUTTING_DOWN when the gateway shuts down', async () => {
    const watching = fixture.client.watchBulkRotation({ id })[Symbol.asyncIterator]();
    await watching.next();
    const next = watching.next();
    fixture.watches.close();
    const error = await Promise.resolve(next).catch((e: ServiceError) => e);
    expect(readStatusDetails(error as ServiceError).reason).toBe('SHUTTING_DOWN');
  });
});

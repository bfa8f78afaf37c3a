import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import type { ConsumerView } from './consumer-view.ts';
import { createEventHub } from './event-hub.ts';
import { watchEvents } from './watch-events.ts';

const view: ConsumerView = { name: 'billing', entry: '{}', orgs: ['*'], kid: 'k' };
const entry = (at: number) => ({ id: `${at}-0`, text: JSON.stringify({ type: 'x', data: { seq: at } }) });

const views = {
  load: async () => view,
  current: async () => view,
  known: () => view,
  version: () => 1,
  look: async () => {},
};

describe('the entries that a gateway keeps', () => {
  it('are of one Redis: none of them is sent once its connection was lost', async () => {
    let stream = [entry(1)];
    let lose = (): void => {};
    const end = () => ({ redisUs: 1, lastId: stream.at(-1)!.id, lastEntryId: stream.at(-1)!.id });
    const after = async (id: string) => ({
      ...end(),
      more: false,
      entries: stream.filter((one) => Number(one.id.split('-')[0]) > Number(id.split('-')[0])),
    });
    const hub = createEventHub({
      views,
      readAfter: after,
      follow: () => ({
        wait: () => sleep(20, undefined),
        after,
        end: async () => end(),
        onLost: (listener) => (lose = listener),
        disconnect: () => {},
      }),
      onError: () => {},
    });
    try {
      const before = await hub.watch('billing', 'billing');
      stream = [entry(1), entry(2)];
      await sleep(100);
      expect((await before.read('1-0')).map(({ id }) => id)).toEqual(['2-0']);
      // It fails over to a Redis that has lost the last entry.
      stream = [entry(1)];
      lose();
      const reads = hub.watch('billing', 'billing').then((watch) => watch.read('1-0'));
      await expect(before.read('1-0')).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
      expect(await reads).toEqual([]);
    } finally {
      await hub.close();
    }
  });
});

describe('watches that are behind', () => {
  it('of one party do not keep those of another waiting', async () => {
    const ends: (() => void)[] = [];
    const begun: string[] = [];
    const hub = createEventHub({
      views,
      readAfter: (id) => {
        begun.push(id);
        return new Promise((resolve) => ends.push(() => resolve({ entries: [] })));
      },
      follow: () => ({
        wait: () => sleep(20, undefined),
        after: async () => ({ redisUs: 1, lastId: '900-0', lastEntryId: '900-0', more: false, entries: [] }),
        end: async () => ({ redisUs: 1, lastId: '900-0', lastEntryId: '900-0' }),
        onLost: () => {},
        disconnect: () => {},
      }),
      onError: () => {},
    });
    try {
      const reads: Promise<unknown>[] = [];
      for (let i = 1; i <= 20; i += 1) reads.push((await hub.watch('billing', 'many')).read(`${i}-0`));
      reads.push((await hub.watch('other', 'one')).read('100-0'));
      ends.shift()!();
      await sleep(10);
      ends.shift()!();
      await sleep(10);
      expect(begun.slice(8, 10)).toContain('100-0');
      while (ends.length > 0) {
        ends.shift()!();
        await sleep(1);
      }
      await Promise.all(reads);
    } finally {
      await hub.close();
    }
  });
});

describe('watches of one consumer', () => {
  /** A hub above a stream that the test extends. */
  const hubOver = (viewNow: () => ConsumerView) => {
    const stream: { id: string; text: string }[] = [entry(1)];
    const numberOf = (id: string) => Number(id.split('-')[0]);
    const end = () => ({ redisUs: 1, lastId: stream.at(-1)!.id, lastEntryId: stream.at(-1)!.id });
    const after = async (id: string) => ({
      ...end(),
      more: false,
      entries: stream.filter((one) => numberOf(one.id) > numberOf(id)),
    });
    const hub = createEventHub({
      views: { ...views, load: async () => viewNow(), known: viewNow },
      readAfter: after,
      follow: () => ({
        wait: () => sleep(2, undefined),
        after,
        end: async () => end(),
        onLost: () => {},
        disconnect: () => {},
      }),
      onError: () => {},
    });
    return { hub, stream };
  };
  type Message = Awaited<ReturnType<ReturnType<typeof watchEvents>['next']>>;
  const idsIn = ({ value }: Message): string[] =>
    (value as { entries: { id: string }[] }).entries.map(({ id }) => id);
  const request = { consumer: 'billing', after: '1-0' };

  it('receive everything, also beside one that does not read', async () => {
    const { hub, stream } = hubOver(() => view);
    const stopping = new AbortController();
    try {
      const [fast, slow] = [1, 2].map(() => watchEvents(hub, request, stopping.signal));
      for (const watch of [fast!, slow!]) await watch.next();
      const received: string[] = [];
      for (let at = 2; at <= 20; at += 1) {
        stream.push(entry(at));
        while (received.at(-1) !== `${at}-0`) received.push(...idsIn(await fast!.next()));
      }
      const late: string[] = [];
      while (late.at(-1) !== '20-0') late.push(...idsIn(await slow!.next()));
      expect(received).toEqual(Array.from({ length: 19 }, (_, i) => `${i + 2}-0`));
      expect(late).toEqual(received);
    } finally {
      stopping.abort();
      await hub.close();
    }
  });

  it('go on beside one whose caller has lost its right', async () => {
    let current = view;
    const { hub, stream } = hubOver(() => current);
    const stopping = new AbortController();
    const requireRights = ({ orgs }: ConsumerView): void => {
      if (orgs.includes('org_2')) throw new Error('not permitted');
    };
    try {
      const limited = watchEvents(hub, request, stopping.signal, requireRights);
      const other = watchEvents(hub, request, stopping.signal);
      for (const watch of [limited, other]) await watch.next();
      stream.push(entry(2));
      expect(idsIn(await limited.next())).toEqual(['2-0']);
      expect(idsIn(await other.next())).toEqual(['2-0']);
      current = { ...view, orgs: ['*', 'org_2'] };
      const ended = limited.next().then(
        () => undefined,
        (error: Error) => error.message,
      );
      stream.push(entry(3));
      expect(idsIn(await other.next())).toEqual(['3-0']);
      expect(await ended).toBe('not permitted');
    } finally {
      stopping.abort();
      await hub.close();
    }
  });
});

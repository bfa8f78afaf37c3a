import { describe, expect, it } from '@jest/globals';
import type { Page } from '@rekey/invent';
import { readList, type ListSource, type PageRead } from './read-list.ts';

const names = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, i) => `ast_${i + from}`);
const slice = <T>(all: readonly T[], number: number, size: number): T[] =>
  all.slice((number - 1) * size, number * size);

interface Answer {
  ids?: string[];
  unreadable?: string[];
  total?: number;
}

/** Reads a list with scripted pages. `published` are known already. */
const read = async (
  answer: (number: number, request: number) => Answer | 'fails',
  {
    published = [],
    ...more
  }: Partial<Pick<ListSource, 'known' | 'thorough'>> & { published?: string[] } = {},
) => {
  const requests: number[] = [];
  const known = new Set(published);
  const taken: string[] = [];
  const listing = await readList({
    known: published.length,
    thorough: false,
    save: async () => {},
    lacksKnown: async () => published.some((id) => !taken.includes(id)),
    read: async (number, tries): Promise<PageRead> => {
      for (let attempt = 1; ; attempt += 1) {
        requests.push(number);
        const page = answer(number, requests.length);
        if (page !== 'fails')
          return {
            beganMs: 0,
            page: {
              records: (page.ids ?? []).map((id) => ({ id })) as Page['records'],
              unreadable: page.unreadable ?? [],
              total: page.total,
            },
          };
        if (attempt === tries) return { failed: 'UPSTREAM_UNREACHABLE' };
      }
    },
    take: async (records) => {
      const unseen = records.filter(({ id }) => !known.has(id));
      for (const { id } of records) {
        known.add(id);
        taken.push(id);
      }
      return unseen.length;
    },
    ...more,
  });
  return { ...listing, requests, taken };
};
const known = (count: number) => ({ published: names(count) });

describe('a correct list', () => {
  it('of a known org takes one request for each page, and no other', async () => {
    const all = names(850);
    expect(await read((number) => ({ ids: slice(all, number, 100), total: 850 }), known(850))).toMatchObject({
      complete: true,
      count: 850,
      counted: 850,
      requests: [1, 2, 3, 4, 5, 6, 7, 8, 9],
    });
    expect(
      await read((number) => ({ ids: slice(names(100), number, 100), total: 100 }), known(100)),
    ).toMatchObject({ complete: true, requests: [1] });
    expect(await read(() => ({ total: 0 }))).toMatchObject({ complete: true, count: 0, requests: [1] });
  });

  it('of an unknown org is read until a pass finds nothing new, and one page beyond the count', async () => {
    expect(await read((number) => ({ ids: slice(names(150), number, 100), total: 150 }))).toMatchObject({
      complete: true,
      count: 150,
      requests: [1, 2, 3, 1, 2],
    });
  });

  it.each([1, 7, 50, 1000])('is read to its end with pages of any size (%i)', async (size) => {
    const { complete, count, taken } = await read((number) => ({
      ids: slice(names(850), number, size),
      total: 850,
    }));
    expect({ complete, count, taken: taken.length }).toEqual({ complete: true, count: 850, taken: 850 });
  });

  it('is read to its end if a page in the middle is empty or short', async () => {
    const pages = [names(100), names(40, 100), [], names(100, 140)];
    expect(await read((number) => ({ ids: pages[number - 1] ?? [], total: 240 }), known(240))).toMatchObject({
      complete: true,
      count: 240,
      requests: [1, 2, 3, 4],
    });
  });

  it('without a count ends at an empty page', async () => {
    expect(await read((number) => ({ ids: slice(names(200), number, 50) }), known(200))).toMatchObject({
      complete: true,
      count: 200,
      requests: [1, 2, 3, 4, 5],
    });
  });

  it('may come on one page, whichever page is requested', async () => {
    expect(await read(() => ({ ids: names(300), total: 300 }))).toMatchObject({ complete: true, count: 300 });
  });

  it('may hold unreadable records, identical or not', async () => {
    const ids = names(99);
    expect(await read(() => ({ ids, unreadable: ['x'], total: 100 }), known(99))).toMatchObject({
      complete: true,
      count: 99,
      unreadable: 1,
      requests: [1],
    });
    expect(await read(() => ({ ids, unreadable: ['x', 'x'], total: 101 }), known(99))).toMatchObject({
      complete: true,
      unreadable: 2,
      requests: [1],
    });
  });

  it('is complete even if assistants are created and deleted meanwhile', async () => {
    let all = names(300);
    let made = 300;
    const { complete, taken } = await read((number) => {
      const page = { ids: slice(all, number, 100), total: all.length };
      if (number === 1) all = [`ast_${(made += 1)}`, ...all.filter((id) => id !== `ast_${made - 200}`)];
      if (number === 2) all = [...all, `ast_${(made += 1)}`];
      return page;
    }, known(300));
    expect(complete).toBe(true);
    expect(names(300).filter((id) => all.includes(id) && !taken.includes(id))).toEqual([]);
  });
});

describe('a wrong list', () => {
  it('is incomplete if pages repeat, and ends', async () => {
    const { complete, count, counted, requests } = await read(() => ({ ids: names(100), total: 850 }));
    expect({ complete, count, counted }).toEqual({ complete: false, count: 100, counted: 850 });
    expect(requests.length).toBeLessThan(10);
  });

  it('is incomplete if it omits some, on each page or at the end', async () => {
    const visible = names(850).filter((_, i) => i % 5 < 3);
    expect(
      await read((number) => ({
        ids: slice(names(850), number, 100).filter((_, i) => i % 5 < 3),
        total: 850,
      })),
    ).toMatchObject({ complete: false, count: 510, counted: 850 });
    expect(await read((number) => ({ ids: slice(visible, number, 100), total: 850 }))).toMatchObject({
      complete: false,
      count: 510,
      counted: 850,
    });
  });

  it('is incomplete if it omits others in each pass', async () => {
    let random = 1;
    const chance = () => (random = (random * 48_271) % 2_147_483_647) / 2_147_483_647;
    const { complete, requests } = await read((number) => ({
      ids: slice(names(850), number, 100).filter(() => chance() < 0.6),
      total: 850,
    }));
    expect(complete).toBe(false);
    expect(requests.length).toBeLessThan(70);
  });

  it.each([100, 400, 0])('is read to its end if its count is too low (%i)', async (total) => {
    expect(await read((number) => ({ ids: slice(names(850), number, 100), total }))).toMatchObject({
      complete: false,
      count: 850,
      counted: total,
    });
    expect(
      await read((number) => ({ ids: slice(names(850), number, 100), total }), known(850)),
    ).toMatchObject({ complete: false, count: 850, counted: total });
    expect(
      await read((number) => ({ ids: slice(names(850), number, 100), total }), {
        known: 850,
        thorough: true,
      }),
    ).toMatchObject({ complete: false, count: 850 });
  });

  it.each([1e9, 1e15, 851])('is incomplete if its count is too high (%i)', async (total) => {
    const { complete, count, requests } = await read(
      (number) => ({ ids: slice(names(850), number, 100), total }),
      known(850),
    );
    expect({ complete, count }).toEqual({ complete: false, count: 850 });
    expect(requests.length).toBeLessThanOrEqual(24);
  });

  it('is incomplete if its count differs on every page', async () => {
    const { complete, count, requests } = await read(
      (number, request) => ({ ids: slice(names(850), number, 100), total: request * 300 }),
      known(850),
    );
    expect({ complete, count }).toEqual({ complete: false, count: 850 });
    expect(requests.length).toBeLessThan(60);
  });

  it('without a count is incomplete if every page is the same, and ends', async () => {
    expect(await read(() => ({ ids: names(100) }), known(250))).toMatchObject({
      complete: false,
      count: 100,
      requests: [1, 2, 3, 1, 2, 3, 4],
    });
  });

  it('ends even if every page brings something new', async () => {
    const endless = (number: number) => ({ ids: names(100, number * 100) });
    const bounded = await read(endless, known(850));
    expect(bounded.complete).toBe(false);
    expect(bounded.requests.length).toBeLessThan(130);
    const huge = await read((number) => ({ ...endless(number), total: 1e9 }), known(850));
    expect(huge.complete).toBe(false);
    expect(huge.requests.length).toBeLessThan(130);
    // The number of pages is bounded, even if they shrink to a single record.
    const drip = await read(
      (number) => (number === 1 ? endless(1) : { ids: [`drip_${number}`] }),
      known(850),
    );
    expect(drip.complete).toBe(false);
    expect(drip.requests.length).toBeLessThan(300);
  });

  it('ends even if every page brings new garbage', async () => {
    let garbage = 0;
    const { complete, requests } = await read(() => ({
      unreadable: Array.from({ length: 100 }, () => `g${(garbage += 1)}`),
    }));
    expect(complete).toBe(false);
    expect(requests.length).toBeLessThan(60);
  });

  it('is incomplete if most of it cannot be read', async () => {
    const marks = Array.from({ length: 90 }, (_, i) => `m${i}`);
    expect(await read(() => ({ ids: names(10), unreadable: marks, total: 100 }), known(10))).toMatchObject({
      complete: false,
      count: 10,
      unreadable: 90,
    });
  });
});

describe('a page that cannot be read', () => {
  it('does not stop the reading, and makes the list incomplete', async () => {
    const { complete, count, requests, taken } = await read(
      (number) => (number === 7 ? 'fails' : { ids: slice(names(850), number, 100), total: 850 }),
      known(850),
    );
    expect({ complete, count }).toEqual({ complete: false, count: 750 });
    expect(taken).toEqual(expect.arrayContaining([...names(100, 700), ...names(50, 800)]));
    // Four tries, the pages to the end, a page that is certainly empty, and another try.
    expect(requests).toEqual([1, 2, 3, 4, 5, 6, 7, 7, 7, 7, 8, 9, 10, 11, 7]);
  });

  it('is read again after the others', async () => {
    let failures = 0;
    const { complete, count } = await read(
      (number) =>
        number === 7 && (failures += 1) <= 4 ? 'fails' : { ids: slice(names(850), number, 100), total: 850 },
      known(850),
    );
    expect({ complete, count }).toEqual({ complete: true, count: 850 });
  });

  it('may be the first', async () => {
    expect(
      await read(
        (number) => (number === 1 ? 'fails' : { ids: slice(names(250), number, 100), total: 250 }),
        known(250),
      ),
    ).toMatchObject({ complete: false, count: 150 });
  });

  it('does not matter beyond the last one', async () => {
    expect(
      await read((number) => (number > 2 ? 'fails' : { ids: slice(names(150), number, 100), total: 150 })),
    ).toMatchObject({ complete: true, count: 150, requests: [1, 2, 3, 1, 2] });
  });

  it('ends the list with its code if no page can be read', async () => {
    let requests = 0;
    const reading = read(() => ((requests += 1), 'fails'));
    await expect(reading).rejects.toMatchObject({ code: 'UPSTREAM_UNREACHABLE' });
    expect(requests).toBe(6);
  });

  it('ends the list if ten in a row fail, and ends a pass with more than twenty', async () => {
    await expect(
      read((number) => (number > 3 ? 'fails' : { ids: slice(names(5000), number, 100), total: 5000 })),
    ).rejects.toMatchObject({ code: 'UPSTREAM_UNREACHABLE' });
    const { complete, requests } = await read((number) =>
      number % 2 === 0 ? 'fails' : { ids: slice(names(50_000), number, 100), total: 50_000 },
    );
    expect(complete).toBe(false);
    expect(requests.length).toBeLessThan(130);
  });
});

import { request } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Fault, ODD_IDS } from '../faults/fault.ts';
import { createFaults } from '../faults/faults.ts';
import { seededRandom } from '../faults/random.ts';
import { json, startSimulator, type Simulator } from '../simulator-fixture.ts';

const OURS = 250;
let simulator: Simulator;
beforeEach(async () => {
  simulator = await startSimulator({ faults: createFaults(seededRandom(1)), assistants: OURS });
});
afterEach(() => {
  jest.restoreAllMocks();
  return simulator.close();
});

const admin = (method: string, path: string, body?: object) => simulator.admin(method, path, body);
const script = async (fault: object): Promise<number> =>
  (await json(await admin('POST', '/faults', fault))).id;
const call = (path: string, options?: Parameters<Simulator['call']>[1]) =>
  simulator.call(`/orgs/${path}`, options);
const get = (id = 'ast_1', org = 'c') => call(`${org}/assistants/${encodeURIComponent(id)}`);
const rotate = (id = 'ast_1', org = 'c') =>
  call(`${org}/assistants/${encodeURIComponent(id)}/rotate-secret-key`, { method: 'POST' });
const list = (page = 1, take = 100, org = 'c') => call(`${org}/assistants?page=${page}&take=${take}`);
const truthOf = async (id = 'ast_1') =>
  (await json(await admin('GET', `/assistants/${encodeURIComponent(id)}`))).record;
const idsOf = async (response: Promise<Response>): Promise<string[]> =>
  (await json(await response)).map(({ id }: { id: string }) => id);
const statusOf = async (response: Promise<Response>) => (await response).status;
const idsOfAll = async (org = 'c', pages = 3) =>
  (await Promise.all(Array.from({ length: pages }, (_, i) => idsOf(list(i + 1, 100, org))))).flat();
const ours = Array.from({ length: OURS }, (_, i) => `ast_${i + 1}`);

describe('the life of a fault', () => {
  it('starts and ends by the clock', async () => {
    const beganMs = performance.now();
    const clock = jest.spyOn(performance, 'now').mockReturnValue(beganMs);
    await script({ kind: 'failBefore', status: 404, on: 'get', times: 0, afterMs: 300, forMs: 200 });
    const seen: number[] = [];
    for (const afterMs of [0, 299, 301, 499, 501]) {
      clock.mockReturnValue(beganMs + afterMs);
      seen.push(await statusOf(get()));
    }
    expect(seen).toEqual([200, 200, 404, 404, 200]);
    expect(await json(await admin('GET', '/faults'))).toEqual([]);
  });

  it('is listed, and can be ended individually', async () => {
    const id = await script({ kind: 'hideKey' });
    const other = await script({ kind: 'failBefore', on: 'get', times: 3 });
    expect(await json(await admin('GET', '/faults'))).toMatchObject([
      { id, left: null, until_ms: null },
      { id: other, left: 3, fault: { kind: 'failBefore' } },
    ]);
    expect([
      await statusOf(admin('DELETE', `/faults/${id}`)),
      await statusOf(admin('DELETE', `/faults/${id}`)),
    ]).toEqual([204, 404]);
    expect(await json(await admin('GET', '/faults'))).toMatchObject([{ id: other }]);
    expect(await statusOf(get())).toBe(500);
    await admin('DELETE', '/faults');
    expect([await statusOf(get()), await json(await admin('GET', '/faults'))]).toEqual([200, []]);
  });

  it('applies to one kind of request or any, one org, one assistant or a fixed share', async () => {
    const wave = { kind: 'failBefore', status: 404, times: 0 };
    const seen = async (fault: object) => {
      await admin('DELETE', '/faults');
      await script({ ...wave, ...fault });
      return [
        statusOf(get('ast_1')),
        statusOf(get('ast_2', 'org')),
        statusOf(get('ast_s1_1', 'org_sub1')),
        statusOf(rotate()),
        statusOf(list()),
      ].reduce(async (all, one) => [...(await all), await one], Promise.resolve<number[]>([]));
    };
    expect(await seen({ on: 'get' })).toEqual([404, 404, 404, 200, 200]);
    expect(await seen({ on: 'rotate' })).toEqual([200, 200, 200, 404, 200]);
    expect(await seen({ on: 'list' })).toEqual([200, 200, 200, 200, 404]);
    expect(await seen({ on: 'any' })).toEqual([404, 404, 404, 404, 404]);
    expect(await seen({ on: 'any', orgId: 'org' })).toEqual([404, 404, 200, 404, 404]);
    expect(await seen({ on: 'any', orgId: 'c' })).toEqual([404, 200, 200, 404, 404]);
    expect(await seen({ on: 'any', assistantId: 'ast_2' })).toEqual([200, 404, 200, 200, 200]);
    await admin('DELETE', '/faults');
    await script({ ...wave, on: 'get', share: 0.4 });
    const hit = async () => {
      const statuses = await Promise.all(ours.map((id) => statusOf(get(id))));
      return ours.filter((_id, i) => statuses[i] === 404);
    };
    const first = await hit();
    expect(first.length / OURS).toBeCloseTo(0.4, 1);
    expect(await hit()).toEqual(first);
  });

  it.each([
    [{ kind: 'capPages', on: 'get' }],
    [{ kind: 'staleAnswer', on: 'get' }],
    [{ kind: 'hideKey', as: 'nothing' }],
    [{ kind: 'hideKey', oops: 1 }],
  ])('rejects %j', async (fault) => {
    expect(await statusOf(admin('POST', '/faults', fault))).toBe(400);
  });

  it('applies at random, and a limited number of times', async () => {
    await script({ kind: 'hideKey', on: 'get', probability: 0.3, times: 10 });
    let hidden = 0;
    for (let i = 0; i < 200; i += 1) hidden += 'secret_key' in (await json(await get())) ? 0 : 1;
    expect(hidden).toBe(10);
  });

  it('applies several views to one request, in addition to an outcome', async () => {
    await script({ kind: 'capPages' });
    await script({ kind: 'noCount' });
    await script({ kind: 'hideKey', on: 'list', as: 'stars' });
    await script({ kind: 'skewDate', skewMs: 86_400_000 });
    const page = await list();
    expect(page.headers.get('pagination-count')).toBeNull();
    expect(Date.parse(page.headers.get('date')!)).toBeGreaterThan(Date.now() + 86_000_000);
    const records = await json(page);
    expect([records.length, new Set(records.map(({ secret_key: key }: any) => key))]).toEqual([
      50,
      new Set(['sk_***']),
    ]);
    await script({ kind: 'failBefore', on: 'list', status: 503 });
    expect([await statusOf(list()), await statusOf(list())]).toEqual([503, 200]);
  });
});

describe('hideKey', () => {
  it.each([
    ['absent', () => undefined],
    ['null', () => null],
    ['empty', () => ''],
    ['stars', () => 'sk_***'],
    ['tail', (key: string) => `sk_…${key.slice(-4)}`],
  ])('shows a key as %s on the requests that it is scripted for', async (as, shown) => {
    for (const on of ['get', 'list', 'rotate'] as const) {
      const view = await script({ kind: 'hideKey', on, as });
      const seen = {
        get: (await json(await get())).secret_key,
        list: (await json(await list()))[0].secret_key,
        rotate: (await json(await rotate())).secret_key,
      };
      const { secret_key: now } = await truthOf();
      await admin('DELETE', `/faults/${view}`);
      // The rotate comes last and takes effect: only its key is in force.
      expect(on === 'rotate' ? seen.rotate : seen[on]).toEqual(
        shown(on === 'rotate' ? now : (await json(await admin('GET', '/history'))).ast_1.at(-2).key),
      );
      const others = (['get', 'list', 'rotate'] as const).filter((other) => other !== on);
      for (const other of others) expect(seen[other]).toMatch(/^sk_[\w-]{43}$/);
    }
  });

  it('shows one plausible key for all, or a wrong one for each', async () => {
    const keys = async () => (await json(await list(1, 20))).map(({ secret_key: key }: any) => key);
    const truth = await keys();
    const shown = async (as: string) => {
      const id = await script({ kind: 'hideKey', as });
      const seen = await keys();
      expect([seen, (await json(await get('ast_1'))).secret_key]).toEqual([await keys(), seen[0]]);
      await admin('DELETE', `/faults/${id}`);
      return seen;
    };
    const [constant, other] = [await shown('constant'), await shown('other')];
    expect([
      new Set(constant).size,
      new Set(other).size,
      new Set([...truth, ...constant, ...other]).size,
    ]).toEqual([1, 20, 41]);
    expect([...constant, ...other].every((key) => /^sk_[\w-]{43}$/.test(key))).toBe(true);
  });

  it('hides the keys of a share of the assistants', async () => {
    await script({ kind: 'hideKey', share: 0.5 });
    await script({ kind: 'hideKey', on: 'list', assistantId: 'ast_1', as: 'stars' });
    const without = (await json(await list())).filter((record: any) => !('secret_key' in record)).length;
    expect(without).toBeGreaterThan(30);
    expect(without).toBeLessThan(70);
  });
});

describe('stale answers', () => {
  it('staleAnswer answers a rotate with an earlier record, with and without effect, once', async () => {
    const start = await truthOf();
    await script({ kind: 'staleAnswer' });
    expect(await json(await rotate())).toEqual(start);
    const second = await truthOf();
    expect(second.secret_key).not.toBe(start.secret_key);
    await script({ kind: 'staleAnswer', takesEffect: false });
    expect(await json(await rotate())).toEqual(second);
    expect(await truthOf()).toEqual(second);
    await script({ kind: 'staleAnswer', changesBack: 1 });
    expect(await json(await rotate())).toEqual(start);
    expect((await json(await rotate())).secret_key).toBe((await truthOf()).secret_key);
  });

  it('cachedRead answers a GET with a record of a fixed age, with an Age header if requested', async () => {
    const first = await json(await rotate());
    const second = await json(await rotate());
    const agedMs = 3_600_000;
    const original = (await json(await admin('GET', '/history'))).ast_1[0].key;
    const id = await script({ kind: 'cachedRead', delayMs: agedMs });
    const silent = await get();
    expect([(await json(silent)).secret_key, silent.headers.get('age')]).toEqual([original, null]);
    expect((await json(await list()))[0].secret_key).toBe(second.secret_key);
    await admin('DELETE', `/faults/${id}`);
    await script({ kind: 'cachedRead', delayMs: agedMs, ageHeader: true, bypassable: true });
    const cached = await get();
    expect([(await json(cached)).secret_key, cached.headers.get('age')]).toEqual([original, '3600']);
    const past = await call('c/assistants/ast_1', { headers: { 'cache-control': 'no-cache' } });
    expect([(await json(past)).secret_key, past.headers.get('age')]).toEqual([second.secret_key, null]);
    expect(first.secret_key).not.toBe(second.secret_key);
  });

  it('cachedRead can be frozen at the time of its scripting', async () => {
    const before = await json(await rotate());
    await script({ kind: 'cachedRead', frozen: true, ageHeader: true });
    await rotate();
    await rotate();
    const cached = await get();
    expect([(await json(cached)).secret_key, cached.headers.get('age')]).toEqual([before.secret_key, '1']);
    expect((await json(await get('ast_2'))).secret_key).toBe((await truthOf('ast_2')).secret_key);
  });
});

describe('an org behind which another one is', () => {
  it('lists the same number of strangers, answers 404 for ours, until the view ends', async () => {
    const view = await script({ kind: 'swapOrg' });
    for (const org of ['c', 'org']) {
      const strangers = await idsOfAll(org);
      expect([strangers.length, strangers.filter((id) => ours.includes(id))]).toEqual([OURS, []]);
      expect([await statusOf(get('ast_1', org)), await statusOf(rotate('ast_1', org))]).toEqual([404, 404]);
      expect((await json(await get(strangers[3]!, org))).secret_key).toBe(
        (await truthOf(strangers[3])).secret_key,
      );
      expect(await statusOf(rotate(strangers[3]!, org))).toBe(200);
    }
    expect((await list()).headers.get('pagination-count')).toBe(String(OURS));
    expect((await idsOf(list(1, 100, 'org_sub1')))[0]).toBe('stranger_org_sub1_1');
    await admin('DELETE', `/faults/${view}`);
    expect(await idsOfAll()).toEqual(ours);
    expect([await statusOf(get()), await statusOf(get('stranger_org_1'))]).toEqual([200, 404]);
  });

  it('can have another size, an overlap, and affect one org only', async () => {
    await script({ kind: 'swapOrg', orgId: 'org', size: 120, overlap: 0.3 });
    const shown = await idsOfAll();
    const shared = shown.filter((id) => ours.includes(id));
    expect([shown.length, shared.length / OURS]).toEqual([120, expect.closeTo(0.3, 1)]);
    expect([
      await statusOf(get(shared[0]!)),
      await statusOf(get(ours.find((id) => !shared.includes(id))!)),
    ]).toEqual([200, 404]);
    const { secret_key: rotated } = await json(await rotate(shared[0]!));
    expect((await truthOf(shared[0])).secret_key).toBe(rotated);
    expect((await idsOf(list(1, 100, 'org_sub1')))[0]).toBe('ast_s1_1');
  });

  it('ignoreOrg answers under any org id', async () => {
    expect([await statusOf(get('ast_1', 'nope')), await statusOf(get('ast_1', 'org_sub1'))]).toEqual([
      404, 404,
    ]);
    await script({ kind: 'ignoreOrg' });
    expect([
      await statusOf(get('ast_1', 'nope')),
      await statusOf(get('ast_1', 'org_sub1')),
      await statusOf(get('ast_s1_1', 'c')),
    ]).toEqual([200, 200, 200]);
    expect(await idsOfAll('org_sub1')).toEqual(ours);
    expect(await statusOf(get('ast_9999', 'nope'))).toBe(404);
    expect(await statusOf(call('nope/assistants/ast_1', { key: 'parent-sub1' }))).toBe(404);
    expect(await statusOf(call('nope/assistants/ast_s1_1', { key: 'parent-sub1' }))).toBe(200);
  });
});

describe('wrong lists', () => {
  it('capPages returns at most 50, whatever take says', async () => {
    const id = await script({ kind: 'capPages' });
    const page = await list(2);
    expect(['count', 'page', 'take'].map((name) => page.headers.get(`pagination-${name}`))).toEqual([
      '250',
      '2',
      '100',
    ]);
    expect(await idsOf(Promise.resolve(page))).toEqual(ours.slice(50, 100));
    expect([(await idsOf(list(5))).at(-1), await idsOf(list(6)), await idsOf(list(2, 20))]).toEqual([
      'ast_250',
      [],
      ours.slice(20, 40),
    ]);
    await admin('DELETE', `/faults/${id}`);
    await script({ kind: 'capPages', size: 30, saysSize: true });
    const said = await list();
    expect([said.headers.get('pagination-take'), await idsOf(Promise.resolve(said))]).toEqual([
      '30',
      ours.slice(0, 30),
    ]);
  });

  it('repeatPage ignores the page', async () => {
    await script({ kind: 'repeatPage' });
    expect([await idsOf(list(1)), await idsOf(list(2)), await idsOf(list(9))]).toEqual([
      ours.slice(0, 100),
      ours.slice(0, 100),
      ours.slice(0, 100),
    ]);
  });

  it.each([
    [false, 'ast_1'],
    [true, 'endless_251'],
  ])('endlessPages never ends (strangers: %j)', async (strangers, next) => {
    await script({ kind: 'endlessPages', strangers });
    const third = await idsOf(list(3));
    expect([third.length, third[49], third[50]]).toEqual([100, 'ast_250', next]);
    expect(await idsOf(list(9999))).toHaveLength(100);
  });

  it('noCount omits the count', async () => {
    await script({ kind: 'noCount' });
    const page = await list();
    expect([page.headers.has('pagination-count'), page.headers.get('pagination-page')]).toEqual([false, '1']);
  });

  it.each([
    [{ factor: 2 }, ['500', '500', '500']],
    [{ factor: 0.5 }, ['125', '125', '125']],
    [{ count: '7' }, ['7', '7', '7']],
    [{ count: 'many' }, ['many', 'many', 'many']],
    [{ spread: 1 }, ['250', '251', '249']],
  ])('lieCount returns a wrong count: %j', async (lie, expected) => {
    await script({ kind: 'lieCount', ...lie });
    expect(
      [await list(), await list(), await list()].map(({ headers }) => headers.get('pagination-count')),
    ).toEqual(expected);
  });

  it('omit hides a share: the same or others each time, counted or not', async () => {
    let id = await script({ kind: 'omit', share: 0.4 });
    const first = await idsOfAll();
    expect([first.length / OURS, await idsOfAll()]).toEqual([expect.closeTo(0.6, 1), first]);
    expect([
      (await list()).headers.get('pagination-count'),
      await statusOf(get(ours.find((one) => !first.includes(one))!)),
    ]).toEqual(['250', 200]);
    await admin('DELETE', `/faults/${id}`);
    id = await script({ kind: 'omit', share: 0.4, countsShown: true });
    expect((await list()).headers.get('pagination-count')).toBe(String(first.length));
    await admin('DELETE', `/faults/${id}`);
    await script({ kind: 'omit', share: 0.4, anew: true });
    const [one, two] = [await idsOf(list()), await idsOf(list())];
    expect(one).not.toEqual(two);
  });

  it('failPage fails one page, or all from there on', async () => {
    const id = await script({ kind: 'failPage', page: 2 });
    expect([await statusOf(list(1)), await statusOf(list(2)), await statusOf(list(3))]).toEqual([
      200, 500, 200,
    ]);
    await admin('DELETE', `/faults/${id}`);
    await script({ kind: 'failPage', page: 2, below: true, status: 404 });
    expect([await statusOf(list(1)), await statusOf(list(2)), await statusOf(list(3))]).toEqual([
      200, 404, 404,
    ]);
  });

  it('shufflePages changes the order in each request, or in each pass', async () => {
    const id = await script({ kind: 'shufflePages' });
    const [one, two] = [await idsOf(list()), await idsOf(list())];
    expect(one).not.toEqual(two);
    await admin('DELETE', `/faults/${id}`);
    await script({ kind: 'shufflePages', each: 'pass' });
    const pass = async () => [
      ...(await idsOf(list(1))),
      ...(await idsOf(list(2))),
      ...(await idsOf(list(3))),
    ];
    const [first, second] = [await pass(), await pass()];
    expect([first.toSorted(), second.toSorted()]).toEqual([ours.toSorted(), ours.toSorted()]);
    expect(first).not.toEqual(second);
  });

  it('oddIds lists unexpected ids, and duplicateIds lists some twice', async () => {
    await script({ kind: 'oddIds' });
    const page = await list();
    expect(page.headers.get('pagination-count')).toBe('250');
    const odd = (await idsOf(Promise.resolve(page))).slice(0, ODD_IDS.length);
    expect(odd).toEqual([...ODD_IDS]);
    expect([
      odd.includes('line\nbreak'),
      odd.includes('a/b'),
      odd.includes('__proto__'),
      odd.includes('lone \ud800'),
      odd.some((id) => id.length === 300),
    ]).not.toContain(false);
    expect(await statusOf(get('a/b'))).toBe(404);
    await admin('DELETE', '/faults');
    await script({ kind: 'oddIds', ids: ['x\ny'] });
    await script({ kind: 'duplicateIds', size: 2, otherKey: true });
    const records = await json(await list());
    expect(records.map(({ id }: any) => id).slice(0, 4)).toEqual(['x\ny', 'x\ny', 'ast_1', 'ast_1']);
    expect(records[2].secret_key).toBe((await truthOf()).secret_key);
    expect(records[3].secret_key).not.toBe(records[2].secret_key);
  });

  it('odd ids can also be those of real assistants', async () => {
    await admin('POST', '/assistants', { org_id: 'org', id: 'line\nbreak', at: 'start' });
    expect([
      (await idsOf(list()))[0],
      await statusOf(get('line\nbreak')),
      await statusOf(rotate('line\nbreak')),
    ]).toEqual(['line\nbreak', 200, 200]);
  });
});

describe('the encoding of bodies', () => {
  it.each(['gzip', 'br', 'deflate', 'gzip, br'])(
    'compresses any answer, even without Accept-Encoding: %s',
    async (encoding) => {
      await script({ kind: 'encode', encoding });
      for (const response of [await get(), await list()]) {
        expect(response.headers.get('content-encoding')).toBe(encoding);
        expect(await response.json()).toBeTruthy();
      }
    },
  );
});

describe('an unknown encoding', () => {
  it('makes a body unreadable', async () => {
    await script({ kind: 'encode', encoding: 'unknown' });
    const response = await get();
    const bytes = Buffer.from(await response.arrayBuffer());
    expect([response.headers.get('content-encoding'), bytes.toString().includes('ast_1')]).toEqual([
      'unknown',
      false,
    ]);
  });
});

describe('informational answers', () => {
  /** The informational statuses, then the final one: fetch hides the former. */
  const statuses = (path: string, method = 'GET') =>
    new Promise<number[]>((resolve, reject) => {
      const seen: number[] = [];
      const sent = request(`${simulator.base}/orgs/${path}`, {
        method,
        headers: { authorization: 'Bearer parent' },
      });
      const take = ({ statusCode }: { statusCode?: number | undefined }) => seen.push(statusCode!);
      sent.on('information', take);
      sent.on('response', (response) => {
        take(response);
        response.resume().on('end', () => resolve(seen));
      });
      sent.on('error', reject);
      sent.end();
    });

  it.each<[object, number[]]>([
    [{}, [100]],
    [{ status: 103 }, [103]],
    [{ both: true }, [103, 100]],
  ])('precede any answer: %j', async (more, expected) => {
    await script({ kind: 'inform', ...more });
    expect(await statuses('c/assistants/ast_1')).toEqual([...expected, 200]);
    expect(await statuses('c/assistants?take=1')).toEqual([...expected, 200]);
    expect(await statuses('c/assistants/ast_1/rotate-secret-key', 'POST')).toEqual([...expected, 200]);
    expect(await statuses('c/assistants/nobody')).toEqual([...expected, 404]);
  });

  it('do not change an outcome', async () => {
    await script({ kind: 'inform', both: true });
    await script({ kind: 'failAfter', status: 502 });
    const before = (await truthOf()).secret_key;
    expect(await statuses('c/assistants/ast_1/rotate-secret-key', 'POST')).toEqual([103, 100, 502]);
    expect((await truthOf()).secret_key).not.toBe(before);
  });
});

describe('headers', () => {
  it('skewDate shifts the date of any answer', async () => {
    await script({ kind: 'skewDate', skewMs: -3_600_000 });
    for (const response of [await get(), await rotate(), await list(), await get('nobody')]) {
      expect(Math.abs(Date.parse(response.headers.get('date')!) - (Date.now() - 3_600_000))).toBeLessThan(
        3000,
      );
    }
  });

  it('a 429 has a Retry-After of an hour, in seconds or as a date, or an absurd value', async () => {
    const refused = async (fault: object) => {
      await script({ kind: 'failBefore', on: 'any', status: 429, ...fault });
      const response = await rotate();
      return [response.status, response.headers.get('retry-after')];
    };
    expect(await refused({ retryAfter: '3600' })).toEqual([429, '3600']);
    expect(await refused({ retryAfter: '99999999999999999999' })).toEqual([429, '99999999999999999999']);
    expect(await refused({ retryAfter: '-1' })).toEqual([429, '-1']);
    await script({ kind: 'skewDate', skewMs: 60_000 });
    const [, date] = await refused({ retryAfterDateMs: 3_600_000 });
    expect(date).toMatch(/GMT$/);
    expect(Math.abs(Date.parse(String(date)) - (Date.now() + 3_660_000))).toBeLessThan(3000);
    expect(await statusOf(rotate())).toBe(200);
  });
});

describe('Fault', () => {
  it('by default applies views until they end, and outcomes once', () => {
    expect(Fault.parse({ kind: 'failBefore' })).toMatchObject({ on: 'rotate', times: 1 });
    expect(Fault.parse({ kind: 'capPages' })).toMatchObject({ on: 'list', times: 0 });
    expect(Fault.parse({ kind: 'cachedRead', times: 2 })).toMatchObject({ on: 'get', times: 2 });
  });
});

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { launchApp, type App } from '@rekey/testing';
import { drawEpisodes, episodeNames, startOddWorld, type Episode, type OddSetting } from './odd-world.ts';
import { createRandom } from './random.ts';

const setting: OddSetting = {
  orgIds: ['org_demo', 'org_demo_sub1'],
  assistantIds: ['ast_1', 'ast_2', 'ast_s1_1'],
  readLagMs: 300,
  confirmAfterMs: 2000,
};
const round = (seed: number): Episode[] => {
  const episodes = drawEpisodes(createRandom(seed), setting);
  return episodeNames.map(() => episodes.next().value);
};

let simulator: App;
beforeAll(async () => {
  simulator = await launchApp('simulator', {
    args: ['--port', '0', '--admin-port', '0', '--sub-orgs', '1', '--assistants', '5'],
  });
});
afterAll(async () => {
  await simulator.child.kill();
});
const admin = async <T>(method: string, path: string, body?: object): Promise<T> => {
  const response = await fetch(`${simulator.ready['adminAddress']}${path}`, {
    method,
    body: body ? JSON.stringify(body) : null,
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status}`);
  return (response.status === 204 ? undefined : await response.json()) as T;
};

describe('drawEpisodes', () => {
  it('draws each kind once a round, in an order that its seed decides', () => {
    const names = (seed: number) => round(seed).map(({ name }) => name);
    expect(names(1).toSorted()).toEqual(episodeNames.toSorted());
    expect(names(1)).toEqual(names(1));
    expect(names(1)).not.toEqual(names(2));
  });

  it('draws answers with records of before only when Rekey is likely to know them', () => {
    const firsts = Array.from({ length: 50 }, (_, seed) =>
      round(seed)
        .slice(0, 5)
        .map(({ name }) => name),
    ).flat();
    expect(firsts).toHaveLength(250);
    expect(firsts).not.toContain('stale answers');
  });

  it('leaves out kinds, and does not wait for them', async () => {
    const without = [...episodeNames.filter((name) => name !== 'second lost'), 'Redis killed'];
    const odd = startOddWorld({
      random: createRandom(1),
      setting,
      admin,
      pause: () => new Promise((resolve) => setImmediate(resolve)),
      inCalm: async () => {},
      without,
    });
    while (odd.progress() < 1) await new Promise((resolve) => setImmediate(resolve));
    await odd.stop();
    expect(Object.keys(odd.done())).toEqual(['second lost']);
  });

  it('draws none of those that are left out', () => {
    const episodes = drawEpisodes(createRandom(1), setting, ['long 429', 'wave of 404']);
    const drawn = new Set(Array.from({ length: 3 * episodeNames.length }, () => episodes.next().value.name));
    expect([drawn.size, drawn.has('long 429'), drawn.has('wave of 404')]).toEqual([
      episodeNames.length - 2,
      false,
      false,
    ]);
  });

  it('draws only what the simulator understands, and what is over by itself', async () => {
    const episodes = Array.from({ length: 20 }, (_, seed) => round(seed)).flat();
    for (const { faults } of episodes) for (const fault of faults) await admin('POST', '/faults', fault);
    for (const { restore } of episodes) if (restore) await admin('POST', '/restore', restore);
    const lasting = episodes.flatMap(({ faults, lastsMs }) =>
      faults.map((fault) => [(fault as { forMs?: number }).forMs, lastsMs]),
    );
    expect(lasting.filter(([forMs, lastsMs]) => forMs === undefined || forMs > lastsMs!)).toEqual([]);
    await admin('DELETE', '/faults');
  });

  it('lets what it says of a few assistants end before a second read could agree', () => {
    const brief = Array.from({ length: 20 }, (_, seed) => round(seed))
      .flat()
      .filter(({ name }) => /some|partly|wave/.test(name));
    expect(brief).toHaveLength(80);
    expect(Math.max(...brief.map(({ lastsMs }) => lastsMs))).toBeLessThan(setting.confirmAfterMs);
  });
});

describe('startOddWorld', () => {
  it('plays episodes until it is stopped, with calm between them, and leaves no fault behind', async () => {
    const active: number[] = [];
    const inCalm = async () => {
      active.push((await admin<unknown[]>('GET', '/faults')).length);
    };
    // A hundred times as fast.
    const pause = (ms: number) => new Promise<void>((resolve) => void setTimeout(resolve, ms / 100));
    const inAHurry = <T>(method: string, path: string, body?: object) =>
      admin<T>(
        method,
        path,
        body && 'forMs' in body ? { ...body, forMs: Math.ceil((body.forMs as number) / 100) } : body,
      );
    const odd = startOddWorld({
      random: createRandom(1),
      setting,
      admin: inAHurry,
      pause,
      inCalm,
      episodes: 10,
    });
    while (odd.progress() < 1) await pause(100);
    await odd.stop();
    const played = Object.values(odd.done()).reduce((sum, count) => sum + count, 0);
    expect(played).toBeGreaterThanOrEqual(10);
    expect([active.length > 3, active.every((count) => count === 0)]).toEqual([true, true]);
  });
});

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { launchApp, type App } from '@rekey/testing';
import { createRandom } from '../random.ts';
import { createAdmin, type Admin } from '../system/simulator.ts';
import { drawEpisodes, episodeNames, type Episode, type OddSetting } from './episodes.ts';
import { startOddWorld } from './odd-world.ts';

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
let admin: Admin;
beforeAll(async () => {
  simulator = await launchApp('simulator', {
    args: ['--port', '0', '--admin-port', '0', '--sub-orgs', '1', '--assistants', '5'],
  });
  admin = createAdmin(simulator);
});
afterAll(async () => {
  await simulator.child.kill();
});
describe('drawEpisodes', () => {
  it('draws each kind once a round, in an order that the seed decides', () => {
    const names = (seed: number) => round(seed).map(({ name }) => name);
    expect(names(1).toSorted()).toEqual(episodeNames.toSorted());
    expect(names(1)).toEqual(names(1));
    expect(names(1)).not.toEqual(names(2));
  });

  it('draws stale answers only when Rekey probably knows the stale keys', () => {
    const firsts = Array.from({ length: 50 }, (_, seed) =>
      round(seed)
        .slice(0, 5)
        .map(({ name }) => name),
    ).flat();
    expect(firsts).toHaveLength(250);
    expect(firsts).not.toContain('stale answers');
  });

  it('plays no kind that is left out, and does not wait for one', async () => {
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
    expect(Object.keys(odd.played())).toEqual(['second lost']);
  });

  it('draws no kind that is left out', () => {
    const episodes = drawEpisodes(createRandom(1), setting, ['long 429', 'wave of 404']);
    const drawn = new Set(Array.from({ length: 3 * episodeNames.length }, () => episodes.next().value.name));
    expect([drawn.size, drawn.has('long 429'), drawn.has('wave of 404')]).toEqual([
      episodeNames.length - 2,
      false,
      false,
    ]);
  });

  it('draws only faults that the simulator accepts, and that end by themselves', async () => {
    const episodes = Array.from({ length: 20 }, (_, seed) => round(seed)).flat();
    for (const { faults } of episodes) for (const fault of faults) await admin('POST', '/faults', fault);
    for (const { restore } of episodes) if (restore) await admin('POST', '/restore', restore);
    const lasting = episodes.flatMap(({ faults, lastsMs }) =>
      faults.map((fault) => [(fault as { forMs?: number }).forMs, lastsMs]),
    );
    expect(lasting.filter(([forMs, lastsMs]) => forMs === undefined || forMs > lastsMs!)).toEqual([]);
    await admin('DELETE', '/faults');
  });

  it('ends an episode about a few assistants before a second read could confirm it', () => {
    const brief = Array.from({ length: 20 }, (_, seed) => round(seed))
      .flat()
      .filter(({ name }) => /some|partly|wave/.test(name));
    expect(brief).toHaveLength(80);
    expect(Math.max(...brief.map(({ lastsMs }) => lastsMs))).toBeLessThan(setting.confirmAfterMs);
  });
});

describe('startOddWorld', () => {
  it('plays episodes with calm between them until it is stopped, and leaves no fault behind', async () => {
    const active: number[] = [];
    const inCalm = async () => {
      active.push((await admin<unknown[]>('GET', '/faults')).length);
    };
    // A hundred times faster than a run.
    const pause = (ms: number) => new Promise<void>((resolve) => void setTimeout(resolve, ms / 100));
    const hastyAdmin = <T>(method: string, path: string, body?: object) =>
      admin<T>(
        method,
        path,
        body && 'forMs' in body ? { ...body, forMs: Math.ceil((body.forMs as number) / 100) } : body,
      );
    const odd = startOddWorld({
      random: createRandom(1),
      setting,
      admin: hastyAdmin,
      pause,
      inCalm,
      episodes: 10,
    });
    while (odd.progress() < 1) await pause(100);
    await odd.stop();
    const played = Object.values(odd.played()).reduce((sum, count) => sum + count, 0);
    expect(played).toBeGreaterThanOrEqual(10);
    expect([active.length > 3, active.every((count) => count === 0)]).toEqual([true, true]);
  });

  it('plays an episode about a few assistants alone, long after and before any other', async () => {
    const rounds: { waitedMs: number; lengths: number[] }[] = [];
    let waitedMs = 0;
    let lengths: number[] = [];
    const odd = startOddWorld({
      random: createRandom(3),
      setting,
      admin: async <T>(_method: string, _path: string, body?: object) => {
        // A budget that is closed hides no key.
        if (body && 'forMs' in body && !('status' in body && body.status === 429))
          lengths.push(body.forMs as number);
        return undefined as T;
      },
      pause: async (ms) => {
        if (lengths.length === 0) waitedMs += ms;
        await new Promise((resolve) => setImmediate(resolve));
      },
      inCalm: async () => {
        rounds.push({ waitedMs, lengths });
        [waitedMs, lengths] = [0, []];
      },
      episodes: 60,
    });
    while (odd.progress() < 1) await new Promise((resolve) => setImmediate(resolve));
    await odd.stop();
    const isBrief = (played: { lengths: number[] }) =>
      played.lengths.some((ms) => ms < setting.confirmAfterMs);
    const briefs = rounds.filter(isBrief);
    expect(briefs.length).toBeGreaterThan(5);
    expect(briefs.filter(({ lengths: all }) => new Set(all).size > 1)).toEqual([]);
    const near = rounds.filter((one, i) => isBrief(one) || (i > 0 && isBrief(rounds[i - 1]!)));
    expect(Math.min(...near.map((one) => one.waitedMs))).toBeGreaterThan(3 * setting.confirmAfterMs);
  });
});

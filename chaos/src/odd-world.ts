import type { Random } from './random.ts';

/**
 * An Invent that is wrong, in episodes: each lasts for some seconds and then is over, so that the end is
 * judged after calm. What an episode shows is never true, but for those that change the world itself (a
 * restored backup, assistants that are deleted): these stay.
 */
export interface Episode {
  name: string;
  /** Nothing of it is left after this. */
  lastsMs: number;
  faults: object[];
  restore?: { ago_ms: number; org_id?: string; assistant_id?: string };
  /** Assistants that are deleted for good, or whose key is taken away: they stay so. */
  remove?: { assistantId: string; how: 'deleted' | 'no key' }[];
}

export interface OddSetting {
  orgIds: readonly string[];
  assistantIds: readonly string[];
  /** By how much reads may lag. */
  readLagMs: number;
  /**
   * Two reads that are this far apart and agree are believed: what is wrong with a few assistants ends
   * sooner.
   */
  confirmAfterMs: number;
}

type Make = (random: Random, setting: OddSetting) => Omit<Episode, 'name'>;

/** An episode of some seconds. */
const lasting =
  (minMs: number, maxMs: number, faults: (random: Random, setting: OddSetting) => object[]): Make =>
  (random, setting) => {
    const lastsMs = random.between(minMs, maxMs);
    return {
      lastsMs,
      faults: faults(random, setting).map((fault) => ({ times: 0, forMs: lastsMs, ...fault })),
    };
  };
/** One that is over before a second read could agree with its first. */
const brief =
  (faults: (random: Random, setting: OddSetting) => object[]): Make =>
  (random, setting) =>
    lasting(
      Math.round(setting.confirmAfterMs / 4),
      Math.round(setting.confirmAfterMs * 0.7),
      faults,
    )(random, setting);

/** One org or all of them. */
const where = (random: Random, { orgIds }: OddSetting): object =>
  random.next() < 0.5 ? {} : { orgId: random.pick(orgIds) };
const asShown = ['absent', 'null', 'empty', 'stars', 'tail'] as const;

const lists: ((random: Random) => object)[] = [
  (random) => ({ kind: 'capPages', size: random.pick([7, 10, 50]), saysSize: random.next() < 0.5 }),
  () => ({ kind: 'repeatPage' }),
  (random) => ({ kind: 'endlessPages', strangers: random.next() < 0.5 }),
  () => ({ kind: 'noCount' }),
  (random) => ({
    kind: 'lieCount',
    ...random.pick([
      { factor: 2 },
      { factor: 0.5 },
      { factor: 0 },
      { spread: 3 },
      { count: 'many' },
      { count: '-1' },
    ]),
  }),
  (random) => ({ kind: 'omit', share: 0.4, ...random.pick([{}, { anew: true }, { countsShown: true }]) }),
  (random) => ({ kind: 'failPage', page: random.between(1, 3), below: random.next() < 0.5 }),
  (random) => ({ kind: 'shufflePages', each: random.pick(['request', 'pass']) }),
  () => ({ kind: 'oddIds' }),
  (random) => ({ kind: 'duplicateIds', otherKey: random.next() < 0.5 }),
];

const kinds: Record<string, Make> = {
  'another org': lasting(2000, 6000, (random, setting) => [
    {
      kind: 'swapOrg',
      ...where(random, setting),
      ...(random.next() < 0.3 && { size: random.between(1, 400) }),
    },
  ]),
  'partly another org': brief((random, setting) => [
    { kind: 'swapOrg', ...where(random, setting), overlap: random.pick([0.1, 0.5, 0.8]) },
  ]),
  'some requests reach another org': brief((random, setting) => [
    { kind: 'swapOrg', ...where(random, setting), probability: 0.3 },
  ]),
  'keys of all hidden': lasting(2000, 6000, (random, setting) => [
    {
      kind: 'hideKey',
      ...where(random, setting),
      on: random.pick(['list', 'get', 'rotate', 'any']),
      as: random.pick(asShown),
    },
  ]),
  'keys of some hidden': brief((random) => [
    { kind: 'hideKey', share: 0.3, on: random.pick(['get', 'any']), as: random.pick(asShown) },
  ]),
  // The first such key that GET or a 200 shows cannot be told from a new one.
  'one key for all': lasting(2000, 6000, (random, setting) => [
    { kind: 'hideKey', ...where(random, setting), on: 'list', as: 'constant' },
  ]),
  'wrong keys in lists': lasting(2000, 6000, (random, setting) => [
    { kind: 'hideKey', ...where(random, setting), on: 'list', as: 'other' },
  ]),
  'backup restored': (random, { orgIds }) => ({
    lastsMs: 0,
    faults: [],
    restore: {
      ago_ms: random.between(2000, 10_000),
      ...(random.next() < 0.7 && { org_id: random.pick(orgIds) }),
    },
  }),
  'second lost': (random) => ({ lastsMs: 0, faults: [], restore: { ago_ms: random.between(100, 1000) } }),
  'one assistant restored': (random, { assistantIds }) => ({
    lastsMs: 0,
    faults: [],
    restore: { ago_ms: random.between(1000, 20_000), assistant_id: random.pick(assistantIds) },
  }),
  'stale answers': lasting(2000, 5000, (random) => [
    { kind: 'staleAnswer', probability: 0.2, changesBack: random.between(0, 2) },
    { kind: 'staleAnswer', probability: 0.1, takesEffect: false, changesBack: random.between(0, 2) },
  ]),
  'cache that says so': lasting(2000, 5000, (random) => [
    {
      kind: 'cachedRead',
      ageHeader: true,
      bypassable: random.next() < 0.5,
      ...random.pick([{ delayMs: 5000 }, { delayMs: 20_000 }, { frozen: true }]),
    },
  ]),
  'cache that does not': lasting(2000, 5000, (_random, { readLagMs }) => [
    { kind: 'cachedRead', delayMs: Math.max(readLagMs - 100, 0) },
  ]),
  'wave of 404': brief((random, setting) => [
    {
      kind: 'failBefore',
      status: 404,
      ...where(random, setting),
      on: random.pick(['get', 'rotate', 'list', 'any']),
    },
  ]),
  'wrong list': lasting(5000, 9000, (random, setting) => [
    { ...random.pick(lists)(random), ...where(random, setting) },
  ]),
  'very wrong list': lasting(5000, 9000, (random, setting) =>
    [1, 2, 3].map(() => ({ ...random.pick(lists)(random), ...where(random, setting) })),
  ),
  'endless list': lasting(5000, 9000, (random) => [
    { kind: 'noCount' },
    random.pick([
      { kind: 'repeatPage' },
      { kind: 'endlessPages' },
      { kind: 'endlessPages', strangers: true },
    ]),
  ]),
  'long 429': lasting(1000, 2000, (random) => [
    {
      kind: 'failBefore',
      status: 429,
      on: random.pick(['any', 'rotate', 'get', 'list']),
      times: 3,
      ...random.pick([
        { retryAfter: '3600' },
        { retryAfterDateMs: 3_600_000 },
        { retryAfter: '99999999999999999999' },
        { retryAfter: '-5' },
        { retryAfter: 'never' },
        { retryAfterDateMs: -3_600_000 },
      ]),
    },
  ]),
  'wire that changes answers': lasting(2000, 5000, (random) => [
    {
      kind: 'encode',
      encoding: random.pick(['gzip', 'br', 'deflate', 'gzip, br', 'unknown']),
      probability: random.pick([0.3, 1]),
    },
    {
      kind: 'inform',
      both: random.next() < 0.5,
      status: random.pick([100, 103]),
      probability: random.pick([0.3, 1]),
    },
    {
      kind: 'failBefore',
      status: random.pick([301, 302, 307, 308]),
      location: 'https://login.example/',
      on: random.pick(['any', 'rotate', 'get', 'list']),
      times: 2,
    },
  ]),
  "server's clock off": lasting(3000, 6000, (random) => [
    { kind: 'skewDate', skewMs: random.pick([-86_400_000, -60_000, 60_000, 86_400_000]) },
    { kind: 'failBefore', status: 429, on: 'any', probability: 0.02, retryAfterDateMs: 1000 },
  ]),
  'org path ignored': lasting(2000, 6000, () => [{ kind: 'ignoreOrg' }]),
  'truly removed': (random, { assistantIds }) => ({
    lastsMs: 0,
    faults: [],
    remove: Array.from({ length: Math.max(Math.floor(assistantIds.length / 500), 1) }, () => ({
      assistantId: random.pick(assistantIds),
      how: random.pick(['deleted', 'no key'] as const),
    })),
  }),
};

export const episodeNames = Object.keys(kinds);

/**
 * A key that Rekey has never read cannot be told from a new one: records of before come only when all is
 * likely to be imported.
 */
const NEEDS_EXPERIENCE = 'stale answers';
const EXPERIENCE = 5;

/** The episodes in a random order, each as often as the others; without end. */
export const drawEpisodes = function* (
  random: Random,
  setting: OddSetting,
  without: readonly string[] = [],
): Generator<Episode, never> {
  for (let drawn = 0; ;) {
    let left = episodeNames.filter((name) => !without.includes(name));
    while (left.length > 0) {
      const possible = left.filter(
        (name) => name !== NEEDS_EXPERIENCE || drawn >= EXPERIENCE || left.length === 1,
      );
      const name = random.pick(possible);
      left = left.filter((other) => other !== name);
      drawn += 1;
      yield { name, ...kinds[name]!(random, setting) };
    }
  }
};

export interface OddWorldOptions {
  random: Random;
  setting: OddSetting;
  admin: <T>(method: string, path: string, body?: object) => Promise<T>;
  pause: (ms: number) => Promise<void>;
  /** Runs while nothing is odd: nobody else may begin an episode meanwhile. */
  inCalm: () => Promise<void>;
  /** How many are enough; each kind once if it is not said. */
  episodes?: number | undefined;
  /** Kinds that are left out. */
  without?: readonly string[] | undefined;
}

export interface OddWorld {
  done(): Record<string, number>;
  /** From 0 to 1: how many of those that are enough are over. */
  progress(): number;
  /** Begins no further episode, and resolves when the last one is over. */
  stop(): Promise<void>;
}

/** Lets one episode follow the other, sometimes two at once, with calm between them. */
export const startOddWorld = ({
  random,
  setting,
  admin,
  pause,
  inCalm,
  without = [],
  episodes: enough = episodeNames.filter((name) => !without.includes(name)).length,
}: OddWorldOptions): OddWorld => {
  const done: Record<string, number> = {};
  let over = 0;
  const stopping = new AbortController();
  const episodes = drawEpisodes(random, setting, without);

  const play = async ({ name, lastsMs, faults, restore, remove = [] }: Episode): Promise<void> => {
    done[name] = (done[name] ?? 0) + 1;
    for (const fault of faults) await admin('POST', '/faults', fault);
    if (restore) await admin('POST', '/restore', restore);
    for (const { assistantId, how } of remove) {
      // It may be gone already.
      if (how === 'deleted') await admin('DELETE', `/assistants/${assistantId}`).catch(() => {});
      else await admin('PATCH', `/assistants/${assistantId}`, { secret_key: null }).catch(() => {});
    }
    await pause(lastsMs);
    over += 1;
  };
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await pause(random.between(300, 2500));
      await Promise.all(
        random.next() < 0.3
          ? [play(episodes.next().value), play(episodes.next().value)]
          : [play(episodes.next().value)],
      );
      // What was answered during the episode may still be on its way.
      await pause(random.between(300, 1000));
      await inCalm();
    }
  };
  const running = run();
  return {
    done: () => done,
    progress: () => Math.min(over / enough, 1),
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
};

import type { Random } from '../random.ts';

/**
 * A time in which Invent answers wrongly. It ends after some seconds, so that the run is judged in calm. What
 * an episode shows is false. Exceptions are the episodes that change the world itself, as a restored backup
 * or deleted assistants do: their changes stay.
 */
export interface Episode {
  name: string;
  /** No fault of the episode outlasts this. */
  lastsMs: number;
  /** It hides the keys of a few assistants while others are shown: only its end says that this was false. */
  brief?: true;
  faults: object[];
  restore?: { ago_ms: number; org_id?: string; assistant_id?: string };
  /** Assistants that are deleted, or lose their key, for good. */
  remove?: { assistantId: string; how: 'deleted' | 'no key' }[];
}

export interface OddSetting {
  orgIds: readonly string[];
  assistantIds: readonly string[];
  /** How far reads may lag. */
  readLagMs: number;
  /**
   * Rekey believes two reads that are this far apart and agree. An episode about a few assistants must
   * therefore end sooner.
   */
  confirmAfterMs: number;
}

type CreateEpisode = (random: Random, setting: OddSetting) => Omit<Episode, 'name'>;

/** An episode of some seconds. */
const lasting =
  (minMs: number, maxMs: number, faults: (random: Random, setting: OddSetting) => object[]): CreateEpisode =>
  (random, setting) => {
    const lastsMs = random.between(minMs, maxMs);
    return {
      lastsMs,
      faults: faults(random, setting).map((fault) => ({ times: 0, forMs: lastsMs, ...fault })),
    };
  };
/** An episode that ends before a second read could confirm its first. */
const brief =
  (faults: (random: Random, setting: OddSetting) => object[]): CreateEpisode =>
  (random, setting) => ({
    ...lasting(
      Math.round(setting.confirmAfterMs / 4),
      Math.round(setting.confirmAfterMs * 0.7),
      faults,
    )(random, setting),
    brief: true,
  });

/** Restricts a fault to one org, half of the time. */
const inSomeOrg = (random: Random, { orgIds }: OddSetting): object =>
  random.next() < 0.5 ? {} : { orgId: random.pick(orgIds) };
const hiddenAs = ['absent', 'null', 'empty', 'stars', 'tail'] as const;

const listFaults: ((random: Random) => object)[] = [
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

const episodes: Record<string, CreateEpisode> = {
  'another org': lasting(2000, 6000, (random, setting) => [
    {
      kind: 'swapOrg',
      ...inSomeOrg(random, setting),
      ...(random.next() < 0.3 && { size: random.between(1, 400) }),
    },
  ]),
  'partly another org': brief((random, setting) => [
    { kind: 'swapOrg', ...inSomeOrg(random, setting), overlap: random.pick([0.1, 0.5, 0.8]) },
  ]),
  'some requests reach another org': brief((random, setting) => [
    { kind: 'swapOrg', ...inSomeOrg(random, setting), probability: 0.3 },
  ]),
  'keys of all hidden': lasting(2000, 6000, (random, setting) => [
    {
      kind: 'hideKey',
      ...inSomeOrg(random, setting),
      on: random.pick(['list', 'get', 'rotate', 'any']),
      as: random.pick(hiddenAs),
    },
  ]),
  'keys of some hidden': brief((random) => [
    { kind: 'hideKey', share: 0.3, on: random.pick(['get', 'any']), as: random.pick(hiddenAs) },
  ]),
  // Only in lists: Rekey cannot tell the first such key in a GET or a 200 from a new one.
  'one key for all': lasting(2000, 6000, (random, setting) => [
    { kind: 'hideKey', ...inSomeOrg(random, setting), on: 'list', as: 'constant' },
  ]),
  'wrong keys in lists': lasting(2000, 6000, (random, setting) => [
    { kind: 'hideKey', ...inSomeOrg(random, setting), on: 'list', as: 'other' },
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
      ...inSomeOrg(random, setting),
      on: random.pick(['get', 'rotate', 'list', 'any']),
    },
  ]),
  'wrong list': lasting(5000, 9000, (random, setting) => [
    { ...random.pick(listFaults)(random), ...inSomeOrg(random, setting) },
  ]),
  'very wrong list': lasting(5000, 9000, (random, setting) =>
    [1, 2, 3].map(() => ({ ...random.pick(listFaults)(random), ...inSomeOrg(random, setting) })),
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

export const episodeNames = Object.keys(episodes);

/**
 * Rekey cannot tell a stale key that it has never read from a new one. Stale answers therefore come only
 * after some episodes, when a sweep has probably imported every assistant.
 */
const NEEDS_IMPORT = 'stale answers';
const EPISODES_UNTIL_IMPORT = 5;

/** Yields episodes without end, in rounds: a round has each kind once, in a random order. */
export const drawEpisodes = function* (
  random: Random,
  setting: OddSetting,
  without: readonly string[] = [],
): Generator<Episode, never> {
  for (let drawn = 0; ;) {
    let left = episodeNames.filter((name) => !without.includes(name));
    while (left.length > 0) {
      const possible = left.filter(
        (name) => name !== NEEDS_IMPORT || drawn >= EPISODES_UNTIL_IMPORT || left.length === 1,
      );
      const name = random.pick(possible);
      left = left.filter((other) => other !== name);
      drawn += 1;
      yield { name, ...episodes[name]!(random, setting) };
    }
  }
};

import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { openLedger } from '@rekey/ledger';
import { startRedis, type RedisServer } from '@rekey/testing';
import { asyncProperty, check } from 'fast-check';
import { sealer } from '../src/publishing/sealing-fixture.ts';
import { connectSimulated, type Patches } from '../src/shared/simulated-redis-fixture.ts';
import { Histories, type History } from './histories.ts';
import { checkPromises } from './invariants.ts';
import { BrokenPromise, CONFIRM_AFTER_MS, promises, type WorldOptions } from './terms.ts';
import { createWorld, playHistory } from './world.ts';

/**
 * How many histories each property is tried with. `REKEY_MODEL_RUNS=100000` tries more, about 100 a second.
 * With it, failures that show planted bugs are also shrunk, and printed.
 */
const RUNS = Number(process.env.REKEY_MODEL_RUNS ?? 30);
const ARE_BUGS_SHRUNK = process.env.REKEY_MODEL_RUNS !== undefined;
/** Repeats the histories of a failure, which names its seed. */
const SEED = process.env.REKEY_MODEL_SEED;
const BUG_RUNS = 5000;
const STEPS = 60;
/** The length of a shrunk history that shows a planted bug. */
const SHORT = 25;
const AN_HOUR_MS = 3_600_000;

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
  // Only the jitter of the worker is random.
  jest.spyOn(Math, 'random').mockReturnValue(0.5);
});
afterAll(async () => {
  jest.restoreAllMocks();
  await server.dispose();
});

type Options = Pick<WorldOptions, 'byHand' | 'faults' | 'odd' | 'swapped'> & {
  patches?: Patches;
  sendsTooLate?: boolean;
};

const withPlayer = async <T>(
  { patches = {}, ...options }: Options,
  use: (play: (history: History) => Promise<void>) => Promise<T>,
): Promise<T> => {
  const redis = connectSimulated(server.url, patches);
  try {
    // An org of two assistants is too small for the limit of changes: only the world of swapped keys examines
    // it.
    const ledger = openLedger(redis, {
      prefix: 'model',
      confirmAfterMs: options.swapped ? 0 : CONFIRM_AFTER_MS,
      maxChangedPercent: options.swapped ? 25 : 100,
    });
    return await use(async (history) => {
      const world = createWorld({ redis, ledger, sealer, ...options });
      await playHistory(world, history);
      await checkPromises(world);
    });
  } finally {
    redis.disconnect();
  }
};

interface Exploration {
  numRuns: number;
  seed?: number | string | undefined;
  skipped?: number | undefined;
  isShrunk?: boolean;
}

const explore = (options: Options, { numRuns, seed, skipped, isShrunk = true }: Exploration) =>
  withPlayer(options, async (play) =>
    check(asyncProperty(new Histories(STEPS), play), {
      numRuns,
      endOnFailure: !isShrunk,
      ...(seed !== undefined && { seed: Number(seed) }),
      ...(skipped !== undefined && { path: String(skipped) }),
    }),
  );

describe('the protocol', () => {
  it.each<[string, Options, number]>([
    ['under all faults, with manual rotations and sweeps', { byHand: true, faults: true }, RUNS],
    ['under all faults, without manual rotations and sweeps', { byHand: false, faults: true }, RUNS],
    [
      'with restored backups, outdated answers, and wrong reads for a while',
      { byHand: true, faults: true, odd: true },
      RUNS,
    ],
    ['with the API key of another org for a while', { byHand: true, faults: true, swapped: true }, RUNS],
    [
      'without faults, at one POST a rotation and no reads',
      { byHand: true, faults: false },
      Math.ceil(RUNS / 3),
    ],
  ])(
    'keeps its promises: %s',
    async (_name, options, runs) => {
      const found = await explore(options, { numRuns: runs, seed: SEED });
      if (found.failed)
        throw new Error(`seed ${found.seed}, path ${found.counterexamplePath}`, {
          cause: found.errorInstance,
        });
      expect(found.numRuns).toBe(runs);
    },
    AN_HOUR_MS,
  );
});

/** A planted bug, in the text of a command or in the client. */
interface Bug extends Options {
  /** A seed whose histories find it soon. Others find it too. */
  seed: number;
  /** How many of its histories are left out: a rare one is not waited for. */
  skipped?: number;
  /** One of these promises is broken. */
  broken: string[];
}

const rotationsAlone: Options = { byHand: false, faults: true };
const everything: Options = { byHand: true, faults: true };
const bugs: [string, Bug][] = [
  [
    'the open intent of a worker that died is ignored',
    {
      ...rotationsAlone,
      seed: 8,
      broken: [promises.onePost],
      patches: { claim: [['if holder == id then\n  local lands_ms', 'if false then\n  local lands_ms']] },
    },
  ],
  [
    'the open intent of another rotation is ignored',
    {
      ...rotationsAlone,
      seed: 2,
      broken: [promises.onePost, promises.frugal, promises.rest],
      patches: { claim: [['if holder and holder ~= id then', 'if false then']] },
    },
  ],
  [
    'a read that shows no change is trusted before the landing window has passed',
    {
      ...rotationsAlone,
      seed: 5,
      broken: [promises.onePost],
      patches: { claim: [['int(lands_ms - now_ms)', `'0'`]] },
    },
  ],
  [
    'a rotation whose key is found ends before the landing window has passed',
    {
      ...everything,
      seed: 6,
      skipped: 1875,
      broken: [promises.onePost],
      patches: {
        commit: [
          [`if becomes == 'satisfied' then`, 'if false then'],
          [`elseif becomes == 'ends' then`, `elseif becomes == 'ends' or becomes == 'satisfied' then`],
        ],
      },
    },
  ],
  [
    'a POST leaves however old it is',
    { ...rotationsAlone, seed: 4, broken: [promises.onePost], sendsTooLate: true },
  ],
  [
    'a release closes the intent of another claim',
    {
      ...rotationsAlone,
      seed: 82,
      broken: [promises.onePost],
      patches: { release: [['if holder ~= id or held_epoch ~= epoch then', 'if holder ~= id then']] },
    },
  ],
  [
    'a late 200 is published below a newer version',
    {
      ...rotationsAlone,
      seed: 21,
      broken: [promises.rising],
      patches: {
        commit: [
          [
            'if not is_entitled(version, held) or epoch < published then',
            'if not is_entitled(version, held) then',
          ],
        ],
      },
    },
  ],
  [
    'a read that may lag behind is trusted at once',
    {
      ...everything,
      seed: 62,
      broken: [promises.newer, promises.rest],
      patches: { commit: [['if doubted > 0 then', 'if false then']] },
    },
  ],
  [
    'a commit leaves the uncertainty notice',
    {
      ...rotationsAlone,
      seed: 1,
      broken: [promises.certain],
      patches: { commit: [[`write('HDEL', PREFIX .. ':uncertain',`, `tostring(PREFIX,`]] },
    },
  ],
];

const oddWorld: Options = { byHand: true, faults: true, odd: true };
bugs.push(
  [
    'any number of assistants may be published as deleted',
    {
      byHand: true,
      faults: true,
      swapped: true,
      seed: 49,
      broken: [promises.braked],
      patches: {
        commit: [
          ['  if changed <= limit then\n', '  if true then return nil end\n  if changed <= limit then\n'],
        ],
      },
    },
  ],
  [
    'one read that shows an older key is trusted',
    {
      ...oddWorld,
      seed: 15,
      broken: [promises.newer, promises.inForce, promises.rest, promises.ended, promises.sound],
      patches: { commit: [['if count < READS_FOR_ROLLBACK then', 'if false then']] },
    },
  ],
  [
    'an older key is never published as in force again',
    {
      ...oddWorld,
      seed: 8,
      broken: [promises.inForce, promises.rest, promises.certain, promises.ended],
      patches: { commit: [['if count < READS_FOR_ROLLBACK then', 'if true then']] },
    },
  ],
  [
    'a key that was made before the request satisfies it',
    {
      ...everything,
      seed: 1,
      broken: [promises.ended],
      patches: { claim: [['verified > asked and', 'true and']] },
    },
  ],
  [
    'a 200 is trusted whatever key it holds',
    {
      ...oddWorld,
      seed: 1,
      broken: [promises.newer, promises.inForce, promises.ended],
      patches: { commit: [['refusal, response = judge_post(version, held, published)', '']] },
    },
  ],
);

describe('the model finds that', () => {
  it.each(bugs)(
    '%s',
    async (name, { broken, seed, skipped, ...options }) => {
      const found = await explore(options, {
        numRuns: BUG_RUNS,
        seed: SEED ?? seed,
        skipped: SEED === undefined ? skipped : undefined,
        isShrunk: ARE_BUGS_SHRUNK,
      });
      const error = found.errorInstance as BrokenPromise;
      expect(error).toBeInstanceOf(BrokenPromise);
      expect(broken).toContain(error.promise);
      if (!ARE_BUGS_SHRUNK) return;
      const taken = found.counterexample?.[0].taken.length;
      process.stderr.write(`${name}: run ${found.numRuns}, shrunk to ${taken} steps\n${error.message}\n\n`);
      expect(taken).toBeLessThanOrEqual(SHORT);
    },
    AN_HOUR_MS,
  );
});

/** The model found this in one of thousands of histories. */
describe('a manual key made while an earlier 200 waited for its commit', () => {
  const script = [
    'a rotation of a is requested under org',
    'rot_1 is delivered to w1',
    'w1: claim rot_1 a',
    'w1: its POST of rot_1 leaves',
    'w1: its POST of rot_1 lands, and is answered',
    'upstream: a is rotated by hand',
    'pass 1',
    'a rotation of a is requested under org',
    'pass 400',
    'w1: commit rot_1 a a-1 rotation ends',
    'rot_2 is delivered to w1',
    'w1: claim rot_2 a',
    'w1: its POST of rot_2 leaves',
    'w1: its POST of rot_2 is lost for good',
  ];
  const fromTheCommit: Patches = { commit: [[`or int(intent)`, `or int(now_ms)`]] };

  it('is not attributed to the next rotation', async () => {
    const history: History = { choices: [], script, taken: [] };
    await withPlayer(everything, (play) => play(history));
    expect(history.taken).toEqual(script);
  });

  it('would be, if the key counted as known from its commit instead of its intent', async () => {
    const played = withPlayer({ ...everything, patches: fromTheCommit }, (play) =>
      play({ choices: [], script, taken: [] }),
    );
    await expect(played).rejects.toMatchObject({ promise: promises.ended });
  });
});

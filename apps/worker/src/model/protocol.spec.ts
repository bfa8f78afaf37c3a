import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { createLedger } from '@rekey/ledger';
import { startRedis, type RedisServer } from '@rekey/testing';
import { asyncProperty, check } from 'fast-check';
import { sealer } from '../sealing-fixture.ts';
import { Histories, type History } from './histories.ts';
import { checkPromises } from './invariants.ts';
import { connectSimulated, type Patches } from './simulated-redis.ts';
import { BrokenPromise, World, promises, type WorldOptions } from './world.ts';

/** How many histories each property is tried with. More by hand: `REKEY_MODEL_RUNS=100000`, about 100 in a second. It then also prints what it finds. */
const RUNS = Number(process.env.REKEY_MODEL_RUNS ?? 300);
/** To see the same histories again; a failure names it. */
const SEED = process.env.REKEY_MODEL_SEED;
const BUG_RUNS = 5000;
const STEPS = 60;
/** Of a history that shows a planted bug, once it has been shrunk. */
const SHORT = 25;
const AN_HOUR_MS = 3_600_000;

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
  // All that is left to chance in the worker is its jitter.
  jest.spyOn(Math, 'random').mockReturnValue(0.5);
});
afterAll(async () => {
  jest.restoreAllMocks();
  await server.dispose();
});

type Options = Pick<WorldOptions, 'byHand' | 'faults'> & { patches?: Patches; sendsTooLate?: boolean };

const withPlayer = async <T>({ patches = {}, ...options }: Options, use: (play: (history: History) => Promise<void>) => Promise<T>): Promise<T> => {
  const redis = connectSimulated(server.url, patches);
  try {
    const ledger = createLedger({ redis, prefix: 'model' });
    return await use(async (history) => {
      const world = new World({ redis, ledger, sealer, ...options });
      await world.play(history);
      await checkPromises(world);
    });
  } finally {
    redis.disconnect();
  }
};

const explore = (options: Options, numRuns: number, seed: number | string | undefined) =>
  withPlayer(options, async (play) => check(asyncProperty(new Histories(STEPS), play), { numRuns, ...(seed !== undefined && { seed: Number(seed) }) }));

describe('the protocol', () => {
  it.each<[string, Options, number]>([
    ['whatever goes wrong, and whoever rotates by hand, with sweeps', { byHand: true, faults: true }, RUNS],
    ['whatever goes wrong, without any sweep where nobody rotates by hand', { byHand: false, faults: true }, RUNS],
    ['at one POST a rotation and no reads, where nothing goes wrong', { byHand: true, faults: false }, Math.ceil(RUNS / 3)],
  ])(
    'keeps its promises: %s',
    async (_name, options, runs) => {
      const found = await explore(options, runs, SEED);
      if (found.failed) throw new Error(`seed ${found.seed}, path ${found.counterexamplePath}`, { cause: found.errorInstance });
      expect(found.numRuns).toBe(runs);
    },
    AN_HOUR_MS,
  );
});

/** What is broken on purpose: in the text of a command, or in the client. */
interface Bug extends Options {
  /** Of histories among which it is found soon; others find it too. */
  seed: number;
  /** Any of these is seen to be broken. */
  broken: string[];
}

const rotationsAlone: Options = { byHand: false, faults: true };
const everything: Options = { byHand: true, faults: true };
const bugs: [string, Bug][] = [
  [
    'the open intent of a worker that died counts as none',
    { ...rotationsAlone, seed: 3, broken: [promises.onePost], patches: { claim: [['if holder == id then\n  local lands', 'if false then\n  local lands']] } },
  ],
  ['the open intent of another rotation counts as none', { ...rotationsAlone, seed: 2, broken: [promises.onePost, promises.frugal, promises.rest], patches: { claim: [['if holder and holder ~= id then', 'if false then']] } }],
  ['a read that shows no change is believed before the landing window has passed', { ...rotationsAlone, seed: 5, broken: [promises.onePost], patches: { claim: [['int(lands - now_ms)', `'0'`]] } }],
  ['a rotation whose key is found ends before the landing window has passed', {
    ...everything, seed: 6, broken: [promises.onePost],
    patches: { commit: [[`if becomes == 'satisfied' then`, 'if false then'], [`elseif becomes == 'ends' then`, `elseif becomes == 'ends' or becomes == 'satisfied' then`]] },
  }],
  ['a POST leaves however old it is', { ...rotationsAlone, seed: 4, broken: [promises.onePost], sendsTooLate: true }],
  ['a release closes an intent that is another claim’s', { ...rotationsAlone, seed: 1, broken: [promises.onePost], patches: { release: [['if held[1] ~= id or held[2] ~= epoch then', 'if held[1] ~= id then']] } }],
  ['a 200 that comes late is published below a newer version', { ...rotationsAlone, seed: 2, broken: [promises.rising], patches: { commit: [['if not entitled or version < published then', 'if not entitled then']] } }],
  ['a read that may lag behind is believed at once', { ...everything, seed: 38, broken: [promises.newer, promises.rest], patches: { commit: [['if doubted > 0 then', 'if false then']] } }],
  ['any change satisfies a rotation, however long ago the key before it was seen', { ...everything, seed: 1, broken: [promises.ended], patches: { claim: [[`and int(intent_ms - verified) or ''`, `and '0' or ''`]] } }],
  ['a commit leaves the note that the key is uncertain', { ...rotationsAlone, seed: 1, broken: [promises.certain], patches: { commit: [[`redis.call('HDEL', PREFIX .. ':uncertain', ARGV[13])`, '']] } }],
];

describe('the model finds that', () => {
  it.each(bugs)(
    '%s',
    async (name, { broken, seed, ...options }) => {
      const found = await explore(options, BUG_RUNS, SEED ?? seed);
      const error = found.errorInstance as BrokenPromise;
      const taken = found.counterexample?.[0].taken.length;
      if (process.env.REKEY_MODEL_RUNS !== undefined) process.stderr.write(`${name}: run ${found.numRuns}, shrunk to ${taken} steps\n${error?.message}\n\n`);
      expect(error).toBeInstanceOf(BrokenPromise);
      expect(broken).toContain(error.promise);
      expect(taken).toBeLessThanOrEqual(SHORT);
    },
    AN_HOUR_MS,
  );
});

/** Found by the model, in one of thousands of histories, and kept. */
describe('a key that was made by hand while the 200 before it waited to be committed', () => {
  const script = [
    'a rotation of a is asked for under org',
    'rot_1 is delivered to w1',
    'w1: claim rot_1 a',
    'w1: its POST of rot_1 leaves',
    'w1: its POST of rot_1 lands, and is answered',
    'upstream: somebody rotates a by hand',
    'pass 400',
    'w1: commit rot_1 a a-1 rotation ends',
    'a rotation of a is asked for under org',
    'rot_2 is delivered to w1',
    'w1: claim rot_2 a',
    'w1: its POST of rot_2 leaves',
    'w1: its POST of rot_2 is lost for good',
  ];
  const fromTheCommit: Patches = { commit: [[`ARGV[14] == '' and int(tonumber(held[11]) or 0)`, `ARGV[14] == '' and int(now_ms)`]] };

  it('is not what the next rotation is said to have made', async () => {
    const history: History = { choices: [], script, taken: [] };
    await withPlayer(everything, (play) => play(history));
    expect(history.taken).toEqual(script);
  });

  it('would be, if the key counted as known from the commit and not from the intent', async () => {
    const played = withPlayer({ ...everything, patches: fromTheCommit }, (play) => play({ choices: [], script, taken: [] }));
    await expect(played).rejects.toMatchObject({ promise: promises.ended });
  });
});

import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { createLedger } from '@rekey/ledger';
import { createSealer } from '@rekey/sealing';
import { startRedis, type RedisServer } from '@rekey/testing';
import { asyncProperty, check } from 'fast-check';
import { Histories } from './histories.ts';
import { checkPromises } from './invariants.ts';
import { connectSimulated, type Patches } from './simulated-redis.ts';
import { BrokenPromise, World, promises, type WorldOptions } from './world.ts';

/** How many histories each property is tried with. More by hand: `REKEY_MODEL_RUNS=100000`, about 100 in a second. It then also prints what it finds. */
const RUNS = Number(process.env.REKEY_MODEL_RUNS ?? 300);
/** To see the same histories again; a failure names it. */
const SEED = process.env.REKEY_MODEL_SEED;
/** Bugs are looked for in the same histories each time, so that finding them takes about the same time. */
const BUG_SEED = 3;
const BUG_RUNS = 5000;
const STEPS = 60;
/** Of a history that shows a planted bug, once it has been shrunk. */
const SHORT = 25;
const AN_HOUR_MS = 3_600_000;

const bytes = (byte: number) => new Uint8Array(32).fill(byte);
const sealer = createSealer({ sealing: { kid: 'sealing', bytes: bytes(1) }, fingerprinting: { kid: 'printing', bytes: bytes(2) }, exposed: false });

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

const explore = async ({ patches = {}, ...options }: Options, runs: number, seed: number | string | undefined) => {
  const redis = connectSimulated(server.url, patches);
  try {
    const ledger = createLedger({ redis, prefix: 'model' });
    const holds = asyncProperty(new Histories(STEPS), async (history) => {
      const world = new World({ redis, ledger, sealer, ...options });
      await world.play(history);
      await checkPromises(world);
    });
    return await check(holds, { numRuns: runs, ...(seed !== undefined && { seed: Number(seed) }) });
  } finally {
    redis.disconnect();
  }
};

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
  /** Any of these is seen to be broken. */
  broken: string[];
}

const rotationsAlone: Options = { byHand: false, faults: true };
const everything: Options = { byHand: true, faults: true };
const bugs: [string, Bug][] = [
  [
    'the open intent of a worker that died counts as none',
    { ...rotationsAlone, broken: [promises.onePost], patches: { claim: [['if holder == id then\n  local lands', 'if false then\n  local lands']] } },
  ],
  ['the open intent of another rotation counts as none', { ...rotationsAlone, broken: [promises.onePost, promises.frugal], patches: { claim: [['if holder and holder ~= id then', 'if false then']] } }],
  ['a read that shows no change is believed before the landing window has passed', { ...rotationsAlone, broken: [promises.onePost], patches: { claim: [['int(lands - now_ms)', `'0'`]] } }],
  ['a rotation whose key is found ends before the landing window has passed', {
    ...everything, broken: [promises.onePost],
    patches: { commit: [[`if becomes == 'satisfied' then`, 'if false then'], [`elseif becomes == 'ends' then`, `elseif becomes == 'ends' or becomes == 'satisfied' then`]] },
  }],
  ['a POST leaves however old it is', { ...rotationsAlone, broken: [promises.onePost], sendsTooLate: true }],
  ['a release closes an intent that is another claim’s', { ...rotationsAlone, broken: [promises.onePost], patches: { release: [['if held[1] ~= id or held[2] ~= epoch then', 'if held[1] ~= id then']] } }],
  ['a 200 that comes late is published below a newer version', { ...rotationsAlone, broken: [promises.rising], patches: { commit: [['if not entitled or version < published then', 'if not entitled then']] } }],
  ['a read that may lag behind is believed at once', { ...everything, broken: [promises.newer, promises.rest], patches: { commit: [['if doubted > 0 then', 'if false then']] } }],
  ['any change satisfies a rotation, however long ago the key before it was seen', { ...everything, broken: [promises.ended], patches: { claim: [[`and int(intent_ms - verified) or ''`, `and '0' or ''`]] } }],
  ['a commit leaves the note that the key is uncertain', { ...rotationsAlone, broken: [promises.certain], patches: { commit: [[`redis.call('HDEL', PREFIX .. ':uncertain', ARGV[13])`, '']] } }],
];

describe('the model finds that', () => {
  it.each(bugs)(
    '%s',
    async (name, { broken, ...options }) => {
      const found = await explore(options, BUG_RUNS, SEED ?? BUG_SEED);
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

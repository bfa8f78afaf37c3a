import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { createLedger } from '@rekey/ledger';
import { createSealer } from '@rekey/sealing';
import { startRedis, type RedisServer } from '@rekey/testing';
import fc from 'fast-check';
import { checkPromises } from './invariants.ts';
import { connectSimulated, type Patches } from './simulated-redis.ts';
import { BrokenPromise, World, promises, type WorldOptions } from './world.ts';

/** How many histories each property is tried with: more by hand, for an hour or a night. */
const RUNS = Number(process.env.REKEY_MODEL_RUNS ?? 300);
const SEED = process.env.REKEY_MODEL_SEED;
const RUNS_TO_FIND = 2000;
const MAX_CHOICES = 60;

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

const explore = async ({ patches = {}, ...options }: Options, runs: number) => {
  const redis = connectSimulated(server.url, patches);
  try {
    const ledger = createLedger({ redis, prefix: 'model' });
    const choices = fc.array(fc.nat(255), { maxLength: MAX_CHOICES, size: 'max' });
    const holds = fc.asyncProperty(choices, async (chosen) => {
      const world = new World({ redis, ledger, sealer, ...options });
      await world.play(chosen);
      await checkPromises(world);
    });
    return await fc.check(holds, { numRuns: runs, ...(SEED !== undefined && { seed: Number(SEED) }) });
  } finally {
    redis.disconnect();
  }
};

describe('the protocol', () => {
  it.each<[string, Options]>([
    ['whatever goes wrong, and whoever rotates by hand, with sweeps', { byHand: true, faults: true }],
    ['whatever goes wrong, without any sweep', { byHand: false, faults: true }],
    ['at one POST a rotation and no reads where nothing goes wrong', { byHand: true, faults: false }],
  ])('keeps its promises: %s', async (_name, options) => {
    const found = await explore(options, RUNS);
    if (found.failed) throw new Error(`seed ${found.seed}, path ${found.counterexamplePath}, choices ${JSON.stringify(found.counterexample)}\n${(found.errorInstance as Error)?.stack}`);
    expect(found.numRuns).toBe(RUNS);
  }, 3_600_000);
});

interface Bug extends Options {
  broken: string;
}

const everything: Options = { byHand: true, faults: true };
const bugs: [string, Bug][] = [
  [
    'the open intent of a worker that died counts as none',
    { ...everything, broken: promises.onePost, patches: { claim: [['if holder == id then\n  local lands', 'if false then\n  local lands']] } },
  ],
  ['the open intent of another rotation counts as none', { ...everything, broken: promises.onePost, patches: { claim: [['if holder and holder ~= id then', 'if false then']] } }],
  ['a read that shows no change is believed before the landing window has passed', { ...everything, broken: promises.onePost, patches: { claim: [['int(lands - now_ms)', `'0'`]] } }],
  ['a rotation whose key is found ends before the landing window has passed', {
    ...everything, broken: promises.onePost,
    patches: { commit: [[`if becomes == 'satisfied' then`, 'if false then'], [`elseif becomes == 'ends' then`, `elseif becomes == 'ends' or becomes == 'satisfied' then`]] },
  }],
  ['a POST leaves however old it is', { ...everything, broken: promises.onePost, sendsTooLate: true }],
  ['a release closes an intent that is another claim’s', { ...everything, broken: promises.onePost, patches: { release: [['if held[1] ~= id or held[2] ~= epoch then', 'if held[1] ~= id then']] } }],
  ['a 200 that comes late is published below a newer version', { ...everything, broken: promises.rising, patches: { commit: [['if not entitled or version < published then', 'if not entitled then']] } }],
  ['a read that may lag behind is believed at once', { ...everything, broken: promises.newer, patches: { commit: [['if doubted > 0 then', 'if false then']] } }],
  ['any change satisfies a rotation, however long ago the key before it was seen', { ...everything, broken: promises.ended, patches: { claim: [[`and int(intent_ms - verified) or ''`, `and '0' or ''`]] } }],
  ['a commit leaves the note that the key is uncertain', { ...everything, broken: promises.certain, patches: { commit: [[`redis.call('HDEL', PREFIX .. ':uncertain', ARGV[13])`, '']] } }],
];

describe('the model finds', () => {
  it.each(bugs)('%s', async (_name, { broken, ...options }) => {
    const found = await explore(options, RUNS_TO_FIND);
    const error = found.errorInstance as BrokenPromise;
    if (process.env.REKEY_MODEL_RUNS !== undefined) process.stderr.write(`${_name}: ${found.numRuns} runs, ${found.numShrinks} shrinks, ${found.counterexample?.[0].length} choices\n${error?.message}\n`);
    expect(error).toBeInstanceOf(BrokenPromise);
    expect(error.promise).toBe(broken);
  }, 3_600_000);
});

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startRedis, type RedisServer } from '@rekey/testing';
import { array, assert, asyncProperty, boolean, constantFrom, nat, option, record } from 'fast-check';
import { accept, claimOf, codeOf, ledger, readKey, redis } from '../../ledger-fixture.ts';
import type { Claim } from '../../rotations/claim.ts';
import {
  LEASE_MS,
  NO_FINDINGS,
  allProblems,
  bulks,
  claimRange,
  draw,
  failWith,
  loseIt,
  makeBulk,
  namesOf,
  openSpecBulks,
  pass,
  returnToBulk,
  startAnew,
  statesOf,
  succeed,
  work,
} from '../bulk-fixture.ts';
import type { BulkRange } from './bulk-work.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
  openSpecBulks(server.url);
});
afterAll(async () => {
  redis.disconnect();
  await server.dispose();
});

const ASSISTANTS = 30;
const MAX_OPEN = 8;
const WORKERS = ['w1', 'w2'];
/** Higher values find more. */
const RUNS = Number(process.env['MODEL_RUNS'] ?? 8);
const STEPS = Number(process.env['MODEL_STEPS'] ?? 140);

/** A range that a worker has drawn. */
interface Drawn {
  token: string;
  range: BulkRange;
}
/**
 * A rotation that has not ended: at its request, of unknown outcome, or QUEUED. `of` is its place in a bulk.
 */
interface Running {
  claim: Claim;
  at: 'request' | 'unknown' | 'queue';
  of?: string;
}

const pick = <T>(from: T[], by: number): T | undefined => from[by % Math.max(from.length, 1)];

/**
 * Two bulks, of which the second has a third of the first one's assistants, and all that workers and
 * operators do with them.
 */
class World {
  readonly made: string[];
  readonly ranges: Drawn[] = [];
  running: Running[] = [];
  /** How often each place was begun, less how often it was returned or retried. */
  readonly begun = new Map<string, number>();

  constructor(made: string[]) {
    this.made = made;
  }

  count(place: string, by: number): void {
    this.begun.set(place, (this.begun.get(place) ?? 0) + by);
  }
  end(one: Running): void {
    this.running = this.running.filter((other) => other !== one);
  }
  at(...states: Running['at'][]): Running[] {
    return this.running.filter((one) => states.includes(one.at));
  }

  async claimAgain(one: Running): Promise<string> {
    const result = await claimOf({ id: one.claim.rotationId, ...one.claim }, { maxOpenIntents: MAX_OPEN });
    if (result.kind === 'ended' || result.kind === 'missing') this.end(one);
    if (result.kind === 'claimed') Object.assign(one, { claim: result.claim, at: 'request' });
    if (result.kind === 'resumed') Object.assign(one, { claim: result.claim, at: 'unknown' });
    return result.kind;
  }

  async claimSome(drawn: Drawn, most: number): Promise<void> {
    const range = { ...drawn.range, waiting: drawn.range.waiting.splice(0, most) };
    const result = await claimRange(range, { maxOpenIntents: MAX_OPEN });
    for (const [i, item] of (result.kind === 'claimed' ? result.items : []).entries()) {
      if (item.kind !== 'claimed') continue;
      const of = `${range.bulkId}:${range.waiting[i]!.index}`;
      this.running.push({ claim: item.claim, at: 'request', of });
      this.count(of, 1);
    }
  }

  async dropRange(drawn: Drawn): Promise<void> {
    this.ranges.splice(this.ranges.indexOf(drawn), 1);
    await work.dropRange(drawn.range, drawn.token);
  }

  async drawOne(token: string, size: number): Promise<string> {
    const got = await draw({ token, size, maxOpenIntents: MAX_OPEN });
    if (got.kind === 'mended' || got.kind === 'damaged') throw new Error(`a sound bulk is ${got.kind}`);
    if (got.kind === 'range') this.ranges.push({ token, range: got.range });
    if (got.kind === 'verify') await work.saveVerification(got.bulkId, token, NO_FINDINGS, true);
    return got.kind;
  }

  async retry(id: string): Promise<void> {
    const { state } = await bulks.get(id);
    const letters = await statesOf(id);
    if (state !== 'COMPLETED') return void (await codeOf(bulks.retry(id)));
    await bulks.retry(id);
    for (const [index, letter] of [...letters].entries())
      if (/[A-Z]/.test(letter)) this.count(`${id}:${index}`, -1);
  }

  async rotateSingly(assistantId: string): Promise<void> {
    const { id: rotationId, orgId } = await accept({ assistantId });
    // It may be a rotation that waits already, also of a bulk.
    if (this.running.some(({ claim }) => claim.rotationId === rotationId)) return;
    const claim: Claim = {
      rotationId,
      orgId,
      assistantId,
      epoch: 0,
      atMs: 0,
      attempts: 0,
      startedMs: 0,
      unknownsInARow: 0,
      doubted: false,
      uncertain: false,
      fresh: false,
    };
    this.running.push({ claim, at: 'queue' });
  }

  async readBack(one: Running, by: number): Promise<void> {
    if ((await this.claimAgain(one)) !== 'resumed') return;
    const { claim } = one;
    if (by % 4 === 0) {
      await ledger.rotations.release(claim);
      one.at = 'queue';
      return;
    }
    const found = readKey(`${claim.epoch % 100_000}r${claim.assistantId}`, claim, { rotation: 'ends' });
    await (by % 4 === 1 ? failWith(claim, 'NO_SECRET_KEY') : ledger.assistants.commit(claim, found));
    this.end(one);
  }

  private async isAtRest(): Promise<boolean> {
    const states = await Promise.all(this.made.map(async (id) => (await bulks.get(id)).state));
    return (
      this.running.length === 0 && states.every((state) => state === 'COMPLETED' || state === 'CANCELLED')
    );
  }

  /** Works until all has ended. */
  async toRest(): Promise<void> {
    for (let turn = 0; turn < 200; turn += 1) {
      if (await this.isAtRest()) return;
      await pass(LEASE_MS);
      for (const id of this.made) await codeOf(bulks.resume(id));
      for (const one of this.running) {
        if (one.at === 'request') await succeed(one.claim).then(() => this.end(one));
        else if (one.at === 'unknown') await this.readBack(one, 3);
        else if ((await this.claimAgain(one)) === 'claimed')
          await succeed(one.claim).then(() => this.end(one));
      }
      while (this.ranges.length > 0) await this.dropRange(this.ranges[0]!);
      await this.drawOne('w1', 10);
      for (const drawn of this.ranges) await this.claimSome(drawn, MAX_OPEN);
    }
    const running = this.running.map(({ at, of }) => [at, of]);
    const left = await Promise.all(this.made.map(async (id) => [await bulks.get(id), await statesOf(id)]));
    throw new Error(`it does not end: ${JSON.stringify([running, left])}`);
  }
}

const createWorld = async (
  canary: { count: number; continues: boolean } | undefined,
  maxFailures: number,
): Promise<World> => {
  await startAnew();
  const limit = { maxFailures: { count: maxFailures } };
  const first = await makeBulk(ASSISTANTS, { ...limit, ...(canary && { canary }) });
  const second = await makeBulk(namesOf(ASSISTANTS / 3), { urgent: true, ...limit });
  return new World([first.id, second.id]);
};

type Steps = Record<string, (world: World, by: number) => Promise<unknown>>;

const workerSteps: Steps = {
  draw: (world, by) => world.drawOne(WORKERS[by % 2]!, 1 + (by % 6)),
  'claim some': async (world, by) => {
    if (world.ranges.length === 0) await world.drawOne(WORKERS[by % 2]!, 1 + (by % 6));
    const waiting = world.ranges.filter(({ range }) => range.waiting.length > 0);
    const drawn = pick(waiting, by);
    if (drawn) await world.claimSome(drawn, 1 + (by % 8));
  },
  'end a draw': async (world, by) => world.ranges.length > 0 && world.dropRange(pick(world.ranges, by)!),
  'a worker dies': async (world, by) => {
    const token = WORKERS[by % 2];
    for (const drawn of world.ranges.filter((one) => one.token === token))
      world.ranges.splice(world.ranges.indexOf(drawn), 1);
    await pass(LEASE_MS);
    const one = pick(world.at('request'), by);
    if (one) await world.claimAgain(one);
  },
  'a lease lapses': () => pass(LEASE_MS),
};

const outcomeSteps: Steps = {
  succeed: async (world, by) => {
    const one = pick(world.at('request', 'unknown'), by);
    if (!one) return;
    // A response that was counted as lost may arrive late.
    if ((await succeed(one.claim)).kind === 'committed') world.end(one);
  },
  'answer all': async (world, by) => {
    for (const [i, one] of world.at('request').entries()) {
      const done =
        (by + i) % 5 === 0 ? await failWith(one.claim) : (await succeed(one.claim)).kind === 'committed';
      if (done) world.end(one);
    }
  },
  fail: async (world, by) => {
    const one = pick(world.at('request'), by);
    if (one && (await failWith(one.claim, by % 2 ? 'UPSTREAM_FORBIDDEN' : 'UPSTREAM_RATE_LIMITED')))
      world.end(one);
  },
  'lose an answer': async (world, by) => {
    const one = pick(world.at('request', 'unknown'), by);
    if (one && (await loseIt(one.claim, by % 3 ? undefined : 'UPSTREAM_UNREACHABLE'))) one.at = 'unknown';
  },
  'read back': async (world, by) => {
    const one = pick(world.at('unknown'), by);
    if (one) await world.readBack(one, by);
  },
  'give back': async (world, by) => {
    const firsts = world.at('request').filter(({ of, claim }) => of && claim.attempts === 1);
    const one = pick(firsts, by);
    if (!one || !(await returnToBulk(one.claim, 'UPSTREAM_UNREACHABLE', { halts: by % 10 === 0 }))) return;
    world.end(one);
    world.count(one.of!, -1);
  },
  release: async (world, by) => {
    const one = pick(world.at('request'), by);
    if (one && (await ledger.rotations.release(one.claim))) one.at = 'queue';
  },
  'take a follow-up': async (world, by) => {
    const one = pick(world.at('queue'), by);
    if (one) await world.claimAgain(one);
  },
};

const operatorSteps: Steps = {
  'ask for one singly': (world, by) => world.rotateSingly(`ast_${by % ASSISTANTS}`),
  'cancel one': async (world, by) => {
    const one = pick(world.at('queue'), by);
    if (!one) return;
    await ledger.rotations.cancel(one.claim.rotationId);
    world.end(one);
  },
  pause: (world, by) => codeOf(bulks.pause(world.made[by % 2]!)),
  resume: (world, by) => codeOf(bulks.resume(world.made[by % 2]!)),
  retry: (world, by) => world.retry(world.made[by % 2]!),
  cancel: async (world, by) => by % 3 === 0 && codeOf(bulks.cancel(world.made[by % 2]!)),
};

const steps: Steps = { ...workerSteps, ...outcomeSteps, ...operatorSteps };

/** The frequency of each kind of step. */
const stepNames = Object.entries({
  draw: 4,
  'claim some': 6,
  'end a draw': 4,
  succeed: 4,
  'answer all': 1,
  fail: 2,
  'lose an answer': 3,
  'read back': 3,
  'give back': 5,
  release: 2,
  'take a follow-up': 3,
  'ask for one singly': 2,
  'cancel one': 1,
  'a worker dies': 1,
  'a lease lapses': 1,
  pause: 1,
  resume: 4,
  retry: 3,
  cancel: 1,
}).flatMap(([name, times]) => Array.from({ length: times }, () => name));

describe('two bulks of two workers, with single rotations in between', () => {
  it('end whatever happens: each assistant begins once, ends once, and counts are always right', async () => {
    const canaries = option(record({ count: nat(ASSISTANTS).map((n) => n + 1), continues: boolean() }), {
      nil: undefined,
    });
    const histories = array(record({ name: constantFrom(...stepNames), by: nat(997) }), {
      minLength: 80,
      maxLength: STEPS,
      size: 'max',
    });
    await assert(
      asyncProperty(canaries, nat(10), histories, async (canary, maxFailures, history) => {
        const world = await createWorld(canary, maxFailures);
        const { made, begun } = world;
        for (const { name, by } of history) {
          await pass(1);
          await steps[name]!(world, by);
          expect(await allProblems()).toEqual([]);
          expect(await Promise.all(made.map((id) => work.mend(id, { thorough: true })))).toEqual([
            false,
            false,
          ]);
        }
        await world.toRest();
        expect(await allProblems()).toEqual([]);
        const letters = await Promise.all(made.map(statesOf));
        const ended = await Promise.all(made.map(async (id) => (await bulks.get(id)).state));
        expect(
          letters.map((text, i) =>
            text.replaceAll(ended[i] === 'CANCELLED' ? /[.smxA-Z]/g : /[smxA-Z]/g, ''),
          ),
        ).toEqual(['', '']);
        expect([...begun].filter(([, times]) => times > 1)).toEqual([]);
        expect(await redis.zcard('{spec}:rotations:open')).toBe(0);
        expect(await redis.zcard('{spec}:intents:org_1')).toBe(0);
      }),
      { numRuns: RUNS },
    );
  }, 600_000);
});

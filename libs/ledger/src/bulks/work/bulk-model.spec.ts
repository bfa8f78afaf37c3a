import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startRedis, type RedisServer } from '@rekey/testing';
import { array, assert, asyncProperty, boolean, constantFrom, nat, option, record } from 'fast-check';
import { accept, claimOf, codeOf, ledger, readKey, redis } from '../../ledger-fixture.ts';
import type { Claim } from '../../rotations/claim.ts';
import {
  LEASE_MS,
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
const BOUND = 8;
const WORKERS = ['w1', 'w2'];
/** More of both finds more. */
const RUNS = Number(process.env['MODEL_RUNS'] ?? 8);
const STEPS = Number(process.env['MODEL_STEPS'] ?? 140);

interface Hand {
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

/**
 * Two bulks, of which the second has a third of the first one's assistants, and whatever else works on them.
 */
const createWorld = async (
  canary: { count: number; continues: boolean } | undefined,
  maxFailures: number,
) => {
  await startAnew();
  const made = [
    await makeBulk(ASSISTANTS, { maxFailures: { count: maxFailures }, ...(canary && { canary }) }),
    await makeBulk(namesOf(ASSISTANTS / 3), { urgent: true, maxFailures: { count: maxFailures } }),
  ].map(({ id }) => id);
  const hands: Hand[] = [];
  let running: Running[] = [];
  /** How often each place was begun beyond what was given back and asked for again. */
  const begun = new Map<string, number>();
  const count = (place: string, by: number) => begun.set(place, (begun.get(place) ?? 0) + by);
  const pick = <T>(from: T[], by: number): T | undefined => from[by % Math.max(from.length, 1)];
  const end = (one: Running) => (running = running.filter((other) => other !== one));
  const at = (...states: Running['at'][]) => running.filter((one) => states.includes(one.at));

  const claimAgain = async (one: Running) => {
    const result = await claimOf({ id: one.claim.rotationId, ...one.claim }, { maxOpenIntents: BOUND });
    if (result.kind === 'ended' || result.kind === 'missing') end(one);
    if (result.kind === 'claimed') Object.assign(one, { claim: result.claim, at: 'request' });
    if (result.kind === 'resumed') Object.assign(one, { claim: result.claim, at: 'unknown' });
    return result.kind;
  };
  const claimHand = async (hand: Hand, most: number) => {
    const range = { ...hand.range, waiting: hand.range.waiting.splice(0, most) };
    const result = await claimRange(range, { maxOpenIntents: BOUND });
    for (const [i, item] of (result.kind === 'claimed' ? result.items : []).entries()) {
      if (item.kind !== 'claimed') continue;
      const of = `${range.bulkId}:${range.waiting[i]!.index}`;
      running.push({ claim: item.claim, at: 'request', of });
      count(of, 1);
    }
  };
  const letGo = async (hand: Hand) => {
    hands.splice(hands.indexOf(hand), 1);
    await work.dropRange(hand.range, hand.token);
  };
  const drawOne = async (token: string, size: number) => {
    const got = await draw({ token, size, maxOpenIntents: BOUND });
    if (got.kind === 'range') hands.push({ token, range: got.range });
    if (got.kind === 'verify')
      await work.saveVerification(
        got.bulkId,
        token,
        { verified: 0, repaired: 0, unverified: 0, differing: [] },
        true,
      );
    return got.kind;
  };
  const retry = async (id: string) => {
    const { state } = await bulks.get(id);
    const letters = await statesOf(id);
    if (state !== 'COMPLETED') return void (await codeOf(bulks.retry(id)));
    await bulks.retry(id);
    for (const [index, letter] of [...letters].entries())
      if (/[A-Z]/.test(letter)) count(`${id}:${index}`, -1);
  };
  const single = async (assistantId: string) => {
    const { id: rotationId, orgId } = await accept({ assistantId });
    // It may be one that waits already, of a bulk too.
    if (running.some(({ claim }) => claim.rotationId === rotationId)) return;
    running.push({
      claim: {
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
      },
      at: 'queue',
    });
  };
  const readBack = async (one: Running, by: number) => {
    if ((await claimAgain(one)) !== 'resumed') return;
    const { claim } = one;
    if (by % 4 === 0) {
      await ledger.rotations.release(claim);
      one.at = 'queue';
    } else {
      const code =
        by % 4 === 1
          ? failWith(claim, 'NO_SECRET_KEY')
          : ledger.assistants.commit(
              claim,
              readKey(`${claim.epoch % 100_000}r${claim.assistantId}`, claim, { rotation: 'ends' }),
            );
      await code;
      end(one);
    }
  };

  const steps: Record<string, (by: number) => Promise<unknown>> = {
    draw: (by) => drawOne(WORKERS[by % 2]!, 1 + (by % 6)),
    'claim some': async (by) => {
      if (hands.length === 0) await drawOne(WORKERS[by % 2]!, 1 + (by % 6));
      const hand = pick(
        hands.filter(({ range }) => range.waiting.length > 0),
        by,
      );
      if (hand) await claimHand(hand, 1 + (by % 8));
    },
    'end a draw': async (by) => hands.length > 0 && letGo(pick(hands, by)!),
    succeed: async (by) => {
      const one = pick(at('request', 'unknown'), by);
      if (!one) return;
      // The answer to a request that was taken for lost may come late.
      if ((await succeed(one.claim)).kind === 'committed') end(one);
    },
    'answer all': async (by) => {
      for (const [i, one] of at('request').entries()) {
        const done =
          (by + i) % 5 === 0 ? await failWith(one.claim) : (await succeed(one.claim)).kind === 'committed';
        if (done) end(one);
      }
    },
    fail: async (by) => {
      const one = pick(at('request'), by);
      if (one && (await failWith(one.claim, by % 2 ? 'UPSTREAM_FORBIDDEN' : 'UPSTREAM_RATE_LIMITED')))
        end(one);
    },
    'lose an answer': async (by) => {
      const one = pick(at('request', 'unknown'), by);
      if (one && (await loseIt(one.claim, by % 3 ? undefined : 'UPSTREAM_UNREACHABLE'))) one.at = 'unknown';
    },
    'read back': async (by) => {
      const one = pick(at('unknown'), by);
      if (one) await readBack(one, by);
    },
    'give back': async (by) => {
      const one = pick(
        at('request').filter(({ of, claim }) => of && claim.attempts === 1),
        by,
      );
      if (!one || !(await returnToBulk(one.claim, 'UPSTREAM_UNREACHABLE', { halts: by % 10 === 0 }))) return;
      end(one);
      count(one.of!, -1);
    },
    release: async (by) => {
      const one = pick(at('request'), by);
      if (one && (await ledger.rotations.release(one.claim))) one.at = 'queue';
    },
    'take a follow-up': async (by) => {
      const one = pick(at('queue'), by);
      if (one) await claimAgain(one);
    },
    'ask for one singly': (by) => single(`ast_${by % ASSISTANTS}`),
    'cancel one': async (by) => {
      const one = pick(at('queue'), by);
      if (!one) return;
      await ledger.rotations.cancel(one.claim.rotationId);
      end(one);
    },
    'a worker dies': async (by) => {
      const token = WORKERS[by % 2];
      for (const hand of hands.filter((one) => one.token === token)) hands.splice(hands.indexOf(hand), 1);
      await pass(LEASE_MS);
      const one = pick(at('request'), by);
      if (one) await claimAgain(one);
    },
    'a lease lapses': () => pass(LEASE_MS),
    pause: (by) => codeOf(bulks.pause(made[by % 2]!)),
    resume: (by) => codeOf(bulks.resume(made[by % 2]!)),
    retry: (by) => retry(made[by % 2]!),
    cancel: async (by) => by % 3 === 0 && codeOf(bulks.cancel(made[by % 2]!)),
  };

  /** Until nothing is left to do. */
  const toRest = async () => {
    for (let turn = 0; turn < 200; turn += 1) {
      const states = await Promise.all(made.map(async (id) => (await bulks.get(id)).state));
      if (running.length === 0 && states.every((state) => state === 'COMPLETED' || state === 'CANCELLED'))
        return;
      await pass(LEASE_MS);
      for (const id of made) await codeOf(bulks.resume(id));
      for (const one of running) {
        if (one.at === 'request') await succeed(one.claim).then(() => end(one));
        else if (one.at === 'unknown') await readBack(one, 3);
        else if ((await claimAgain(one)) === 'claimed') await succeed(one.claim).then(() => end(one));
      }
      while (hands.length > 0) await letGo(hands[0]!);
      await drawOne('w1', 10);
      for (const hand of hands) await claimHand(hand, BOUND);
    }
    throw new Error(
      `there is no end to it: ${JSON.stringify([running.map(({ at: where, of }) => [where, of]), await Promise.all(made.map(async (id) => [await bulks.get(id), await statesOf(id)]))])}`,
    );
  };
  return { made, steps, toRest, begun };
};

/** How often each kind of step comes. */
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

describe('two bulks that two workers work on, with single rotations in between', () => {
  it('come to an end whatever happens, with each assistant begun once and in one end state, and their counts are right all the way', async () => {
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
        const { made, steps, toRest, begun } = await createWorld(canary, maxFailures);
        for (const { name, by } of history) {
          await pass(1);
          await steps[name]!(by);
          expect(await allProblems()).toEqual([]);
        }
        await toRest();
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

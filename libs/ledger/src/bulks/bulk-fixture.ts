import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals';
import { startRedis, type RedisServer } from '@rekey/testing';
import type { BulkRotation, BulkSpec, ErrorCode } from '@rekey/schema';
import type { Redis } from 'ioredis';
import type { KeyVersion } from '../assistants/key-version.ts';
import {
  SEALED,
  claimed,
  connectSimulated,
  key,
  ledger,
  nextId,
  openSpecLedger,
  redis,
  setNow,
} from '../ledger-fixture.ts';
import { openLedger } from '../open-ledger.ts';
import type { Claim, ClaimOptions } from '../rotations/claim.ts';
import type { Bulks } from './bulks.ts';
import type { BulkClaimResult, BulkDraw, BulkRange, BulkWork } from './work/bulk-work.ts';

/**
 * For specs only: bulk rotations in a ledger under the prefix `spec` whose clock is set by hand, and the
 * steps that specs take through them.
 */
export let bulks: Bulks;
export let work: BulkWork;
let nowMs: number;
let made = 0;

export const openSpecBulks = (url: string): void => openBulksOn(url, connectSimulated(url));
export const openBulksOn = (url: string, connection: Redis): void => {
  openSpecLedger(url, { connection, maxChangedPercent: 100 });
  bulks = openLedger(redis, { prefix: 'spec' }).bulks;
  work = openLedger(redis, { prefix: 'spec' }).bulkWork;
};
export const START_MS = 1_800_000_000_000;
/** An empty Redis. */
export const startAnew = async (): Promise<void> => {
  await redis.flushall();
  nowMs = START_MS;
  await setNow(nowMs * 1000);
};
export const pass = async (ms: number): Promise<void> => {
  nowMs += ms;
  await setNow(nowMs * 1000);
};

export const LEASE_MS = 60_000;
export const namesOf = (count: number): string[] => Array.from({ length: count }, (_, i) => `ast_${i}`);
export const nextBulkId = (): string => `blk_${String((made += 1)).padStart(26, '0')}`;
export const specOf = (more: Partial<BulkSpec> = {}): BulkSpec => ({
  orgId: 'org_1',
  reason: 'why',
  selection: { kind: 'ids' },
  urgent: false,
  validateOnly: false,
  maxFailures: { percent: 100 },
  ...more,
});
/** A bulk of a number of assistants, or of named ones. */
export const makeBulk = async (
  assistants: number | string[],
  more: Partial<BulkSpec> = {},
): Promise<BulkRotation> => {
  const draft = bulks.draft(nextBulkId());
  await draft.add(typeof assistants === 'number' ? namesOf(assistants) : assistants);
  return (await bulks.create(draft.id, specOf(more), draft)).bulk;
};

type DrawOptions = Parameters<BulkWork['draw']>[0];
export const draw = (more: Partial<DrawOptions> = {}): Promise<BulkDraw> =>
  work.draw({
    token: 'w1',
    leaseMs: LEASE_MS,
    size: 100,
    maxOpenIntents: 100,
    ranges: true,
    tasks: true,
    except: [],
    ...more,
  });
export const drawn = async (more: Partial<DrawOptions> = {}): Promise<BulkRange> => {
  const got = await draw(more);
  if (got.kind !== 'range') throw new Error(`${got.kind}, and not a range`);
  return got.range;
};
export const claimRange = (range: BulkRange, options: Partial<ClaimOptions> = {}): Promise<BulkClaimResult> =>
  work.claim(
    range,
    range.waiting.map(({ index, assistantId }) => ({
      index,
      job: { rotationId: nextId(), orgId: range.orgId, assistantId },
    })),
    { leaseMs: LEASE_MS, landingWindowMs: LEASE_MS, maxOpenIntents: 100, ...options },
  );
/** The result of a claim of a range for each assistant. */
export const wordsOf = async (claiming: Promise<BulkClaimResult>): Promise<string[]> => {
  const result = await claiming;
  return result.kind === 'claimed' ? result.items.map(({ kind }) => kind) : [result.kind];
};
export const claimsOf = async (claiming: Promise<BulkClaimResult>): Promise<Claim[]> => {
  const result = await claiming;
  if (result.kind !== 'claimed') throw new Error(`${result.kind}, and not claimed`);
  return result.items.flatMap((item) => (item.kind === 'claimed' ? [item.claim] : []));
};
/** Draws the next waiting assistants and claims all of them; drops the range. */
export const begin = async (size: number, more: Partial<DrawOptions> = {}): Promise<Claim[]> => {
  const range = await drawn({ size, ...more });
  const claims = await claimsOf(claimRange(range));
  await work.dropRange(range, more.token ?? 'w1');
  return claims;
};

export const succeed = (claim: Claim, more?: Partial<KeyVersion>) =>
  ledger.assistants.commit(claim, key(`${claim.epoch % 100_000}${claim.assistantId}`, more));
export const failWith = (claim: Claim, code: ErrorCode = 'ASSISTANT_NOT_FOUND') =>
  ledger.rotations.fail(claim, { code }, false);
export const loseIt = (claim: Claim, readError?: ErrorCode) =>
  ledger.rotations.noteUnknown(claim, { readInMs: 0, holdMs: 0, ...(readError && { readError }) }, SEALED);
export const returnToBulk = (
  claim: Claim,
  code: ErrorCode = 'UPSTREAM_UNREACHABLE',
  more: { halts?: boolean; retryForMs?: number } = {},
) => ledger.rotations.returnToBulk(claim, code, { halts: false, retryForMs: 600_000, ...more });
/** Claims a rotation of a bulk again. */
export const again = (claim: Claim, options?: Partial<ClaimOptions>): Promise<Claim> =>
  claimed({ id: claim.rotationId, ...claim }, options);
export const statesOf = async (id: string): Promise<string> =>
  (await redis.get(`{spec}:bulk:${id}:states`)) ?? '';
export const stateOf = async (id: string): Promise<[string, string | undefined]> => {
  const { state, why } = await bulks.get(id);
  return [state, why];
};

const ENDED = ['COMPLETED', 'FAILED', 'CANCELLED', 'VALIDATED'];
const ACTIVE = ['PREPARING', 'RUNNING', 'VERIFYING'];
const spanOf = (name: string): [number, number] => name.split(':').map(Number) as [number, number];

/** The invariants that a bulk violates. */
const problemsOf = async (id: string): Promise<string[]> => {
  const base = `{spec}:bulk:${id}`;
  const [hash, letters, draws, redo, active, ended, open] = await Promise.all([
    redis.hgetall(base),
    statesOf(id),
    redis.hkeys(`${base}:draws`),
    redis.lrange(`${base}:redo`, 0, -1),
    redis.zscore('{spec}:bulks:active', id),
    redis.zscore('{spec}:bulks:ended', id),
    redis.zrange('{spec}:rotations:open', '0', '-1'),
  ]);
  const problems: string[] = [];
  const equal = (what: string, got: unknown, wanted: unknown) => {
    if (got !== wanted) problems.push(`${id}: ${what} is ${String(got)}, and not ${String(wanted)}`);
  };
  const n = (field: string) => Number(hash[field] ?? 0);
  const lettersLike = (pattern: RegExp) => letters.match(pattern)?.length ?? 0;
  for (const [field, value] of Object.entries(hash))
    if (value.startsWith('-')) problems.push(`${id}: ${field} is ${value}`);
  equal('its place among those that are worked on', active !== null, ACTIVE.includes(hash['state']!));
  equal('its place among those that have ended', ended !== null, ENDED.includes(hash['state']!));
  const rotations = (
    await Promise.all(open.map((rotation) => redis.hgetall(`{spec}:rotation:${rotation}`)))
  ).filter(({ bulk }) => bulk === id);
  equal('the count of open ones', n('open'), rotations.length);
  equal(
    'the count of unknown ones',
    n('unknown'),
    rotations.filter(({ state }) => state === 'RECONCILING').length,
  );
  if (letters !== '') {
    equal('the length of the states', letters.length, n('total'));
    for (const [field, pattern] of Object.entries({
      open: /r/g,
      succeeded: /s/g,
      shared: /m/g,
      failed: /[A-Z]/g,
      cancelled: /x/g,
      valid: /v/g,
    })) {
      equal(`the count of ${field}`, n(field), lettersLike(pattern));
    }
    equal(
      'the letters of those under way',
      rotations.map(({ item }) => letters[Number(item)]).join(''),
      'r'.repeat(rotations.length),
    );
  }
  if (ENDED.includes(hash['state']!)) {
    equal('what is left of draws', draws.length + redo.length, 0);
  } else {
    const spans = [...draws, ...redo].map(spanOf);
    const lost = Array.from(letters.slice(0, n('cursor'))).flatMap((letter, i) =>
      letter === '.' && !spans.some(([from, to]) => from <= i && i < to) ? [i] : [],
    );
    equal('those that were passed by and nobody will draw', lost.join(), '');
    equal(
      'draws that lie across a string of ids',
      spans.filter(([from, to]) => Math.floor(from / 1000) !== Math.floor((to - 1) / 1000)).join(' '),
      '',
    );
  }
  return problems;
};
/** The same for all bulks. */
export const allProblems = async (): Promise<string[]> =>
  (await Promise.all((await redis.zrange('{spec}:bulks', '0', '-1')).map(problemsOf))).flat();
/** Rejects if a bulk is not sound: after each scenario. */
const assertSound = async (): Promise<void> => {
  const problems = await allProblems();
  if (problems.length > 0) throw new Error(problems.join('\n'));
};

/** For a spec file: bulk rotations on a Redis of its own, empty before each test, and sound after it. */
export const useBulks = (): { spoil(): void } => {
  let server: RedisServer;
  let spoilt = false;
  beforeAll(async () => {
    server = await startRedis();
    openSpecBulks(server.url);
  });
  afterAll(async () => {
    redis.disconnect();
    await server.dispose();
  });
  beforeEach(async () => {
    spoilt = false;
    await startAnew();
  });
  afterEach(async () => {
    if (!spoilt) await assertSound();
  });
  return {
    /** A test writes an entry by hand that cannot be sound. */
    spoil: () => {
      spoilt = true;
    },
  };
};

export const ORG: Partial<BulkSpec> = { selection: { kind: 'org' } };
export const TAKES = { requests: 7, durationMs: 1234 };
export const NO_FINDINGS = { verified: 0, repaired: 0, unverified: 0, differing: [] };
export const countsOf = async (id: string) => (await bulks.get(id)).counts;
export const indexes = ({ waiting }: { waiting: { index: number }[] }) => waiting.map(({ index }) => index);
export const draws = (id: string) => redis.hgetall(`{spec}:bulk:${id}:draws`);
export const redo = (id: string) => redis.lrange(`{spec}:bulk:${id}:redo`, 0, -1);
export const kept = async (claim: Claim) => (await redis.exists(`{spec}:rotation:${claim.rotationId}`)) === 1;
/** Certainly not done at a later request: QUEUED as a follow-up. */
export const release = (claim: Claim) => ledger.rotations.release(claim, { code: 'UPSTREAM_UNREACHABLE' });

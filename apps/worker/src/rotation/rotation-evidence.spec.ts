import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { RotateOutcome } from '@rekey/invent';
import type { Rotation } from '@rekey/schema';
import { ORG, closeEvidence, openEvidence, type Evidence } from '../verification/evidence-fixture.ts';
import { silentLogger } from '@rekey/runtime';
import { silentMeter } from '../metrics/meter-fixture.ts';
import { createPacer } from '../shared/pacer.ts';
import type { RotateDeps } from './rotate-deps.ts';
import { rotateSecretKey } from './rotate-secret-key.ts';
import { windowMs } from './timing.ts';

/** A rotation succeeds only by a key that was made after its request. */
const timing = {
  sendWithinMs: 500,
  requestTimeoutMs: 1000,
  leaseMarginMs: 1000,
  landingWindowMs: 10_000,
  readLagMs: 1000,
  confirmAfterMs: 0,
  retryForMs: 600_000,
};
const ID = 'ast_0001';
/** What becomes of a POST: whether it takes effect, and how it is answered. */
type Post = {
  effect: boolean;
  answer: 'key' | 'lost' | 'before' | 'not-done';
  /** The delay of the effect. */
  lateMs?: number;
};

let world: Evidence;
let posts: string[];
let script: Post[];
let late: { atMs: number; key: string }[];
/** Runs right before a POST leaves. */
let beforePost: (() => void) | undefined;
beforeEach(async () => {
  world = await openEvidence();
  [posts, script, late, beforePost] = [[], [], [], undefined];
  world.upstream.set(ID, 'sk_first');
  await world.check(ID);
  await world.pass(3_600_000);
});
afterEach(() => world.close());
afterAll(closeEvidence);

const invent = {
  rotateSecretKey: async (): Promise<RotateOutcome> => {
    beforePost?.();
    await world.pass(5);
    const before = world.upstream.get(ID)!;
    const made = `sk_by_post_${posts.push('POST')}`;
    const { effect, answer, lateMs = 0 } = script.shift() ?? { effect: true, answer: 'key' };
    if (effect && lateMs > 0) late.push({ atMs: (await world.ledger.system.nowMs()) + lateMs, key: made });
    else if (effect) world.upstream.set(ID, made);
    const done = (secretKey: string): RotateOutcome => ({
      outcome: 'done',
      record: {
        secretKey,
        deleted: false,
        json: JSON.stringify({ id: ID, secret_key: secretKey }),
        unexpected: [],
      },
    });
    if (answer === 'key') return done(made);
    if (answer === 'before') return done(before);
    if (answer === 'not-done')
      return { outcome: 'not-done', code: 'UPSTREAM_UNREACHABLE', retry: true, reason: 'scripted' };
    return { outcome: 'unknown', reason: 'scripted' };
  },
};
const pass = async (ms: number) => {
  const nowMs = await world.ledger.system.nowMs();
  await world.pass(Math.ceil(ms));
  for (const { key } of late.filter(({ atMs }) => atMs <= nowMs + ms)) world.upstream.set(ID, key);
  late = late.filter(({ atMs }) => atMs > nowMs + ms);
};

let made = 0;
const request = async (): Promise<Rotation> =>
  (
    await world.ledger.rotations.accept(`rot_${String((made += 1)).padStart(26, '0')}`, {
      orgId: ORG,
      assistantId: ID,
      reason: '',
    })
  ).rotation;
/** Delivers the rotation until it is done. */
const rotate = async (rotation: Rotation): Promise<Rotation> => {
  world.gets = [];
  const { deps } = world;
  const clock = { ...deps.clock, sleep: pass };
  const pacer = createPacer({
    budget: { take: async () => ({ taken: true }), returnProbe: async () => {} },
    clock,
    slotKeepsMs: 400,
  });
  const rotateDeps = {
    ...deps,
    clock,
    pacer,
    invent: { ...deps.invent, ...invent },
    logger: silentLogger,
    meter: silentMeter,
    timing,
    maxOpenIntents: 20,
    holdBack: () => undefined,
    confirmDurable: async () => true,
    stopping: new AbortController().signal,
  } as unknown as RotateDeps;
  const step = rotateSecretKey(rotateDeps);
  for (let steps = 0; steps < 60; steps += 1) {
    const result = await step(
      { rotationId: rotation.id, orgId: ORG, assistantId: ID },
      steps === 0 ? 'first' : 'redelivery',
    );
    if (result.kind === 'done') return world.ledger.rotations.get(rotation.id);
    await pass(Math.max(result.kind === 'retry' ? result.inMs : 0, 1));
  }
  throw new Error('the rotation did not end');
};
const causes = async () =>
  (await world.events()).flatMap(({ data }) => ('cause' in data ? [data.cause] : ['uncertain']));
/** The fingerprint of the version that a rotation names. */
const printOfVersion = async ({ version }: Rotation) =>
  (await world.events()).flatMap(({ data }) =>
    'fingerprint' in data && data.version === version ? [data.fingerprint] : [],
  )[0];
/** The key that a rotation succeeded by, the key in force, and the assistants published with a wrong key. */
const outcomeOf = async (rotation: Rotation) => ({
  state: rotation.state,
  print: await printOfVersion(rotation),
  inForce: world.upstream.get(ID),
  wrong: await world.wrong(),
});
const succeededBy = (key: string) => ({
  state: 'SUCCEEDED',
  print: world.fingerprint(key),
  inForce: key,
  wrong: [],
});

describe('without a fault', () => {
  it('a rotation takes one POST and no read', async () => {
    const rotation = await rotate(await request());
    expect(await outcomeOf(rotation)).toEqual(succeededBy('sk_by_post_1'));
    expect({
      posts: posts.length,
      gets: world.gets.length,
      attempts: rotation.attempts,
      cause: rotation.cause,
    }).toEqual({ posts: 1, gets: 0, attempts: 1, cause: 'rotation' });
  });
});

describe('a manual rotation a second before the request', () => {
  const byHand = async () => {
    world.upstream.set(ID, 'sk_by_hand');
    await pass(1000);
  };

  it('and a lost POST without effect: the manual key is published, another POST is sent', async () => {
    await byHand();
    script = [{ effect: false, answer: 'lost' }];
    const rotation = await rotate(await request());
    expect(await outcomeOf(rotation)).toEqual(succeededBy('sk_by_post_2'));
    expect({ attempts: rotation.attempts, cause: rotation.cause, posts: posts.length }).toEqual({
      attempts: 2,
      cause: 'rotation',
      posts: 2,
    });
    expect(await causes()).toEqual(['import', 'uncertain', 'reconciliation', 'rotation']);
    // As many reads as any POST whose outcome is unknown takes in its window, and one POST more.
    expect(world.gets.length).toBeLessThanOrEqual(7);
  });

  it('and a lost POST with effect look the same as without: the rotation sends another POST', async () => {
    await byHand();
    script = [{ effect: true, answer: 'lost' }];
    const rotation = await rotate(await request());
    expect(await outcomeOf(rotation)).toEqual(succeededBy('sk_by_post_2'));
    expect(await causes()).toEqual(['import', 'uncertain', 'reconciliation', 'rotation']);
  });

  it('and a POST that takes effect after the manual key was read: its key satisfies it', async () => {
    await byHand();
    script = [{ effect: true, answer: 'lost', lateMs: 5000 }];
    const rotation = await rotate(await request());
    expect(await outcomeOf(rotation)).toEqual(succeededBy('sk_by_post_1'));
    expect({ attempts: rotation.attempts, cause: rotation.cause, posts: posts.length }).toEqual({
      attempts: 1,
      cause: 'reconciliation',
      posts: 1,
    });
  });

  it('and several lost POSTs without effect: the rotation succeeds by none of them', async () => {
    await byHand();
    script = Array.from({ length: 3 }, () => ({ effect: false, answer: 'lost' as const }));
    const rotation = await rotate(await request());
    expect(await outcomeOf(rotation)).toEqual(succeededBy('sk_by_post_4'));
    expect(rotation.attempts).toBe(4);
  });

  it('already found by a sweep: the key that is read after the request is known to be older', async () => {
    await byHand();
    await world.sweep();
    await pass(5000);
    script = [{ effect: false, answer: 'lost' }];
    expect(await outcomeOf(await rotate(await request()))).toEqual(succeededBy('sk_by_post_2'));
  });
});

describe('a lost POST', () => {
  it('with effect, for a key that was read after the request: its key satisfies it', async () => {
    const asked = await request();
    await pass(1500);
    expect(await world.check(ID)).toEqual({ kind: 'agreed' });
    script = [{ effect: true, answer: 'lost' }];
    const rotation = await rotate(asked);
    expect(await outcomeOf(rotation)).toEqual(succeededBy('sk_by_post_1'));
    expect({ posts: posts.length, cause: rotation.cause }).toEqual({ posts: 1, cause: 'reconciliation' });
  });

  it('without effect: consumers learn the key in force, and another POST is sent', async () => {
    script = [{ effect: false, answer: 'lost' }];
    const rotation = await rotate(await request());
    expect(await outcomeOf(rotation)).toEqual(succeededBy('sk_by_post_2'));
    expect(await causes()).toEqual(['import', 'uncertain', 'reconciliation', 'rotation']);
  });

  it('without effect, before a manual rotation: the manual key satisfies it', async () => {
    const asked = await request();
    await pass(1500);
    await world.check(ID);
    script = [{ effect: false, answer: 'lost' }];
    beforePost = () => world.upstream.set(ID, 'sk_by_hand');
    expect(await outcomeOf(await rotate(asked))).toEqual(succeededBy('sk_by_hand'));
    expect(posts).toHaveLength(1);
  });

  it('never lets an earlier key that is in force again satisfy a rotation', async () => {
    world.upstream.set(ID, 'sk_second');
    await world.check(ID);
    await pass(60_000);
    script = [{ effect: false, answer: 'lost' }];
    beforePost = () => {
      // A backup is restored at the worst moment. The second POST replaces the key that is in force then.
      if (posts.length === 0) world.upstream.set(ID, 'sk_first');
    };
    const rotation = await rotate(await request());
    expect(await outcomeOf(rotation)).toEqual(succeededBy(`sk_by_post_${posts.length}`));
    expect(posts.length).toBeGreaterThan(1);
    expect(await causes()).toContain('rollback');
  });
});

describe('a key that reappears on an assistant without one', () => {
  it('does not satisfy a rotation that was requested before the key disappeared', async () => {
    const asked = await request();
    await pass(1500);
    const key = world.upstream.get(ID)!;
    world.upstream.delete(ID);
    await world.check(ID);
    await pass(30_000);
    expect(await world.check(ID)).toEqual({ kind: 'removed' });
    await pass(5000);
    world.upstream.set(ID, key);
    script = [{ effect: false, answer: 'lost' }];
    expect(await outcomeOf(await rotate(asked))).toEqual(succeededBy('sk_by_post_2'));
    expect(posts).toHaveLength(2);
  });
});

describe('a request that returns a rotation that is still queued', () => {
  it('is not satisfied by a key made between the two requests', async () => {
    const first = await request();
    await pass(1500);
    await world.check(ID);
    await pass(1000);
    world.upstream.set(ID, 'sk_by_hand');
    await pass(1000);
    const second = await request();
    expect(second.id).toBe(first.id);
    script = [{ effect: false, answer: 'lost' }];
    const rotation = await rotate(second);
    expect(await outcomeOf(rotation)).toEqual(succeededBy('sk_by_post_2'));
    expect(posts).toHaveLength(2);
  });
});

describe('a 200 with an earlier record', () => {
  it('without effect is unknown: another POST is sent', async () => {
    script = [{ effect: false, answer: 'before' }];
    const rotation = await rotate(await request());
    expect(await outcomeOf(rotation)).toEqual(succeededBy('sk_by_post_2'));
    expect(rotation.attempts).toBe(2);
    expect((await causes())[1]).toBe('uncertain');
  });

  it('with effect is unknown: the key in force is read and published at once', async () => {
    script = [{ effect: true, answer: 'before' }];
    const rotation = await rotate(await request());
    expect(await outcomeOf(rotation)).toEqual(succeededBy(`sk_by_post_${posts.length}`));
  });

  it('older than the published one is unknown as well', async () => {
    world.upstream.set(ID, 'sk_second');
    await world.check(ID);
    await pass(60_000);
    script = [{ effect: false, answer: 'before' }];
    beforePost = () => {
      if (posts.length === 0) world.upstream.set(ID, 'sk_first');
    };
    const rotation = await rotate(await request());
    expect(await outcomeOf(rotation)).toEqual(succeededBy(`sk_by_post_${posts.length}`));
    expect(posts.length).toBeGreaterThan(1);
  });

  it('is never a success, however often it is the answer', async () => {
    script = Array.from({ length: 4 }, () => ({ effect: false, answer: 'before' as const }));
    const rotation = await rotate(await request());
    expect(await outcomeOf(rotation)).toEqual(succeededBy('sk_by_post_5'));
  });
});

describe('a POST that Invent reports as not done', () => {
  it('but did: the next one replaces its key', async () => {
    script = [{ effect: true, answer: 'not-done' }];
    const rotation = await rotate(await request());
    expect(await outcomeOf(rotation)).toEqual(succeededBy('sk_by_post_2'));
  });
});

describe('a period of wrong reads while an outcome is unknown', () => {
  it.each(['404', 'without a key', 'masked'])(
    '%s: consumers get the key in force in the end',
    async (kind) => {
      script = [{ effect: true, answer: 'lost' }];
      const fromMs = await world.ledger.system.nowMs();
      let nowMs = fromMs;
      world.get = (_id, key) =>
        nowMs - fromMs > 5000 ? key : kind === '404' ? undefined : kind === 'masked' ? 'masked' : null;
      const asked = await request();
      const timer = world.pass;
      world.pass = async (ms) => {
        nowMs += ms;
        await timer(ms);
      };
      const rotation = await rotate(asked);
      expect(await outcomeOf(rotation)).toEqual(succeededBy(`sk_by_post_${posts.length}`));
      expect(await world.removed()).toEqual([]);
    },
  );

  it('404 for longer than the landing window: the rotation fails, no deletion is published', async () => {
    script = [{ effect: true, answer: 'lost' }];
    world.get = () => undefined;
    const rotation = await rotate(await request());
    expect(rotation).toMatchObject({ state: 'FAILED', errorCode: 'ASSISTANT_NOT_FOUND' });
    const [due] = await world.ledger.assistants.drawChecks(10, 60_000);
    expect(due).toMatchObject({ assistantId: ID });
    expect(await world.check(ID)).toMatchObject({ kind: 'unconfirmed' });
    expect(await world.removed()).toEqual([]);
    world.get = undefined;
    await pass(windowMs(timing));
    expect(await world.check(ID)).toEqual({ kind: 'adopted' });
    expect(await world.wrong()).toEqual([]);
  });
});

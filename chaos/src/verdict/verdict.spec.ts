import { describe, expect, it } from '@jest/globals';
import { KEY_REMOVED, KEY_ROTATED, KEY_UNCERTAIN, type KeyEvent } from '@rekey/schema';
import type { Change, Evidence, Published } from './evidence.ts';
import { isClean, judge } from './verdict.ts';

let seq = 0;
const event = (assistantId: string, version: number, key: string | null, atMs: number): Published => ({
  atMs,
  event: {
    type: key === null ? KEY_REMOVED : KEY_ROTATED,
    subject: assistantId,
    data: { seq: (seq += 1), version, fingerprint: key === null ? null : `print of ${key}` },
  } as unknown as KeyEvent,
});
const uncertain = (assistantId: string, version: number, atMs: number): Published => ({
  atMs,
  event: {
    type: KEY_UNCERTAIN,
    subject: assistantId,
    data: { seq: (seq += 1), version },
  } as unknown as KeyEvent,
});
const change = (key: string | null, atMs: number, by: Change['by'] = 'request'): Change => ({
  key,
  atMs,
  by,
});

const evidence = (
  history: Record<string, Change[]>,
  published: Published[],
  more: Partial<Evidence> = {},
): Evidence => ({
  history,
  published,
  rotations: [{ state: 'SUCCEEDED' }],
  counts: { rotate: 1, get: 0, list: 3, concurrentRotates: 0 },
  sweepRequests: 3,
  orgOf: () => 'org',
  boundOf: () => 1,
  fingerprint: (key) => `print of ${key}`,
  ...more,
});
const judged = (...args: Parameters<typeof evidence>) => {
  const verdict = judge(evidence(...args));
  seq = 0;
  return { ...verdict, clean: isClean(verdict) };
};
const two = { a: [change('k0', 0, 'start'), change('k1', 1000), change('k2', 2000)] };

describe('judge', () => {
  it('is clean if every key is published in order, and measures for how long consumers had none', () => {
    const verdict = judged(two, [
      event('a', 1, 'k1', 1010),
      uncertain('a', 1, 1990),
      event('a', 2, 'k2', 2030),
    ]);
    expect(verdict).toMatchObject({
      clean: true,
      requestsARotation: 1,
      darkTimeMs: { p50: 10, p99: 30, max: 30 },
      uncertainAnnounced: 1,
      mostUnpublished: { org: 1 },
    });
  });

  it('counts workers that did not work, or did not end, because they could not write their log', () => {
    for (const stuckByLog of [0, 1]) {
      expect(
        judged(two, [event('a', 1, 'k1', 1010), event('a', 2, 'k2', 2030)], { stuckByLog }),
      ).toMatchObject({ clean: stuckByLog === 0, stuckByLog });
    }
  });

  it('finds a key that is not in force', () => {
    expect(judged(two, [event('a', 1, 'k1', 1010)])).toMatchObject({ clean: false, divergent: 1 });
    expect(
      judged({ a: [...two.a, change(null, 3000, 'removed')] }, [event('a', 1, 'k2', 2010)]),
    ).toMatchObject({ divergent: 1 });
    expect(
      judged({ a: [...two.a, change(null, 3000, 'removed')] }, [
        event('a', 1, 'k2', 2010),
        event('a', 2, null, 3010),
      ]),
    ).toMatchObject({ divergent: 0 });
  });

  it('expects no event of an assistant that was removed before anything was published of it', () => {
    expect(
      judged({ ...two, b: [change('k0', 0, 'start'), change(null, 500, 'removed')] }, [
        event('a', 1, 'k2', 2010),
      ]),
    ).toMatchObject({ clean: true, divergent: 0 });
  });

  it('finds an older key after a newer one, a version that goes down, and a gap', () => {
    expect(
      judged(two, [event('a', 1, 'k2', 2010), event('a', 2, 'k1', 2020), event('a', 3, 'k2', 2030)]),
    ).toMatchObject({ orderViolations: 1, divergent: 0 });
    expect(judged(two, [event('a', 2, 'k1', 1010), event('a', 2, 'k2', 2020)])).toMatchObject({
      orderViolations: 1,
    });
    const [first, , third] = [
      event('a', 1, 'k1', 1010),
      event('b', 1, 'k1', 1010),
      event('a', 2, 'k2', 2010),
    ];
    expect(judged(two, [first, third])).toMatchObject({ orderViolations: 1 });
  });

  it('finds rotations that never ended, and concurrent POSTs', () => {
    const rotations: Evidence['rotations'] = [
      { state: 'SUCCEEDED' },
      { state: 'RECONCILING' },
      undefined,
      { state: 'FAILED', code: 'X' },
    ];
    const counts = { rotate: 1, get: 0, list: 0, concurrentRotates: 2 };
    const verdict = judged(two, [event('a', 1, 'k1', 1010), event('a', 2, 'k2', 2010)], {
      rotations,
      counts,
    });
    expect(verdict).toMatchObject({ clean: false, lost: 2, failed: { X: 1 }, concurrentPosts: 2 });
  });

  it('finds an assistant that two rotations succeeded for although one was requested', () => {
    const by = (published: Published, rotation: string, cause = 'rotation') => {
      Object.assign(published.event.data, { cause, rotation_id: rotation });
      return published;
    };
    const twice = [by(event('a', 1, 'k1', 1010), 'rot_1'), by(event('a', 2, 'k2', 2010), 'rot_2')];
    expect(judged(two, twice, { succeededOnce: [] })).toMatchObject({ clean: false, doneTwice: 1 });
    expect(judged(two, twice)).toMatchObject({ clean: true, doneTwice: 0 });
    const readBack = [
      by(event('a', 1, 'k1', 1010), 'rot_1'),
      by(event('a', 2, 'k2', 2010), 'rot_2', 'reconciliation'),
    ];
    expect(judged(two, readBack, { succeededOnce: [] })).toMatchObject({ clean: true, doneTwice: 0 });
    expect(judged(two, readBack, { succeededOnce: [{ id: 'rot_2', assistantId: 'a' }] })).toMatchObject({
      clean: false,
      doneTwice: 1,
    });
  });

  it('finds more unpublished keys of an org than its bound, and counts an assistant once', () => {
    const history = {
      a: [change('a0', 0, 'start'), change('a1', 1000), change('a2', 1100)],
      b: [change('b0', 0, 'start'), change('b1', 1500)],
    };
    const late = [event('a', 1, 'a2', 2000), event('b', 1, 'b1', 2000)];
    expect(judged(history, late)).toMatchObject({
      clean: false,
      burntBeyondBound: 1,
      mostUnpublished: { org: 2 },
    });
    const atOnce = {
      a: [change('a0', 0, 'start'), change('a1', 1000)],
      b: [change('b0', 0, 'start'), change('b1', 1500)],
    };
    expect(judged(atOnce, [event('a', 1, 'a1', 1000), event('b', 1, 'b1', 1501)])).toMatchObject({
      clean: true,
      mostUnpublished: { org: 1 },
    });
    const denied = { ...history, b: [change('b0', 0, 'start'), change('b1', 1500, 'denied')] };
    expect(judged(denied, late)).toMatchObject({
      clean: true,
      burntBeyondBound: 0,
      denied: 1,
      darkTimeMs: { max: 1000 },
    });
    const soon = [event('a', 1, 'a2', 1400), event('b', 1, 'b1', 2000)];
    expect(judged(history, soon)).toMatchObject({ clean: true, burntBeyondBound: 0 });
  });

  describe('with histories in which a key is restored', () => {
    const back = {
      a: [change('k0', 0, 'start'), change('k1', 1000), change('k2', 2000), change('k1', 3000, 'restored')],
    };

    it('orders keys by when they were in force, not by their first occurrence', () => {
      const whole = [event('a', 1, 'k1', 1010), event('a', 2, 'k2', 2010), event('a', 3, 'k1', 3010)];
      expect(judged(back, whole)).toMatchObject({
        clean: true,
        divergent: 0,
        orderViolations: 0,
        restored: 1,
      });
      expect(judged(back, whole.slice(0, 2))).toMatchObject({ clean: false, divergent: 1 });
      const early = [event('a', 1, 'k2', 2010), event('a', 2, 'k1', 2020), event('a', 3, 'k1', 3010)];
      expect(judged(back, early)).toMatchObject({ divergent: 0, orderViolations: 1 });
      const late = [
        event('a', 1, 'k2', 2010),
        event('a', 2, 'k1', 3010),
        event('a', 3, 'k2', 3020),
        event('a', 4, 'k1', 3030),
      ];
      expect(judged(back, late)).toMatchObject({ divergent: 0, orderViolations: 1 });
    });

    it('does not expect an event of a key that upstream took back', () => {
      expect(
        judged(
          { ...back, b: [change('b0', 0, 'start'), change('b1', 1500), change('b0', 3000, 'restored')] },
          [event('a', 1, 'k1', 1010), event('a', 2, 'k1', 3010), event('b', 1, 'b0', 500)],
        ),
      ).toMatchObject({
        divergent: 0,
        mostUnpublished: { org: 2 },
        burntBeyondBound: 1,
        darkTimeMs: { max: 1500 },
      });
    });
  });

  it('finds a rotation that succeeded with a key from before it was accepted', () => {
    const published = [event('a', 1, 'k1', 1010), event('a', 2, 'k2', 2010)];
    const succeeded = (acceptedMs: number, version?: number) => ({
      rotations: [
        {
          state: 'SUCCEEDED' as const,
          assistantId: 'a',
          acceptedMs,
          ...(version !== undefined && { version }),
        },
      ],
    });
    expect(judged(two, published, succeeded(1500, 2))).toMatchObject({
      clean: true,
      succeededWithoutNewKey: 0,
    });
    expect(judged(two, published, succeeded(1500, 1))).toMatchObject({
      clean: false,
      succeededWithoutNewKey: 1,
    });
    expect(judged(two, published, succeeded(2100, 2))).toMatchObject({ succeededWithoutNewKey: 1 });
    expect(judged(two, published, succeeded(1500))).toMatchObject({ succeededWithoutNewKey: 0 });
    expect(judged(two, published, succeeded(2100))).toMatchObject({ succeededWithoutNewKey: 1 });
    expect(judged(two, published.slice(0, 1), succeeded(1500))).toMatchObject({ succeededWithoutNewKey: 1 });
    // A restored key was created at its first occurrence.
    const back = { a: [...two.a, change('k1', 3000, 'restored')] };
    expect(judged(back, [...published, event('a', 3, 'k1', 3010)], succeeded(2500, 3))).toMatchObject({
      succeededWithoutNewKey: 1,
    });
    expect(
      judged({ a: two.a }, published, {
        rotations: [{ state: 'FAILED', code: 'X', assistantId: 'a', acceptedMs: 9000 }],
      }),
    ).toMatchObject({ succeededWithoutNewKey: 0 });
    const byHand = { a: [change('k0', 0, 'start'), change('k1', 1000, 'hand')] };
    expect(judged(byHand, [event('a', 1, 'k1', 1010)], succeeded(900, 1))).toMatchObject({
      succeededWithoutNewKey: 0,
    });
  });

  it('finds a published removal of an assistant that was not removed at the time', () => {
    const gone = { a: [...two.a, change(null, 3000, 'removed'), change('k3', 9000, 'hand')] };
    const removedAt = (atMs: number) =>
      judged(gone, [event('a', 1, 'k2', 2010), event('a', 2, null, atMs), event('a', 3, 'k3', 9990)], {
        removedWithinMs: 500,
      });
    expect([2900, 2994, 2996, 5000, 9499, 9502].map((atMs) => removedAt(atMs).removedAlive)).toEqual([
      1, 1, 0, 0, 0, 1,
    ]);
    expect(removedAt(2900)).toMatchObject({
      clean: false,
      divergent: 0,
      examples: { removedAlive: [expect.stringContaining('a at 2900')] },
    });
    expect(removedAt(5000).examples).toEqual({});
  });

  it('finds an assistant that was wrong for too long while status reported nothing', () => {
    const late = [event('a', 1, 'k1', 1010), event('a', 2, 'k2', 9000)];
    const sampled = (needsOperator: (atMs: number) => boolean, published = late, clearForMs = 0) =>
      judged(two, published, {
        wrongForMs: 3000,
        clearForMs,
        statusSamples: Array.from({ length: 40 }, (_, i) => ({
          atMs: i * 250,
          needsOperator: needsOperator(i * 250),
        })),
      });
    expect(sampled(() => false)).toMatchObject({
      clean: false,
      silentlyWrong: 1,
      longestWrongMs: 7000,
      longestWrong: expect.stringMatching(/^a: from \d+ to \d+$/),
    });
    expect(sampled(() => true)).toMatchObject({ clean: true, silentlyWrong: 0 });
    expect(sampled((atMs) => atMs > 5000)).toMatchObject({ silentlyWrong: 0 });
    expect(sampled((atMs) => atMs !== 6000)).toMatchObject({ silentlyWrong: 1 });
    expect(sampled((atMs) => atMs <= 9000)).toMatchObject({ silentlyWrong: 0 });
    // A late sweep has just ended, and what it found is being confirmed.
    expect(sampled((atMs) => atMs < 8000, late, 1300)).toMatchObject({ silentlyWrong: 0 });
    expect(sampled((atMs) => atMs < 7500, late, 1300)).toMatchObject({ silentlyWrong: 1 });
    expect(sampled((atMs) => atMs < 8000, late, 900)).toMatchObject({ silentlyWrong: 1 });
    expect(sampled(() => false, [late[0]!, event('a', 2, 'k2', 4900)])).toMatchObject({
      silentlyWrong: 0,
      longestWrongMs: 2900,
    });
    const announced = [event('a', 1, 'k1', 1010), uncertain('a', 1, 2500), event('a', 2, 'k2', 9000)];
    expect(sampled(() => false, announced)).toMatchObject({ silentlyWrong: 0, longestWrongMs: 500 });
    const ofBefore = [
      event('a', 1, 'k0', 500),
      event('a', 2, 'k1', 1010),
      uncertain('a', 1, 2500),
      event('a', 3, 'k2', 9000),
    ];
    expect(sampled(() => false, ofBefore)).toMatchObject({ silentlyWrong: 1 });
    // A key that is never corrected is wrong until the last sample.
    expect(sampled(() => false, [late[0]!])).toMatchObject({ silentlyWrong: 1, longestWrongMs: 7750 });
  });

  it('counts events of foreign assistants, keys that nobody had, and what a bulk left out', () => {
    const strangers = { ...two, x: [change('x0', 0, 'start'), change('x1', 1000)] };
    const published = [
      event('a', 1, 'k1', 1010),
      event('x', 1, 'x0', 1020),
      event('a', 2, 'sk_***', 1500),
      event('a', 3, 'k2', 2010),
    ];
    expect(judged(strangers, published, { isOurs: (id) => id === 'a' })).toMatchObject({
      clean: true,
      divergent: 0,
      strangersPublished: 1,
      keysNeverMade: 1,
      mostUnpublished: { org: 1 },
    });
    expect(judged(two, [event('a', 1, 'k2', 2010)], { leftOut: 3 })).toMatchObject({
      clean: false,
      leftOut: 3,
    });
  });
});

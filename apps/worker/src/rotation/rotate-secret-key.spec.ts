import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Claim, ClaimOptions, ClaimResult } from '@rekey/ledger';
import { silentLogger } from '@rekey/runtime';
import { createPacer } from '../shared/pacer.ts';
import type { RotateDeps } from './rotate-deps.ts';
import { rotateSecretKey, sendClaimed } from './rotate-secret-key.ts';

/** How a claim and its slot meet. The model (model/protocol.spec.ts) covers the outcomes of POSTs. */
const silent = () => {};
let nowMs: number;
let did: string[];
let timely: boolean;
/** What the pacer answers: the time to wait, or 0 for a slot. */
let waitMs: number;
const claim: Claim = {
  rotationId: 'rot_00000000000000000000000001',
  orgId: 'org_1',
  assistantId: 'ast_1',
  epoch: 1,
  atMs: 0,
  attempts: 1,
  startedMs: 0,
  unknownsInARow: 0,
  doubted: false,
  uncertain: false,
  fresh: false,
};
const deps = {
  ledger: { rotations: { release: async () => void did.push('release') } },
  invent: {
    rotateSecretKey: async (_target: unknown, { sendBeforeMs }: { sendBeforeMs: number }) => {
      did.push(`POST before ${sendBeforeMs}`);
      return nowMs > sendBeforeMs
        ? { outcome: 'not-done', code: 'SENT_TOO_LATE', retry: true, reason: '' }
        : { outcome: 'not-done', code: 'UPSTREAM_UNREACHABLE', retry: true, reason: '' };
    },
  },
  pacer: {
    unused: async () => did.push('slot returned'),
    isTimely: () => timely,
    take: async (lane: string, withinMs: number, { acceptLate }: { acceptLate: boolean }) => {
      did.push(`slot of ${lane} within ${withinMs}${acceptLate ? ', late or not' : ''}`);
      return waitMs;
    },
  },
  clock: { nowMs: () => nowMs, sleep: async () => {} },
  logger: silentLogger,
  meter: { rotated: silent },
  timing: {
    sendWithinMs: 500,
    requestTimeoutMs: 1000,
    leaseMarginMs: 1000,
    landingWindowMs: 1000,
    readLagMs: 0,
    confirmAfterMs: 30_000,
    retryForMs: 60_000,
  },
  holdBack: () => undefined,
  confirmDurable: async () => true,
  stopping: new AbortController().signal,
} as unknown as RotateDeps;

beforeEach(() => {
  [nowMs, did, timely, waitMs] = [10_000, [], true, 0];
});

describe('a claim', () => {
  it('is sent in the slot that came with it', async () => {
    await sendClaimed(deps)(claim, { askedMs: 9_990, probes: false });
    expect(did).toEqual(['POST before 10490', 'release']);
  });

  it('whose slot has expired takes another one, late or not', async () => {
    timely = false;
    await sendClaimed(deps)(claim, { askedMs: 9_800, probes: false });
    expect(did).toEqual(['slot of bulk within 300, late or not', 'POST before 10300', 'release']);
  });

  it('for which no other slot comes in time is not sent, and is retried', async () => {
    [timely, waitMs] = [false, 40];
    expect(await sendClaimed(deps)(claim, { askedMs: 9_800, probes: false })).toMatchObject({
      kind: 'retry',
    });
    expect(did).toEqual(['slot of bulk within 300, late or not', 'release']);
  });

  it('that is too old to be sent takes no slot', async () => {
    timely = false;
    expect(await sendClaimed(deps)(claim, { askedMs: 9_000, probes: false })).toMatchObject({
      kind: 'retry',
    });
    expect(did).toEqual(['POST before 9500', 'release']);
  });
});

describe('a claim of a bulk rotation that probes a closed budget', () => {
  const probe = (askedMs: number) => sendClaimed(deps)(claim, { askedMs, probes: true });

  it('is sent in its slot, however late', async () => {
    await probe(9_800);
    expect(did).toEqual(['POST before 10300', 'release']);
  });

  it('leaves the probe to the next request if it is not sent', async () => {
    await probe(9_000);
    expect(did).toEqual(['POST before 9500', 'slot returned', 'release']);
  });
});

describe('a claim that waits for its slot', () => {
  /** What the ledger answers, in turn. The last answer repeats. */
  let answers: ClaimResult[];
  let asked: { slotGranted: boolean; atMs: number }[];
  /** By how much each pause takes longer than requested. */
  let stalls: number[];
  const clock = {
    nowMs: () => nowMs,
    sleep: async (ms: number) => {
      nowMs += ms + (stalls.shift() ?? 0);
    },
  };
  const ledger = {
    rotations: {
      ...deps.ledger.rotations,
      claim: async (_job: unknown, { slotGranted = false }: ClaimOptions) => {
        asked.push({ slotGranted, atMs: nowMs });
        return answers.length > 1 ? answers.shift()! : answers[0]!;
      },
    },
  };
  const pacer = createPacer({
    budget: { take: async () => ({ taken: true }), returnProbe: async () => {} },
    clock,
    slotKeepsMs: 400,
  });
  const rotate = () =>
    rotateSecretKey({ ...deps, ledger, clock, pacer, maxOpenIntents: 20 } as unknown as RotateDeps)(
      claim,
      'redelivery',
    );
  const claimed: ClaimResult = { kind: 'claimed', claim };

  beforeEach(() => {
    [asked, stalls] = [[], []];
  });

  it.each<[what: string, more: { probes?: true }, tookMs: number, expected: string[]]>([
    ['takes another slot if its own has expired', {}, 450, ['bulk']],
    ['keeps its slot, however late, if it probes a closed budget', { probes: true }, 450, []],
    [
      'returns its slot if it was to probe a closed budget and is not sent',
      { probes: true },
      550,
      ['returned'],
    ],
    ['that is not sent returns no other slot', {}, 550, []],
  ])('%s', async (_what, more, tookMs, expected) => {
    const taken: string[] = [];
    const take = async (lane: string) => {
      taken.push(lane);
      return { taken: true } as const;
    };
    const claimSlowly = async () => {
      nowMs += tookMs;
      return { ...claimed, ...more };
    };
    const slow = { rotations: { ...deps.ledger.rotations, claim: claimSlowly } };
    const returnProbe = async () => void taken.push('returned');
    const own = createPacer({ budget: { take, returnProbe }, clock, slotKeepsMs: 400 });
    await rotateSecretKey({ ...deps, ledger: slow, clock, pacer: own } as unknown as RotateDeps)(
      claim,
      'redelivery',
    );
    expect(taken).toEqual(expected);
    expect(did).toContain('POST before 10500');
  });

  it('takes the slot that was reserved', async () => {
    answers = [{ kind: 'paced', retryInMs: 120, reserved: true }, claimed];
    await rotate();
    expect(asked).toEqual([
      { slotGranted: false, atMs: 10_000 },
      { slotGranted: true, atMs: 10_120 },
    ]);
    expect(did).toEqual(['POST before 10620', 'release']);
  });

  it('takes another if the process slept too long', async () => {
    answers = [{ kind: 'paced', retryInMs: 120, reserved: true }, claimed];
    stalls = [401];
    await rotate();
    expect(asked).toEqual([
      { slotGranted: false, atMs: 10_000 },
      { slotGranted: false, atMs: 10_521 },
    ]);
  });

  it('loses the slot if there is no room when it comes', async () => {
    answers = [{ kind: 'paced', retryInMs: 120, reserved: true }, { kind: 'full', retryInMs: 5 }, claimed];
    await rotate();
    expect(asked.map(({ slotGranted }) => slotGranted)).toEqual([false, true, false]);
  });

  it('is delayed if none is reserved and none comes soon', async () => {
    answers = [{ kind: 'paced', retryInMs: 700, reserved: false }];
    expect(await rotate()).toMatchObject({ kind: 'retry' });
    expect(asked).toEqual([10_000, 10_700, 11_400].map((atMs) => ({ slotGranted: false, atMs })));
    expect(did).toEqual([]);
  });
});

describe('an unknown outcome with a published key, after its landing window', () => {
  let noted: object[];
  let published: object[];
  /** What the ledger answers to the commit of what was read. */
  let word: object;
  let stateRead: string;
  let uncertain: boolean;
  let unchangedForMs: number | undefined;
  let settled: string;
  /** The time since the end of the landing window (ms). */
  let landedMs: number;
  let secretKey: string | undefined;
  const resume = () => {
    const resumed = { ...claim, stateBefore: 'KEYID:new', versionBefore: 2, epoch: 3, uncertain };
    const outcome = {
      outcome: 'read',
      ...(unchangedForMs !== undefined && { unchangedForMs }),
      record: { id: 'ast_1', secretKey, deleted: false, json: '{}', unexpected: [] },
    };
    return rotateSecretKey({
      ...deps,
      ledger: {
        rotations: {
          claim: async () => ({
            kind: 'resumed',
            claim: resumed,
            landsInMs: -landedMs,
            satisfied: true,
            noted: true,
          }),
          settle: async () => {
            did.push('settle');
            return settled;
          },
          release: async () => did.push('release'),
          fail: async (_claim: unknown, { code }: { code: string }) => did.push(code),
        },
        assistants: { compare: async () => did.push('compare') },
      },
      invent: { getAssistant: async () => outcome },
      pacer: {
        ...deps.pacer,
        newSlot: () => ({ granted: false, atMs: () => nowMs, wait: async () => {} }),
        take: async () => waitMs,
      },
      meter: { read: silent },
      publisher: {
        stateOf: () => stateRead,
        noteUnknown: async (_claim: unknown, next: object) => noted.push(next),
        publish: async (
          _claim: unknown,
          _anchor: unknown,
          { cause, rotation, noted: since }: { cause: string; rotation: string; noted?: string },
        ) => {
          published.push({ cause, rotation, ...(since && { noted: since }) });
          return word;
        },
      },
      maxOpenIntents: 20,
    } as unknown as RotateDeps)(claim, 'redelivery');
  };

  beforeEach(() => {
    [landedMs, secretKey] = [600_000, 'sk'];
    [noted, published, word, stateRead, uncertain, unchangedForMs, settled] = [
      [],
      [],
      { kind: 'committed', entry: '1-0' },
      'KEYID:new',
      false,
      undefined,
      'settled',
    ];
  });

  it('ends if the key is unchanged', async () => {
    expect([await resume(), did, published]).toEqual([{ kind: 'done' }, ['compare', 'settle'], []]);
  });

  it('is read again when the ledger says so if an older key is read, however late', async () => {
    [stateRead, word] = ['KEYID:old', { kind: 'stale', retryInMs: 700 }];
    expect(await resume()).toEqual({ kind: 'retry', inMs: 700 });
    expect(noted).toMatchObject([{ readInMs: 700, readError: 'STALE_READ' }]);
    word = { kind: 'stale', retryInMs: 700_000 };
    expect(await resume()).toEqual({ kind: 'retry', inMs: 30_000 });
  });

  it('ends with a new version if consumers were notified and the key is unchanged', async () => {
    uncertain = true;
    expect([await resume(), did, published]).toEqual([
      { kind: 'done' },
      ['compare'],
      [{ cause: 'reconciliation', rotation: 'ends' }],
    ]);
  });

  it('does not end while several assistants show one key', async () => {
    settled = 'withheld';
    expect(await resume()).toMatchObject({ kind: 'retry' });
    expect(noted).toMatchObject([{ readError: 'KEYS_NOT_SHOWN' }]);
  });

  it('sends another POST if the key that is read is older than the rotation', async () => {
    // The rotation began at 0 by the clock of the ledger, and 10 s ago by the clock of the process.
    [stateRead, unchangedForMs, word] = [
      'KEYID:other',
      10_001,
      { kind: 'committed', entry: '1-0', satisfiesNone: true },
    ];
    await resume();
    expect([published[0], did[0]]).toEqual([
      { cause: 'reconciliation', rotation: 'ends', noted: 'before' },
      'release',
    ]);
    [unchangedForMs, published, word] = [0, [], { kind: 'committed', entry: '1-0' }];
    await resume();
    expect(published[0]).toEqual({ cause: 'reconciliation', rotation: 'ends' });
  });

  it('fails for lack of a key only if there is still none later, so that few POSTs leave', async () => {
    [landedMs, secretKey] = [10_000, undefined];
    expect([await resume(), did]).toEqual([{ kind: 'retry', inMs: 20_000 }, []]);
    expect(noted).toMatchObject([{ readInMs: 20_000, readError: 'NO_SECRET_KEY' }]);
    landedMs = 30_000;
    expect([await resume(), did]).toEqual([{ kind: 'done' }, ['NO_SECRET_KEY']]);
  });

  it('is read at least every 30 s, even while the request budget is closed', async () => {
    waitMs = 60_000;
    expect(await resume()).toEqual({ kind: 'retry', inMs: 30_000 });
    expect(noted).toMatchObject([{ readInMs: 30_000, readError: 'UPSTREAM_RATE_LIMITED' }]);
  });
});

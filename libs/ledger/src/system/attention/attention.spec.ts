import { describe, expect, it } from '@jest/globals';
import { attentionCodes, errorTable, type ArchiveReport, type AttentionCode } from '@rekey/schema';
import type { ArchiveFacts } from '../../archive/archive-status.ts';
import type { KnownProcess } from '../processes.ts';
import { attentionOf } from './attention.ts';
import type { SystemFacts } from './facts.ts';
import { sweepDueWithinMs } from './sweep-items.ts';

const NOW = 1_800_000_000_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const worker = (more: Partial<KnownProcess> = {}): KnownProcess => ({
  id: 'worker-a',
  kind: 'worker',
  roles: ['rotating', 'sweeping'],
  version: '1.0.0',
  startedMs: NOW - HOUR,
  seenMs: NOW,
  live: true,
  settings: {
    egress: 'default',
    sweepEveryMs: HOUR,
    landingWindowMs: 90_000,
    maxUnknowns: 20,
    observeOnly: false,
  },
  ...more,
});
const gateway = (settings: KnownProcess['settings']): KnownProcess =>
  worker({ id: 'gateway-a', kind: 'gateway', roles: ['serving'], settings });
const swept = (more: object = {}) => ({
  id: 'swp_1',
  state: 'SUCCEEDED' as const,
  beganMs: NOW - MINUTE,
  endedMs: NOW - MINUTE,
  compared: 5,
  ...more,
});
const archived = (more: Partial<ArchiveReport> = {}, waiting = 0): ArchiveFacts => ({
  isRequired: false,
  isVerifiable: true,
  waiting: { events: waiting, activity: 0 },
  report: {
    ledger: 'led',
    archive: 'archive-1',
    at: NOW,
    by: 'worker-a',
    positions: { events: '1-0', activity: '0-0' },
    behind: { events: 0, activity: 0 },
    lengths: { events: 1, activity: 0 },
    max_behind: 1000,
    number: 1,
    ...more,
  },
});
/** Everything is well. */
const facts = (more: Partial<SystemFacts> = {}): SystemFacts => ({
  nowMs: NOW,
  processes: [worker()],
  ledger: { id: 'led', begunMs: NOW - HOUR, now: { assistants: 5, consumers: 1, policies: 0 } },
  openRotations: 0,
  budgets: [],
  heldOrgs: [],
  rolledBack: [],
  stale: { first: [], count: 0 },
  uncertain: { first: [], count: 0 },
  quarantined: { first: [], count: 0 },
  tooLarge: { first: [], count: 0 },
  unknownsInARow: [],
  stoppedBulks: [],
  unreadableBulks: [],
  reconciling: [],
  unscheduledPolicies: [],
  overduePolicies: [],
  sweeps: { lastEnded: swept(), lastSuccess: swept() },
  unreadableConsumers: [],
  redis: { policy: 'noeviction', durable: true, usedShare: 0.1 },
  consumers: [{ name: 'svc', state: 'ACTIVE', live: true, lagMs: 0, lagEvents: 0, unapplied: 0 }],
  ...more,
});
const codes = (more: Partial<SystemFacts>): AttentionCode[] =>
  attentionOf(facts(more)).map(({ code }) => code);
const stopped = (state: string, why: string) => ({
  id: 'blk_1',
  orgId: 'org_1',
  state,
  why,
  sinceMs: NOW - HOUR,
});
const consumer = (more: object) => [
  { name: 'svc', state: 'ACTIVE', live: true, lagMs: 0, lagEvents: 0, unapplied: 0, ...more },
];

describe('what needs an operator', () => {
  it('is nothing while everything is well', () => {
    expect(attentionOf(facts())).toEqual([]);
  });

  it.each<[AttentionCode[], Partial<SystemFacts>]>([
    [
      ['LEDGER_LOST'],
      { ledger: { id: 'led', lostMs: NOW, now: { assistants: 0, consumers: 0, policies: 0 } } },
    ],
    [['CLOCK_JUMP'], { clockJump: '{"since":1}' }],
    [
      ['CLOCK_JUMP'],
      {
        processes: [
          worker(),
          worker({ id: 'worker-b', settings: { sweepEveryMs: HOUR, clockDoubt: 'disagrees' } }),
        ],
      },
    ],
    [
      [],
      {
        processes: [
          worker(),
          worker({ id: 'worker-b', live: false, settings: { sweepEveryMs: HOUR, clockDoubt: 'alone' } }),
        ],
      },
    ],
    [['NO_WORKER'], { processes: [] }],
    [['NO_WORKER'], { processes: [worker({ live: false, seenMs: NOW - MINUTE })] }],
    [['NO_WORKER'], { processes: [worker({ kind: 'archiver', roles: ['archiving'] })] }],
    [['NO_SWEEPER'], { processes: [worker({ roles: ['rotating'] })] }],
    [['REDIS_EVICTS'], { redis: { policy: 'allkeys-lru' } }],
    [['REDIS_MEMORY_LOW'], { redis: { usedShare: 0.92 } }],
    [['REDIS_WRITES_FAIL'], { redis: { writesFail: true } }],
    [['REDIS_NOT_DURABLE'], { redis: { durable: false } }],
    [[], { redis: {} }],
    [[], { archive: { isRequired: false, isVerifiable: true } }],
    [['ARCHIVE_MISSING'], { archive: { isRequired: true, isVerifiable: true, expectedSinceMs: NOW - HOUR } }],
    [[], { archive: { isRequired: true, isVerifiable: true, expectedSinceMs: NOW - 1000 } }],
    [[], { archive: archived() }],
    [['ARCHIVE_FAILED'], { archive: archived({ problem: { code: 'ENOSPC', since: 1, message: '' } }) }],
    [['ARCHIVE_BEHIND'], { archive: archived({ at: NOW - MINUTE }) }],
    [['CERTIFICATE_ENDS'], { processes: [worker(), gateway({ certificateEndsSoonMs: NOW })] }],
    [[], { processes: [worker(), gateway({ certificateEndsSoonMs: NOW + 1 })] }],
    [[], { processes: [worker(), { ...gateway({ certificateEndsSoonMs: NOW }), live: false }] }],
    [
      ['CERTIFICATE_ENDS'],
      { processes: [worker(), gateway({ certificateEndsSoonMs: 1, certificateEndsMs: 9e15 })] },
    ],
    [['CERTIFICATES_REFUSED'], { processes: [worker(), gateway({ certificatesRefusedMs: NOW - MINUTE })] }],
    [['ACCESS_FILE_REFUSED'], { processes: [worker(), gateway({ accessFileRefusedMs: NOW - MINUTE })] }],
    [[], { processes: [worker(), gateway({ accessFileRefusedMs: NOW - MINUTE + 1 })] }],
    [['ARCHIVE_BEHIND'], { archive: archived({}, 600) }],
    [[], { archive: archived({}, 500) }],
    [[], { archive: archived({ at: NOW - 8 * 24 * HOUR }) }],
    [
      ['ARCHIVE_GAP'],
      {
        archive: archived({
          gap: { at: NOW - HOUR, stream: 'events', after: '1-0', before: '3-0', missing: 1 },
        }),
      },
    ],
    [['FROZEN'], { frozen: { sinceMs: 1, reason: 'ill' } }],
    [
      ['OBSERVE_ONLY'],
      { processes: [worker({ settings: { observeOnly: true, sweepEveryMs: HOUR } })], openRotations: 1 },
    ],
    [[], { processes: [worker({ settings: { observeOnly: true, sweepEveryMs: HOUR } })] }],
    [['BUDGET_CLOSED'], { budgets: [{ egress: 'default', sinceMs: NOW, untilMs: NOW + HOUR }] }],
    [[], { budgets: [{ egress: 'default', sinceMs: NOW - 1000, untilMs: NOW + 1000 }] }],
    [['ORG_HELD'], { heldOrgs: [{ orgId: 'org_1', code: 'SOMETHING_NEW' }] }],
    [
      ['TOO_MANY_UNKNOWNS'],
      {
        unknownsInARow: [
          { orgId: 'org_1', count: 20 },
          { orgId: 'org_2', count: 19 },
        ],
      },
    ],
    [
      ['TOO_MANY_UNKNOWNS_IN_ALL'],
      { intentsInAll: { count: 1000, limit: 1000, middleLandsMs: NOW + 80_000 } },
    ],
    [[], { intentsInAll: { count: 1000, limit: 1000, middleLandsMs: NOW + 89_000 } }],
    [['TOO_MANY_UNKNOWNS_IN_ALL'], { intentsInAll: { count: 900, limit: 1000, middleLandsMs: NOW } }],
    [[], { intentsInAll: { count: 899, limit: 1000, middleLandsMs: NOW } }],
    [[], { intentsInAll: { count: 5, limit: 0 } }],
    [
      ['TOO_MANY_ROTATIONS'],
      { processes: [worker(), worker({ settings: { maxOpenRotations: 50 } })], indexedRotations: 50 },
    ],
    [[], { processes: [worker(), worker({ settings: { maxOpenRotations: 50 } })], indexedRotations: 49 }],
    [['BULK_HALTED'], { stoppedBulks: [stopped('HALTED', 'READS_FAIL')] }],
    [['BULK_HALTED'], { stoppedBulks: [stopped('HALTED', 'A_CODE_OF_A_LATER_VERSION')] }],
    [['BULK_UNREADABLE'], { unreadableBulks: ['blk_1'] }],
    [['BULK_PAUSED'], { stoppedBulks: [stopped('PAUSED', 'CANARY_DONE')] }],
    [
      [],
      {
        stoppedBulks: [stopped('PAUSED', 'PAUSED_BY_OPERATOR'), stopped('PAUSED', 'CANARY_AWAITS_CONSUMERS')],
      },
    ],
    [
      ['ROTATION_NEEDS_OPERATOR'],
      {
        reconciling: [
          {
            id: 'rot_1',
            orgId: 'o',
            assistantId: 'a',
            sinceMs: NOW,
            attempts: 1,
            operatorNeeded: true,
            readErrorCode: 'UPSTREAM_FORBIDDEN',
          },
        ],
      },
    ],
    [
      ['OUTCOME_UNKNOWN'],
      {
        reconciling: [
          {
            id: 'rot_1',
            orgId: 'o',
            assistantId: 'a',
            sinceMs: NOW - 10 * MINUTE,
            attempts: 1,
            operatorNeeded: false,
          },
        ],
      },
    ],
    [
      [],
      {
        reconciling: [
          {
            id: 'rot_1',
            orgId: 'o',
            assistantId: 'a',
            sinceMs: NOW - MINUTE,
            attempts: 2,
            operatorNeeded: false,
          },
        ],
      },
    ],
    // Each request is unknown for no longer than a landing window; a third unknown one is no coincidence.
    [
      ['RECORD_TOO_LARGE'],
      { tooLarge: { first: [{ assistantId: 'a', sinceMs: NOW, orgId: 'o' }], count: 1 } },
    ],
    [
      ['OUTCOME_UNKNOWN'],
      {
        reconciling: [
          { id: 'rot_1', orgId: 'o', assistantId: 'a', sinceMs: NOW, attempts: 3, operatorNeeded: false },
        ],
      },
    ],
    [
      ['UNCERTAIN'],
      { uncertain: { first: [{ assistantId: 'ast_1', sinceMs: NOW - 10 * MINUTE }], count: 1 } },
    ],
    [[], { uncertain: { first: [{ assistantId: 'ast_1', sinceMs: NOW - MINUTE }], count: 1 } }],
    [['STALE_READS'], { stale: { first: [{ assistantId: 'ast_1', sinceMs: NOW }], count: 1 } }],
    [['ROLLED_BACK'], { rolledBack: [{ assistantId: 'ast_1', sinceMs: NOW }] }],
    [['LEDGER_DAMAGED'], { damaged: [{ key: '{rekey}:stale', type: 'string', expected: 'hash' }] }],
    [['QUEUE_DAMAGED'], { damagedQueues: [{ key: '{rekey}:bull:sweeps:meta', why: 'it is a list' }] }],
    [['QUARANTINED'], { quarantined: { first: [{ assistantId: 'ast_1', why: 'version' }], count: 1 } }],
    [
      ['ROTATION_WAITS'],
      { oldest: { id: 'rot_1', createdMs: NOW - HOUR, state: 'QUEUED', errorCode: 'REPLICAS_MISSING' } },
    ],
    [[], { oldest: { id: 'rot_1', createdMs: NOW - MINUTE, state: 'QUEUED' } }],
    [['POLICY_NOT_SCHEDULED'], { unscheduledPolicies: [{ id: 'pol_1', why: 'calendar' }] }],
    [['POLICY_OVERDUE'], { overduePolicies: [{ id: 'pol_1', dueMs: NOW - HOUR }] }],
    [['SWEEP_NEVER'], { sweeps: {} }],
    [['SWEEP_NEVER'], { sweeps: { running: { id: 'swp_1', startedMs: NOW } } }],
    [
      ['SWEEP_FAILED'],
      {
        sweeps: {
          lastEnded: swept({ state: 'FAILED', errorCode: 'UPSTREAM_RATE_LIMITED' }),
          lastSuccess: swept(),
        },
      },
    ],
    [['SWEEP_OVERDUE'], { sweeps: { lastEnded: swept({ endedMs: NOW - sweepDueWithinMs(HOUR) - 1 }) } }],
    [[], { sweeps: { lastEnded: swept({ endedMs: NOW - sweepDueWithinMs(HOUR) }) } }],
    [
      [],
      {
        sweeps: {
          lastEnded: swept({ endedMs: NOW - 2 * HOUR }),
          running: { id: 'swp_2', startedMs: NOW - HOUR },
        },
      },
    ],
    [
      ['SWEEP_OVERDUE'],
      {
        sweeps: {
          lastEnded: swept({ endedMs: NOW - 30 * HOUR }),
          running: { id: 'swp_2', startedMs: NOW - 25 * HOUR },
        },
      },
    ],
    [
      ['SWEEP_OVERDUE'],
      {
        sweeps: {
          lastEnded: swept({ endedMs: NOW - 2 * HOUR }),
          // It was begun in time by a worker that died, and has begun again.
          running: { id: 'swp_2', startedMs: NOW - 10 * MINUTE },
        },
      },
    ],
    [['SWEEPS_DISABLED'], { processes: [worker({ settings: { sweepEveryMs: 0 } })] }],
    [[], { processes: [worker({ settings: { sweepEveryMs: 0 } }), worker({ id: 'worker-b' })] }],
    [['NOT_COMPARED_SINCE_RESTART'], { restartedMs: NOW }],
    [[], { restartedMs: NOW - 2 * MINUTE, sweeps: { lastEnded: swept(), lastSuccess: swept() } }],
    [['CONSUMER_UNREADABLE'], { unreadableConsumers: ['svc'] }],
    [['CONSUMER_NOT_SEALED_FOR'], { processes: [worker({ settings: { notSealedFor: ['svc'] } })] }],
    [['CONSUMER_PENDING'], { consumers: consumer({ state: 'PENDING', createdMs: NOW - HOUR }) }],
    [[], { acknowledgementsUnreadableMs: 5000 }],
    [['ACKNOWLEDGEMENTS_UNREADABLE'], { acknowledgementsUnreadableMs: 2 * MINUTE }],
    [['CONSUMER_GONE'], { consumers: consumer({ live: false }) }],
    [['CONSUMER_BEHIND'], { consumers: consumer({ lagMs: 2 * MINUTE, lagEvents: 3 }) }],
    [['CONSUMER_UNAPPLIED'], { consumers: consumer({ unapplied: 1 }) }],
  ])('%j of %j', (expected, more) => {
    expect(codes(more)).toEqual(expected);
  });

  it('is listed most urgent first; of many of a kind the first ten are named and the rest counted', () => {
    const first = Array.from({ length: 100 }, (_, i) => ({ assistantId: `ast_${i}`, sinceMs: NOW - HOUR }));
    const found = attentionOf(facts({ uncertain: { first, count: 5000 }, processes: [], sweeps: {} }));
    expect(found.map(({ code }) => code)).toEqual([
      'NO_WORKER',
      ...Array.from({ length: 11 }, () => 'UNCERTAIN'),
      'SWEEP_NEVER',
    ]);
    expect(found[11]!.message).toBe('4990 more of this kind.');
    expect(found.map(({ code }) => attentionCodes.indexOf(code))).toEqual(
      found.map(({ code }) => attentionCodes.indexOf(code)).toSorted((a, b) => a - b),
    );
  });

  it.each([
    ['{rekey}:orgs', 'set'],
    ['{rekey}:assistants:org_1', 'zset'],
  ])('advises sweeps that make %s again', (key, expected) => {
    const [damaged] = attentionOf(facts({ damaged: [{ key, type: 'string', expected }] }));
    expect(damaged!.advice).toContain(`redis-cli DEL '${key}'. A sweep of each org makes it again`);
  });

  it.each(Object.keys(errorTable))('has advice for a sweep that failed with %s', (errorCode) => {
    const [failed] = attentionOf(facts({ sweeps: { lastEnded: swept({ state: 'FAILED', errorCode }) } }));
    expect(failed).toMatchObject({ code: 'SWEEP_FAILED', message: expect.stringContaining(errorCode) });
    expect(failed!.advice.length).toBeGreaterThan(5);
  });

  it.each([
    'UPSTREAM_RATE_LIMITED',
    'UPSTREAM_UNREACHABLE',
    'OUTCOME_UNKNOWN',
    'TOO_MANY_GONE',
    'UPSTREAM_UNAUTHENTICATED',
    'ASSISTANT_NOT_FOUND',
  ])('does not have "Nothing" as the advice for a sweep that failed with %s', (errorCode) => {
    const [failed] = attentionOf(facts({ sweeps: { lastEnded: swept({ state: 'FAILED', errorCode }) } }));
    expect(failed!.advice).not.toMatch(/^Nothing/);
    expect(failed!.message).not.toContain('such assistant');
  });

  it('includes since when no worker is live: when the last one was heard of', () => {
    const [gone] = attentionOf(
      facts({
        processes: [
          worker({ live: false, seenMs: NOW - HOUR }),
          worker({ id: 'b', live: false, seenMs: NOW - MINUTE }),
        ],
      }),
    );
    expect(gone).toMatchObject({ code: 'NO_WORKER', sinceMs: NOW - MINUTE });
  });

  it('names the org, and the exact command that ends its hold', () => {
    const held = (orgId: string) =>
      attentionOf(
        facts({ heldOrgs: [{ orgId, sinceMs: NOW, code: 'TOO_MANY_GONE', affected: 30, known: 40 }] }),
      )[0]!;
    expect(held('org_1')).toMatchObject({
      subject: 'org_1',
      message: expect.stringMatching(/30 of 40 assistants.*TOO_MANY_GONE/),
      advice: expect.stringContaining('rekey sweep org_1 --accept-removals'),
    });
    expect(held("a;b'$&").advice).toContain(`rekey sweep 'a;b'\\''$&' --accept-removals`);
    expect(held('--yes').advice).toContain('rekey sweep --accept-removals -- --yes');
  });
});

import type { Attention } from '@rekey/schema';
import { readJump } from '../../time/clock-jump.ts';
import type { SystemFacts } from './facts.ts';
import { dateText, each, item, plural } from './items.ts';

const MEMORY_LOW_SHARE = 0.9;
const LONG_CLOSURE_MS = 10_000;
/** What consumers find records by. */
const SWEEPS_MAKE = /:(?:orgs|assistants:[^:]*)$/;

const isRotating = ({ roles }: SystemFacts['processes'][number]): boolean => roles.includes('rotating');

const clockItems = ({ clockJump, processes }: SystemFacts): Attention[] => {
  // The ledger notes a jump; what only one worker has observed is in its own settings.
  const doubting = processes.filter(
    (one) => one.live && isRotating(one) && one.settings.clockDoubt !== undefined,
  );
  const jump =
    clockJump === undefined
      ? []
      : [
          item('CLOCK_JUMP', {
            message: 'The clock of Redis jumped. Rotations pause, because versions are drawn from it.',
            advice: 'Set the clock of the machine that Redis runs on.',
            sinceMs: readJump(clockJump).sinceMs,
          }),
        ];
  return [
    ...jump,
    ...each('CLOCK_JUMP', doubting, ({ id, settings }) => {
      const what =
        settings.clockDoubt === 'disagrees'
          ? "The clock of this worker's host and the clock of Redis disagree by more than an hour"
          : 'The clock of Redis is not as this worker expects it';
      return {
        subject: id,
        message: `${what}: it rotates nothing.`,
        advice: 'Set the clocks of that host and of the machine that Redis runs on (NTP).',
      };
    }),
  ];
};

const REPLACED_FOR_MS = 86_400_000;

const eventsItems = ({ eventsReplacedMs, nowMs }: SystemFacts): Attention[] =>
  eventsReplacedMs === undefined || nowMs - eventsReplacedMs > REPLACED_FOR_MS
    ? []
    : [
        item('LEDGER_DAMAGED', {
          subject: 'events',
          message:
            'The stream of events had an id from the future, after which nothing could be added. ' +
            'It was replaced, and consumers read all keys anew.',
          advice:
            'If the clock of Redis was turned back, none. Otherwise: ' +
            'find the client that writes to the Redis of Rekey.',
          sinceMs: eventsReplacedMs,
        }),
      ];

const activityItems = ({ activityReplacedMs, nowMs }: SystemFacts): Attention[] =>
  activityReplacedMs === undefined || nowMs - activityReplacedMs > REPLACED_FOR_MS
    ? []
    : [
        item('LEDGER_DAMAGED', {
          subject: 'activity',
          message:
            'Another client had spoiled the stream of activity, so that nothing could be added. ' +
            'It was replaced: records that were not archived are lost.',
          advice: 'Find the client that writes to the Redis of Rekey.',
          sinceMs: activityReplacedMs,
        }),
      ];

/** The ledger itself: it vanished, was damaged, or its clock jumped. */
export const ledgerItems = (facts: SystemFacts): Attention[] => {
  const { ledger, damaged = [], damagedQueues = [], tooLong = [], overfullIntents = [] } = facts;
  const lost =
    ledger.lostMs === undefined
      ? []
      : [
          item('LEDGER_LOST', {
            subject: ledger.id,
            message:
              'The ledger in Redis vanished, and an empty one is in its place. ' +
              'No request that replaces a key is sent.',
            advice: 'Restore Redis from its backup; or accept what is there: rekey ledger adopt.',
            sinceMs: ledger.lostMs,
          }),
        ];
  return [
    ...lost,
    ...each('LEDGER_DAMAGED', damaged, ({ key, type, expected }) => ({
      subject: key,
      message:
        `Another client wrote to ${key}: it is a ${type}, and Rekey keeps a ${expected} there. ` +
        'What belongs there is not kept meanwhile.',
      advice:
        `Find the client that wrote it. Then restore the key, or delete it: redis-cli DEL '${key}'` +
        (SWEEPS_MAKE.test(key) ? '. A sweep of each org makes it again: rekey sweep ORG' : ''),
    })),
    ...each('LEDGER_DAMAGED', tooLong, (key) => ({
      subject: key,
      message: `Another client wrote to ${key} a field that is longer than any of Rekey. It is not read.`,
      advice: `Find the client that wrote it. Then delete the field alone: redis-cli HDEL '${key}' FIELD`,
    })),
    ...each('LEDGER_DAMAGED', overfullIntents, ({ key, count }) => ({
      subject: key,
      message: `Another client wrote to ${key}: it has ${count} entries, more than rotations may be open.`,
      advice: 'Find the client that writes it. Workers remove what no rotation stands behind.',
    })),
    ...eventsItems(facts),
    ...activityItems(facts),
    ...each('QUEUE_DAMAGED', damagedQueues, ({ key, why }) => ({
      subject: key,
      message: `Another client wrote to ${key}: ${why}. What is in this queue may not be delivered.`,
      advice:
        'A worker deletes it within 10 s, and queues again what was lost. If it stays, see whether a ' +
        `worker is live, and find the client that writes it. By hand: redis-cli DEL '${key}'`,
    })),
    ...clockItems(facts),
  ];
};

/** Processes: no worker, no sweeper, or workers that only observe. */
export const processItems = ({ processes, openRotations }: SystemFacts): Attention[] => {
  const live = processes.filter((one) => one.live);
  const rotating = live.filter(isRotating);
  if (rotating.length === 0) {
    const last = processes.filter(isRotating).map(({ seenMs }) => seenMs);
    const what = last.length > 0 ? 'No worker is live.' : 'No worker is live, and none was ever live.';
    return [
      item('NO_WORKER', {
        message: `${what} Nothing is rotated, read back or compared.`,
        advice:
          'Start a worker. If one runs, see its log: it does not reach this Redis, or does not respond.',
        sinceMs: last.length > 0 ? Math.max(...last) : undefined,
      }),
    ];
  }
  const items: Attention[] = [];
  if (!live.some(({ roles }) => roles.includes('sweeping')))
    items.push(
      item('NO_SWEEPER', {
        message: 'No live process runs sweeps. Keys that change at Invent are not noticed.',
        advice: 'Start a worker that sweeps.',
      }),
    );
  if (rotating.every(({ settings }) => settings.observeOnly) && openRotations > 0)
    items.push(
      item('OBSERVE_ONLY', {
        message:
          'All workers run with REKEY_OBSERVE_ONLY, and ' +
          `${plural(openRotations, 'rotation waits', 'rotations wait')}.`,
        advice: 'Unset REKEY_OBSERVE_ONLY, and restart the workers.',
      }),
    );
  return items;
};

/** Redis: eviction, memory, disk. */
export const redisItems = ({
  redis: { policy, usedShare, durable, writesFail },
}: SystemFacts): Attention[] => [
  ...(policy !== undefined && policy !== 'noeviction'
    ? [
        item('REDIS_EVICTS', {
          message: `Redis evicts keys (maxmemory-policy ${policy}).`,
          advice: 'Set maxmemory-policy to noeviction.',
        }),
      ]
    : []),
  ...(usedShare !== undefined && usedShare >= MEMORY_LOW_SHARE
    ? [
        item('REDIS_MEMORY_LOW', {
          message: `Redis uses ${Math.floor(usedShare * 100)}% of its memory.`,
          advice: 'Give Redis more memory (maxmemory).',
        }),
      ]
    : []),
  ...(writesFail
    ? [
        item('REDIS_WRITES_FAIL', {
          message: 'Redis could not write its data to disk.',
          advice: 'See the log of Redis, and check whether its disk is full.',
        }),
      ]
    : []),
  ...(durable === false
    ? [
        item('REDIS_NOT_DURABLE', {
          message: 'Redis keeps no append-only file: a restart of Redis loses what was accepted.',
          advice: 'Set appendonly to yes.',
        }),
      ]
    : []),
];

/** What holds requests back: an operator, or upstream. */
export const brakeItems = ({ frozen, budgets }: SystemFacts): Attention[] => [
  ...(frozen
    ? [
        item('FROZEN', {
          message: `Rotations are frozen: ${frozen.reason}`,
          advice: 'Resume them: rekey unfreeze.',
          sinceMs: frozen.sinceMs,
        }),
      ]
    : []),
  ...each(
    'BUDGET_CLOSED',
    budgets.filter(({ sinceMs, untilMs }) => untilMs - (sinceMs ?? 0) > LONG_CLOSURE_MS),
    ({ egress, sinceMs, untilMs }) => ({
      subject: egress,
      sinceMs,
      message:
        `The request budget is closed until ${dateText(untilMs)}: Invent answered 429 and asks to wait. ` +
        'One request a minute tests whether it is still closed.',
      advice: `See what else sends from this address. To send again at once: rekey budget open ${egress}`,
    }),
  ),
];

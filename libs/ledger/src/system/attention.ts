import {
  attentionCodes,
  errorTable,
  wordsOf,
  type Attention,
  type AttentionCode,
  type AssistantSince,
  type HeldOrgStatus,
  type LastSweep,
  type LedgerStatus,
  type Words,
} from '@rekey/schema';
import type { DamagedKey } from './damage.ts';
import { readJump } from '../time/ledger-clock.ts';
import type { KnownProcess } from './processes.ts';

/** What is known of the whole at one moment. Times are Redis time, in ms since 1970. */
export interface SystemFacts {
  nowMs: number;
  processes: KnownProcess[];
  ledger: LedgerStatus;
  /** Keys that hold another type than their own. */
  damaged?: DamagedKey[];
  /** The text of the ledger's note of a clock that jumped. */
  clockJump?: string;
  frozen?: { sinceMs?: number; reason: string };
  /** How many single rotations are open. */
  openRotations: number;
  budgets: { egress: string; sinceMs?: number; untilMs: number }[];
  heldOrgs: HeldOrgStatus[];
  /**
   * Assistants whose key went back to an older one at Invent within the last day, and was not replaced since.
   */
  rolledBack: AssistantSince[];
  /** Reads of these show an older key than the published one; how many there are in all. */
  stale: { first: (AssistantSince & { orgId?: string })[]; count: number };
  uncertain: { first: AssistantSince[]; count: number };
  /** Records that are too long to be read; how many there are in all. */
  tooLarge: { first: (AssistantSince & { orgId?: string })[]; count: number };
  quarantined: { first: (AssistantSince & { why: string })[]; count: number };
  /** Unknown outcomes in a row, by org. */
  unknownsInARow: { orgId: string; count: number; atMs?: number }[];
  stoppedBulks: { id: string; orgId: string; state: string; why: string; sinceMs?: number }[];
  /** Rotations of unknown outcome. */
  reconciling: {
    id: string;
    orgId: string;
    assistantId: string;
    sinceMs?: number;
    attempts: number;
    readErrorCode?: string;
    operatorNeeded: boolean;
  }[];
  /** The open rotation that has waited for longest. */
  oldest?: { id: string; createdMs: number; state: string; errorCode?: string };
  /** Policies that are not paused, and that no further window comes due of. */
  unscheduledPolicies: { id: string; why: NotScheduled }[];
  overduePolicies: { id: string; dueMs: number }[];
  sweeps: {
    lastEnded?: LastSweep;
    lastSuccess?: LastSweep & { beganMs?: number };
    running?: { id: string; startedMs?: number };
  };
  /** When Redis was last found to have been restarted, or replaced. */
  restartedMs?: number;
  /** Undefined if nobody follows their acknowledgements here. */
  consumers?: {
    name: string;
    state: string;
    createdMs?: number;
    live: boolean;
    heardMs?: number;
    lagMs: number;
    lagEvents: number;
    unapplied: number;
  }[];
  unreadableConsumers: string[];
  redis: { policy?: string; usedShare?: number; durable?: boolean; writesFail?: boolean };
}

type NotScheduled = 'unreadable' | 'calendar' | 'missing';

const SHOWN_OF_A_KIND = 10;
const MINUTE_MS = 60_000;
const DEFAULT_LANDING_WINDOW_MS = 120_000;
const OVERDUE_SLACK_MS = 30_000;
const LONGEST_SWEEP_MS = 86_400_000;
const ROTATION_WAITS_MS = 30 * MINUTE_MS;
const PENDING_MS = 2 * MINUTE_MS;
const BEHIND_MS = MINUTE_MS;
/** As many requests for one rotation are not lost by chance. */
const DOUBTFUL_ATTEMPTS = 3;
const LONG_CLOSURE_MS = 10_000;
export const POLICY_OVERDUE_MS = 10 * MINUTE_MS;
/** Workers schedule every minute what is not scheduled. */
export const POLICY_SCHEDULED_WITHIN_MS = 2 * MINUTE_MS;
const MEMORY_LOW_SHARE = 0.9;

const text = (ms: number): string => new Date(ms).toISOString();
const plural = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`;

/** Why a policy replaces no key, though it is not paused. */
const notScheduled: Record<NotScheduled, Words> = {
  unreadable: {
    message: 'The entry of the policy cannot be read; it replaces no key.',
    advice: 'See {rekey}:policy:ID; delete the policy, and create it again.',
  },
  calendar: errorTable.POLICY_NOT_SCHEDULED,
  missing: {
    message: 'No window of the policy is scheduled; it replaces no key.',
    advice: 'See the log of the workers, which schedule it every minute.',
  },
};

const ofRotation = (code: string, orgId?: string): Words => wordsOf(code, 'open rotation', orgId);

const howMany = (affected: number | undefined, known: number | undefined): string =>
  affected === undefined || affected === 0
    ? ''
    : ` ${affected}${known === undefined ? '' : ` of ${known}`} assistants.`;

/** The interval of sweeps; undefined if no process is known that makes any. */
const sweepInterval = (processes: KnownProcess[]): number | undefined => {
  const sweeping = processes.filter(
    ({ roles, settings }) => roles.includes('sweeping') && settings.sweepEveryMs !== undefined,
  );
  const live = sweeping.filter(({ live: is }) => is);
  const intervals = (live.length > 0 ? live : sweeping).map(({ settings }) => settings.sweepEveryMs!);
  if (intervals.length === 0) return undefined;
  return Math.min(...intervals.map((ms) => (ms === 0 ? Infinity : ms)));
};

/** How long after the last one ended a sweep may end without being overdue. */
export const sweepDueWithinMs = (everyMs: number): number =>
  everyMs + Math.min(everyMs, 5 * MINUTE_MS) + OVERDUE_SLACK_MS;

/**
 * What needs an operator, most urgent first. This function alone decides it: `rekey status`, its exit code,
 * the contract and the metrics show what it returns. Of many of a kind the first few are named, and the rest
 * are counted.
 */
export const attentionOf = (facts: SystemFacts): Attention[] => {
  const { nowMs, processes, ledger } = facts;
  const items: Attention[] = [];
  const add = (
    code: AttentionCode,
    message: string,
    advice: string,
    { sinceMs, subject = '' }: { sinceMs?: number | undefined; subject?: string } = {},
  ) => {
    items.push({ code, subject, message, advice, ...(sinceMs !== undefined && { sinceMs }) });
  };
  /** `count`: how many there are in all; those that are given are the first of them. */
  const addEach = <T>(
    code: AttentionCode,
    all: readonly T[],
    toItem: (one: T) => { subject: string; message: string; advice: string; sinceMs?: number | undefined },
    count = all.length,
  ) => {
    const shown = all.slice(0, SHOWN_OF_A_KIND);
    for (const one of shown) {
      const { message, advice, ...more } = toItem(one);
      add(code, message, advice, more);
    }
    if (count > shown.length && shown.length > 0)
      add(code, `${count - shown.length} more of this kind.`, toItem(shown[0]!).advice);
  };

  const live = processes.filter((one) => one.live);
  const rotating = live.filter(({ roles }) => roles.includes('rotating'));
  const landingWindowMs =
    Math.max(0, ...live.flatMap(({ settings }) => settings.landingWindowMs ?? [])) ||
    DEFAULT_LANDING_WINDOW_MS;

  if (ledger.lostMs !== undefined) {
    add(
      'LEDGER_LOST',
      'The ledger in Redis vanished, and an empty one is in its place. No request that replaces a key is sent.',
      'Restore Redis from its backup; or accept what is there: rekey ledger adopt.',
      { sinceMs: ledger.lostMs, subject: ledger.id },
    );
  }
  addEach('LEDGER_DAMAGED', facts.damaged ?? [], ({ key, type, expected }) => ({
    subject: key,
    message: `Another client wrote to ${key}: it is a ${type}, and Rekey keeps a ${expected} there. What belongs there is not kept meanwhile.`,
    advice: `Find who wrote it. Then restore the key, or delete it: redis-cli DEL '${key}'`,
  }));
  if (facts.clockJump !== undefined) {
    add(
      'CLOCK_JUMP',
      'The clock of Redis jumped. Rotations pause, because versions are drawn from it.',
      'Set the clock of the machine that Redis runs on.',
      { sinceMs: readJump(facts.clockJump).sinceMs },
    );
  }
  // A jump is noted in the ledger; what a worker alone has met is not.
  addEach(
    'CLOCK_JUMP',
    rotating.filter(({ settings }) => settings.clockDoubt !== undefined),
    ({ id, settings }) => ({
      subject: id,
      message: `${settings.clockDoubt === 'disagrees' ? "The clock of this worker's host and the clock of Redis disagree by more than an hour" : 'The clock of Redis is not as this worker expects it'}: it rotates nothing.`,
      advice: 'Set the clocks of that host and of the machine that Redis runs on (NTP).',
    }),
  );
  if (rotating.length === 0) {
    const last = processes.filter(({ roles }) => roles.includes('rotating')).map(({ seenMs }) => seenMs);
    add(
      'NO_WORKER',
      last.length > 0
        ? 'No worker is live. Nothing is rotated, read back or compared.'
        : 'No worker is live, and none has been heard of. Nothing is rotated, read back or compared.',
      'Start a worker. If one runs, see its log: it does not reach this Redis, or does not respond.',
      { sinceMs: last.length > 0 ? Math.max(...last) : undefined },
    );
  } else if (!live.some(({ roles }) => roles.includes('sweeping'))) {
    add(
      'NO_SWEEPER',
      'No live process makes sweeps. Keys that change at Invent are not noticed.',
      'Start a worker that sweeps.',
    );
  }
  const { policy, usedShare, durable, writesFail } = facts.redis;
  if (policy !== undefined && policy !== 'noeviction')
    add(
      'REDIS_EVICTS',
      `Redis evicts keys (maxmemory-policy ${policy}).`,
      'Set maxmemory-policy to noeviction.',
    );
  if (usedShare !== undefined && usedShare >= MEMORY_LOW_SHARE)
    add(
      'REDIS_MEMORY_LOW',
      `Redis uses ${Math.floor(usedShare * 100)}% of its memory.`,
      'Give Redis more memory (maxmemory).',
    );
  if (writesFail)
    add(
      'REDIS_WRITES_FAIL',
      'Redis could not write its data to disk.',
      'See the log of Redis, and whether its disk is full.',
    );
  if (facts.frozen)
    add('FROZEN', `Rotations are frozen: ${facts.frozen.reason}`, 'Resume them: rekey unfreeze.', {
      sinceMs: facts.frozen.sinceMs,
    });
  if (
    rotating.length > 0 &&
    rotating.every(({ settings }) => settings.observeOnly) &&
    facts.openRotations > 0
  ) {
    add(
      'OBSERVE_ONLY',
      `All workers run with REKEY_OBSERVE_ONLY, and ${plural(facts.openRotations, 'rotation waits', 'rotations wait')}.`,
      'Unset REKEY_OBSERVE_ONLY, and restart the workers.',
    );
  }
  addEach(
    'BUDGET_CLOSED',
    facts.budgets.filter(({ sinceMs, untilMs }) => untilMs - (sinceMs ?? 0) > LONG_CLOSURE_MS),
    ({ egress, sinceMs, untilMs }) => ({
      subject: egress,
      sinceMs,
      message: `The request budget is closed until ${text(untilMs)}: Invent answered 429 and asks to wait. One request a minute tries whether it is still closed.`,
      advice: `See what else sends from this address. To send again at once: rekey budget open ${egress}`,
    }),
  );
  addEach('ORG_HELD', facts.heldOrgs, ({ orgId, sinceMs, code, affected, known }) => ({
    subject: orgId,
    sinceMs,
    message: `The org is held: consumers keep what they have. ${wordsOf(code, 'sweep').message}${howMany(affected, known)} (${code})`,
    advice: wordsOf(code, 'sweep', orgId).advice,
  }));
  const maxUnknowns = Math.max(0, ...live.flatMap(({ settings }) => settings.maxUnknowns ?? []));
  addEach(
    'TOO_MANY_UNKNOWNS',
    facts.unknownsInARow.filter(({ count }) => maxUnknowns > 0 && count >= maxUnknowns),
    ({ orgId, count, atMs }) => ({
      subject: orgId,
      sinceMs: atMs,
      message: `${count} outcomes in a row were unknown. One request is sent per landing window, to try.`,
      advice: 'See whether Invent is well. Rotations resume when an outcome is known.',
    }),
  );
  const halted = facts.stoppedBulks.filter(({ state }) => state === 'HALTED');
  const paused = facts.stoppedBulks.filter(({ why }) => why === 'CANARY_DONE');
  const stoppedText = ({ id, orgId, state, why, sinceMs }: SystemFacts['stoppedBulks'][number]) => {
    const { message, advice } = wordsOf(why, 'open bulk rotation', orgId);
    return {
      subject: id,
      sinceMs,
      message: `The bulk rotation is ${state}. ${message} (${why})`,
      advice: `${advice} Commands: rekey bulk get ${id}, rekey bulk resume ${id}`,
    };
  };
  addEach('BULK_HALTED', halted, stoppedText);
  addEach('BULK_PAUSED', paused, stoppedText);
  const needed = facts.reconciling.filter(({ operatorNeeded }) => operatorNeeded);
  addEach('ROTATION_NEEDS_OPERATOR', needed, ({ id, orgId, sinceMs, readErrorCode = 'INTERNAL' }) => ({
    subject: id,
    sinceMs,
    message: `${readErrorCode === 'UPSTREAM_UNEXPECTED' ? '' : 'The key in force cannot be read back. '}${ofRotation(readErrorCode).message} (${readErrorCode})`,
    advice: `${ofRotation(readErrorCode, orgId).advice} Details: rekey get ${id}`,
  }));
  const late = (sinceMs: number | undefined): boolean =>
    sinceMs === undefined || nowMs - sinceMs > landingWindowMs + OVERDUE_SLACK_MS;
  const doubtful = facts.reconciling.filter(
    ({ operatorNeeded, sinceMs, attempts }) =>
      !operatorNeeded && (late(sinceMs) || attempts >= DOUBTFUL_ATTEMPTS),
  );
  addEach('OUTCOME_UNKNOWN', doubtful, ({ id, sinceMs, attempts, readErrorCode }) => ({
    subject: id,
    sinceMs,
    message: `The outcome of the rotation is unknown ${late(sinceMs) ? 'for longer than the landing window' : `after attempt ${attempts}`}.${readErrorCode ? ` ${ofRotation(readErrorCode).message} (${readErrorCode})` : ''}`,
    advice: `See whether Invent is well. Details: rekey get ${id}`,
  }));
  const doubts = facts.uncertain.first.filter(({ sinceMs }) => late(sinceMs));
  addEach(
    'UNCERTAIN',
    doubts,
    ({ assistantId, sinceMs }) => ({
      subject: assistantId,
      sinceMs,
      message: 'It is unknown for longer than the landing window whether the published key is in force.',
      advice: 'See whether Invent answers GET; then rotate the assistant, or run rekey sweep.',
    }),
    doubts.length === facts.uncertain.first.length ? facts.uncertain.count : doubts.length,
  );
  addEach(
    'STALE_READS',
    facts.stale.first,
    ({ assistantId, sinceMs }) => ({
      subject: assistantId,
      sinceMs,
      message: 'Invent shows an older key than the published one.',
      advice:
        'Nothing at first: the worker reads again, and publishes what is in force. To end the doubt at once, rotate the assistant.',
    }),
    facts.stale.count,
  );
  addEach('ROLLED_BACK', facts.rolledBack, ({ assistantId, sinceMs }) => ({
    subject: assistantId,
    sinceMs,
    message: 'Invent went back to an older key, as after a restore. It is in force and published.',
    advice: 'If that key was replaced because it leaked, it is valid again: rotate the assistant.',
  }));
  addEach(
    'QUARANTINED',
    facts.quarantined.first,
    ({ assistantId, sinceMs, why }) => ({
      subject: assistantId,
      sinceMs,
      message: `The ledger entry cannot be read: ${why}.`,
      advice: 'See {rekey}:assistant:ID; delete it if it is not a hash, then rotate the assistant.',
    }),
    facts.quarantined.count,
  );
  addEach(
    'RECORD_TOO_LARGE',
    facts.tooLarge.first,
    ({ assistantId, orgId, sinceMs }) => ({
      subject: assistantId,
      sinceMs,
      message: `The record${orgId === undefined ? '' : ` in ${orgId}`} is longer than 16 MiB and cannot be read. No request that replaces its key is sent, and a key that is replaced elsewhere is not noticed.`,
      advice: 'Shorten it at Invent (its instructions, for example), then run rekey sweep.',
    }),
    facts.tooLarge.count,
  );
  const { oldest } = facts;
  if (oldest && oldest.state === 'QUEUED' && nowMs - oldest.createdMs > ROTATION_WAITS_MS) {
    const why = oldest.errorCode
      ? ofRotation(oldest.errorCode)
      : { message: 'No reason is known.', advice: 'See the log of the workers.' };
    add(
      'ROTATION_WAITS',
      `The rotation has been QUEUED for more than ${ROTATION_WAITS_MS / MINUTE_MS} minutes. ${why.message}${oldest.errorCode ? ` (${oldest.errorCode})` : ''}`,
      `${why.advice} Details: rekey get ${oldest.id}`,
      { sinceMs: oldest.createdMs, subject: oldest.id },
    );
  }
  addEach('POLICY_NOT_SCHEDULED', facts.unscheduledPolicies, ({ id, why }) => ({
    subject: id,
    message: notScheduled[why].message,
    advice: `${notScheduled[why].advice} Details: rekey policy get ${id}`,
  }));
  addEach('POLICY_OVERDUE', facts.overduePolicies, ({ id, dueMs }) => ({
    subject: id,
    sinceMs: dueMs,
    message: 'A window of the policy is due, and no worker has begun it.',
    advice: `See the log of the workers. rekey policy get ${id}`,
  }));
  addSweeps(facts, add);
  for (const name of facts.unreadableConsumers.slice(0, SHOWN_OF_A_KIND))
    add(
      'CONSUMER_UNREADABLE',
      'The entry of the consumer cannot be read; nothing is sealed for it.',
      'Remove it, and add it again.',
      { subject: name },
    );
  addConsumers(facts, addEach);
  if (durable === false)
    add(
      'REDIS_NOT_DURABLE',
      'Redis keeps no append-only file: a restart of Redis loses what was accepted.',
      'Set appendonly to yes.',
    );
  const rank = new Map(attentionCodes.map((code, i) => [code, i]));
  return items
    .map((item, i) => ({ item, i }))
    .toSorted((a, b) => rank.get(a.item.code)! - rank.get(b.item.code)! || a.i - b.i)
    .map(({ item }) => item);
};

type Add = (
  code: AttentionCode,
  message: string,
  advice: string,
  more?: { sinceMs?: number | undefined; subject?: string },
) => void;

const addSweeps = ({ nowMs, processes, sweeps, restartedMs, ledger }: SystemFacts, add: Add): void => {
  const { lastEnded, lastSuccess, running } = sweeps;
  const everyMs = sweepInterval(processes);
  const isAtWork = running !== undefined && nowMs - (running.startedMs ?? nowMs) < LONGEST_SWEEP_MS;
  const success = lastSuccess
    ? `The last success was at ${text(lastSuccess.endedMs)}.`
    : 'None has succeeded yet.';
  if (lastEnded?.state === 'FAILED') {
    const code = lastEnded.errorCode ?? 'INTERNAL';
    add(
      'SWEEP_FAILED',
      `The last sweep of everything failed. ${wordsOf(code, 'sweep').message} (${code}) ${success}`,
      wordsOf(code, 'sweep').advice,
      { sinceMs: lastEnded.endedMs, subject: lastEnded.id },
    );
  }
  if (everyMs === Infinity) {
    add(
      'SWEEPS_DISABLED',
      `Sweeps are disabled (REKEY_SWEEP_EVERY_MS=0): keys that change at Invent are not noticed. ${success}`,
      'Set REKEY_SWEEP_EVERY_MS, or run rekey sweep yourself.',
      { sinceMs: lastSuccess?.endedMs },
    );
  }
  if (!lastEnded) {
    if (everyMs !== Infinity) {
      add(
        'SWEEP_NEVER',
        isAtWork
          ? 'Nothing has been compared with Invent yet; the first sweep is running.'
          : 'Nothing has been compared with Invent yet.',
        isAtWork ? 'Wait for its end: rekey get ' + running.id + ' --wait' : 'Run rekey sweep.',
        { sinceMs: ledger.begunMs, ...(running && { subject: running.id }) },
      );
    }
  } else if (
    everyMs !== undefined &&
    everyMs !== Infinity &&
    nowMs - lastEnded.endedMs > sweepDueWithinMs(everyMs) &&
    !isAtWork
  ) {
    add(
      'SWEEP_OVERDUE',
      `The last sweep of everything ended at ${text(lastEnded.endedMs)}, and one is due every ${Math.round(everyMs / 1000)} s. ${success}`,
      'See the log of the workers; run rekey sweep.',
      { sinceMs: lastEnded.endedMs + everyMs },
    );
  }
  if (lastEnded && restartedMs !== undefined && (lastSuccess?.beganMs ?? 0) < restartedMs) {
    add(
      'NOT_COMPARED_SINCE_RESTART',
      'Redis was restarted or restored, and nothing has been compared with Invent since: published keys may be older than those in force.',
      'Wait for the sweep that follows, or run rekey sweep.',
      { sinceMs: restartedMs },
    );
  }
};

type AddEach = <T>(
  code: AttentionCode,
  all: readonly T[],
  toItem: (one: T) => { subject: string; message: string; advice: string; sinceMs?: number | undefined },
  count?: number,
) => void;

const addConsumers = ({ nowMs, consumers = [] }: SystemFacts, addEach: AddEach): void => {
  addEach(
    'CONSUMER_PENDING',
    consumers.filter(({ state, createdMs }) => state === 'PENDING' && nowMs - (createdMs ?? 0) > PENDING_MS),
    ({ name, createdMs }) => ({
      subject: name,
      sinceMs: createdMs,
      message: 'No worker has made the grant of this consumer yet.',
      advice: 'See the log of the workers.',
    }),
  );
  addEach(
    'CONSUMER_GONE',
    consumers.filter(({ live }) => !live),
    ({ name, heardMs }) => ({
      subject: name,
      sinceMs: heardMs,
      message: 'No instance of this consumer is live: it does not get new keys.',
      advice: `Start it; or, if it is no longer needed: rekey consumer remove ${name}`,
    }),
  );
  addEach(
    'CONSUMER_BEHIND',
    consumers.filter(({ live, lagMs }) => live && lagMs > BEHIND_MS),
    ({ name, lagMs, lagEvents }) => ({
      subject: name,
      sinceMs: nowMs - lagMs,
      message: `The consumer is ${lagEvents} events behind.`,
      advice: `See its log. rekey consumer status ${name}`,
    }),
  );
  addEach(
    'CONSUMER_UNAPPLIED',
    consumers.filter(({ live, unapplied }) => live && unapplied > 0),
    ({ name, unapplied }) => ({
      subject: name,
      message: `The consumer could not apply ${plural(unapplied, 'event')}.`,
      advice: `See which, and why: rekey consumer status ${name}`,
    }),
  );
};

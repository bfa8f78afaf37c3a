import { storedErrorText, type Attention, type ErrorText } from '@rekey/schema';
import type { SystemFacts } from './facts.ts';
import { MINUTE_MS, each, item } from './items.ts';

const DEFAULT_LANDING_WINDOW_MS = 120_000;
const OVERDUE_SLACK_MS = 30_000;
const ROTATION_WAITS_MS = 30 * MINUTE_MS;
/** This many requests for one rotation are not lost by chance. */
const DOUBTFUL_ATTEMPTS = 3;

const wordsOfRotation = (code: string, orgId?: string): ErrorText =>
  storedErrorText(code, 'open rotation', orgId);

/** Whether an outcome is unknown for longer than the landing window. */
const lateness = ({ nowMs, processes }: SystemFacts): ((sinceMs: number | undefined) => boolean) => {
  const windows = processes
    .filter(({ live }) => live)
    .flatMap(({ settings }) => settings.landingWindowMs ?? []);
  const landingWindowMs = Math.max(0, ...windows) || DEFAULT_LANDING_WINDOW_MS;
  return (sinceMs) => sinceMs === undefined || nowMs - sinceMs > landingWindowMs + OVERDUE_SLACK_MS;
};

/** Bulk rotations that an operator or a failure has stopped. */
export const bulkItems = ({ stoppedBulks, unreadableBulks }: SystemFacts): Attention[] => {
  const toItem = ({ id, orgId, state, why, sinceMs }: SystemFacts['stoppedBulks'][number]) => {
    const { message, advice } = storedErrorText(why, 'open bulk rotation', orgId);
    return {
      subject: id,
      sinceMs,
      message: `The bulk rotation is ${state}. ${message} (${why})`,
      advice: `${advice} Commands: rekey bulk get ${id}, rekey bulk resume ${id}`,
    };
  };
  const halted = stoppedBulks.filter(({ state }) => state === 'HALTED');
  const paused = stoppedBulks.filter(({ why }) => why === 'CANARY_DONE');
  return [
    ...each('BULK_HALTED', halted, toItem),
    ...each('BULK_UNREADABLE', unreadableBulks, (id) => ({
      subject: id,
      message: 'Another client has spoiled the entry of the bulk rotation; it does not continue.',
      advice: `Cancel it, and create it again: rekey bulk cancel ${id}. If that fails, delete its key.`,
    })),
    ...each('BULK_PAUSED', paused, toItem),
  ];
};

/** Most of these POSTs left long ago: a response usually takes less. */
const UNKNOWN_AFTER_MS = 5000;

/** How many intents of all orgs may be open before bulk rotations wait: a tenth is left to single ones. */
export const shareOfBulks = (limit: number): number => limit - Math.floor(limit / 10);

const limitItems = ({ nowMs, processes, intentsInAll, indexedRotations = 0 }: SystemFacts): Attention[] => {
  const live = processes.filter((one) => one.live).map(({ settings }) => settings);
  const landingWindowMs = Math.max(0, ...live.flatMap((one) => one.landingWindowMs ?? []));
  const { count = 0, limit = 0, middleLandsMs = Infinity } = intentsInAll ?? {};
  const isFull =
    limit > 0 && count >= shareOfBulks(limit) && nowMs + landingWindowMs - middleLandsMs > UNKNOWN_AFTER_MS;
  const waits = count >= limit ? 'Only reads are sent.' : 'Bulk rotations wait, and send only reads.';
  const mostOpen = Math.min(Infinity, ...live.flatMap((one) => one.maxOpenRotations ?? []));
  return [
    ...(isFull
      ? [
          item('TOO_MANY_UNKNOWNS_IN_ALL', {
            message: `${count} POSTs of all orgs together may still take effect. ${waits}`,
            advice: 'Check whether Invent is available. Rotations resume when outcomes are known.',
          }),
        ]
      : []),
    ...(indexedRotations >= mostOpen
      ? [
          item('TOO_MANY_ROTATIONS', {
            message: `${indexedRotations} rotations are open. Gateways refuse new ones.`,
            advice: 'See what holds rotations up, or set REKEY_MAX_OPEN_ROTATIONS.',
          }),
        ]
      : []),
  ];
};

const unknownItems = (facts: SystemFacts): Attention[] => {
  const isLate = lateness(facts);
  const limits = facts.processes
    .filter(({ live }) => live)
    .flatMap(({ settings }) => settings.maxUnknowns ?? []);
  const maxUnknowns = Math.max(0, ...limits);
  const doubtful = facts.reconciling.filter(
    ({ operatorNeeded, sinceMs, attempts }) =>
      !operatorNeeded && (isLate(sinceMs) || attempts >= DOUBTFUL_ATTEMPTS),
  );
  return [
    ...each(
      'TOO_MANY_UNKNOWNS',
      facts.unknownsInARow.filter(({ count }) => maxUnknowns > 0 && count >= maxUnknowns),
      ({ orgId, count, atMs }) => ({
        subject: orgId,
        sinceMs: atMs,
        message: `${count} outcomes in a row were unknown. One request per landing window is sent, to try.`,
        advice: 'Check whether Invent is available. Rotations resume when an outcome is known.',
      }),
    ),
    ...each('OUTCOME_UNKNOWN', doubtful, ({ id, sinceMs, attempts, readErrorCode }) => {
      const how = isLate(sinceMs) ? 'for longer than the landing window' : `after attempt ${attempts}`;
      const why = readErrorCode ? ` ${wordsOfRotation(readErrorCode).message} (${readErrorCode})` : '';
      return {
        subject: id,
        sinceMs,
        message: `The outcome of the rotation is unknown ${how}.${why}`,
        advice: `Check whether Invent is available. Details: rekey get ${id}`,
      };
    }),
  ];
};

/** Rotations that need an operator, whose outcome is unknown, or that wait. */
export const rotationItems = (facts: SystemFacts): Attention[] => {
  const { nowMs, oldest } = facts;
  const needed = facts.reconciling.filter(({ operatorNeeded }) => operatorNeeded);
  const items = [
    ...each('ROTATION_NEEDS_OPERATOR', needed, ({ id, orgId, sinceMs, readErrorCode = 'INTERNAL' }) => {
      const what = readErrorCode === 'UPSTREAM_UNEXPECTED' ? '' : 'The key in force cannot be read back. ';
      return {
        subject: id,
        sinceMs,
        message: `${what}${wordsOfRotation(readErrorCode).message} (${readErrorCode})`,
        advice: `${wordsOfRotation(readErrorCode, orgId).advice} Details: rekey get ${id}`,
      };
    }),
    ...unknownItems(facts),
    ...limitItems(facts),
  ];
  if (!oldest || oldest.state !== 'QUEUED' || nowMs - oldest.createdMs <= ROTATION_WAITS_MS) return items;
  const why = oldest.errorCode
    ? wordsOfRotation(oldest.errorCode)
    : { message: 'The reason is unknown.', advice: 'See the log of the workers.' };
  const waits = `The rotation has been QUEUED for more than ${ROTATION_WAITS_MS / MINUTE_MS} minutes.`;
  const code = oldest.errorCode ? ` (${oldest.errorCode})` : '';
  return [
    ...items,
    item('ROTATION_WAITS', {
      subject: oldest.id,
      sinceMs: oldest.createdMs,
      message: `${waits} ${why.message}${code}`,
      advice: `${why.advice} Details: rekey get ${oldest.id}`,
    }),
  ];
};

/** Assistants whose key is in doubt. */
export const doubtItems = (facts: SystemFacts): Attention[] => {
  const isLate = lateness(facts);
  const { first, count } = facts.uncertain;
  const late = first.filter(({ sinceMs }) => isLate(sinceMs));
  return [
    ...each(
      'UNCERTAIN',
      late,
      ({ assistantId, sinceMs }) => ({
        subject: assistantId,
        sinceMs,
        message: 'It is unknown for longer than the landing window whether the published key is in force.',
        advice: 'Check whether Invent answers GET; then rotate the assistant, or run rekey sweep.',
      }),
      late.length === first.length ? count : late.length,
    ),
    ...each(
      'STALE_READS',
      facts.stale.first,
      ({ assistantId, sinceMs }) => ({
        subject: assistantId,
        sinceMs,
        message: 'Invent shows an older key than the published one.',
        advice:
          'No action is needed at first: the worker reads again, and publishes the key in force. ' +
          'To end the doubt at once, rotate the assistant.',
      }),
      facts.stale.count,
    ),
    ...each('ROLLED_BACK', facts.rolledBack, ({ assistantId, sinceMs }) => ({
      subject: assistantId,
      sinceMs,
      message: 'Invent went back to an older key, as after a restore. It is in force and published.',
      advice: 'If that key was replaced because it leaked, it is valid again: rotate the assistant.',
    })),
  ];
};

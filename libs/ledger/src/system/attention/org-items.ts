import { errorTable, storedErrorText, type Attention, type ErrorText } from '@rekey/schema';
import type { NotScheduled, SystemFacts } from './facts.ts';
import { MINUTE_MS, each, item, plural } from './items.ts';

const PENDING_MS = 2 * MINUTE_MS;
const BEHIND_MS = MINUTE_MS;

const countText = (affected: number | undefined, known: number | undefined): string => {
  if (affected === undefined || affected === 0) return '';
  return ` ${affected}${known === undefined ? '' : ` of ${known}`} assistants.`;
};

export const orgItems = ({ heldOrgs }: SystemFacts): Attention[] =>
  each('ORG_HELD', heldOrgs, ({ orgId, sinceMs, code, affected, known }) => {
    const why = `${storedErrorText(code, 'sweep').message}${countText(affected, known)} (${code})`;
    return {
      subject: orgId,
      sinceMs,
      message: `The org is held: consumers keep their keys. ${why}`,
      advice: storedErrorText(code, 'sweep', orgId).advice,
    };
  });

/** Assistants whose entry or record cannot be read. */
export const unreadableItems = ({ quarantined, tooLarge }: SystemFacts): Attention[] => [
  ...each(
    'QUARANTINED',
    quarantined.first,
    ({ assistantId, sinceMs, why }) => ({
      subject: assistantId,
      sinceMs,
      message: `The ledger entry cannot be read: ${why}.`,
      advice:
        'See {rekey}:assistant:ID. If it is not a hash, delete it. If its epoch or version is no number ' +
        'up to 9006099743113215, delete that field. Then rotate the assistant.',
    }),
    quarantined.count,
  ),
  ...each(
    'RECORD_TOO_LARGE',
    tooLarge.first,
    ({ assistantId, orgId, sinceMs }) => ({
      subject: assistantId,
      sinceMs,
      message:
        `The record${orgId === undefined ? '' : ` in ${orgId}`} is longer than 16 MiB and cannot be read. ` +
        'No request that replaces its key is sent, and a key that is replaced elsewhere is not noticed.',
      advice: 'Shorten it at Invent (its instructions, for example), then run rekey sweep.',
    }),
    tooLarge.count,
  ),
];

/** Why a policy replaces no key, though it is not paused. */
const notScheduled: Record<NotScheduled, ErrorText> = {
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

export const policyItems = ({ unscheduledPolicies, overduePolicies }: SystemFacts): Attention[] => [
  ...each('POLICY_NOT_SCHEDULED', unscheduledPolicies, ({ id, why }) => ({
    subject: id,
    message: notScheduled[why].message,
    advice: `${notScheduled[why].advice} Details: rekey policy get ${id}`,
  })),
  ...each('POLICY_OVERDUE', overduePolicies, ({ id, dueMs }) => ({
    subject: id,
    sinceMs: dueMs,
    message: 'A window of the policy is due, and no worker has begun it.',
    advice: `See the log of the workers. rekey policy get ${id}`,
  })),
];

/** Names that a live worker reports. */
const notSealedFor = (processes: SystemFacts['processes']): string[] => [
  ...new Set(processes.filter(({ live }) => live).flatMap(({ settings }) => settings.notSealedFor ?? [])),
];

export const consumerItems = ({
  nowMs,
  processes,
  consumers = [],
  acknowledgementsUnreadableMs: unreadableMs = 0,
  unreadableConsumers,
}: SystemFacts): Attention[] => [
  ...unreadableConsumers.slice(0, 10).map((name) =>
    item('CONSUMER_UNREADABLE', {
      subject: name,
      message: 'The entry of the consumer cannot be read; nothing is sealed for it.',
      advice: 'Remove it, and add it again.',
    }),
  ),
  ...each('CONSUMER_NOT_SEALED_FOR', notSealedFor(processes), (name) => ({
    subject: name,
    message: 'A worker cannot open the keys of this consumer: records are not sealed for it.',
    advice:
      'See the log of the workers. If all have the right key file: remove the consumer, and add it again.',
  })),
  ...each(
    'CONSUMER_PENDING',
    consumers.filter(({ state, createdMs }) => state === 'PENDING' && nowMs - (createdMs ?? 0) > PENDING_MS),
    ({ name, createdMs }) => ({
      subject: name,
      sinceMs: createdMs,
      message: 'No worker has made the grant of this consumer yet.',
      advice: 'See the log of the workers.',
    }),
  ),
  ...(unreadableMs > MINUTE_MS
    ? [
        item('ACKNOWLEDGEMENTS_UNREADABLE', {
          sinceMs: nowMs - unreadableMs,
          message: 'The acknowledgements of consumers cannot be read: how far they are is unknown.',
          advice: 'See the log, and whether the Redis user has its rights: rekey doctor',
        }),
      ]
    : []),
  ...each(
    'CONSUMER_GONE',
    consumers.filter(({ live }) => !live),
    ({ name, heardMs }) => ({
      subject: name,
      sinceMs: heardMs,
      message: 'No instance of this consumer is live: it does not get new keys.',
      advice: `Start it; or, if it is no longer needed: rekey consumer remove ${name}`,
    }),
  ),
  ...each(
    'CONSUMER_BEHIND',
    consumers.filter(({ live, lagMs }) => live && lagMs > BEHIND_MS),
    ({ name, lagMs, lagEvents }) => ({
      subject: name,
      sinceMs: nowMs - lagMs,
      message: `The consumer is ${lagEvents} events behind.`,
      advice: `See its log. rekey consumer status ${name}`,
    }),
  ),
  ...each(
    'CONSUMER_UNAPPLIED',
    consumers.filter(({ live, unapplied }) => live && unapplied > 0),
    ({ name, unapplied }) => ({
      subject: name,
      message: `The consumer could not apply ${plural(unapplied, 'event')}.`,
      advice:
        `See which, and why: rekey consumer status ${name}. If a held key has a version in the future: ` +
        'restart the instance that reports it.',
    }),
  ),
];

import type { ErrorTexts } from './error-table.ts';

const GRANT = 'Grant the right, which rekey doctor or the log of the gateway names';

/** A call with a request id: repeated with the same id, it has the same result. */
const repeatable = (thing: string): ErrorTexts => {
  const repeat = `try again with the same request_id; it returns the same ${thing}.`;
  return {
    REDIS_UNAVAILABLE: { advice: `T${repeat.slice(1)}` },
    REDIS_NOT_PERMITTED: { advice: `${GRANT}, then ${repeat}` },
    REDIS_MEMORY_LOW: { advice: `Give Redis more memory, then ${repeat}` },
    ARCHIVE_BEHIND: { advice: `See rekey status, bring the archive back, then ${repeat}` },
    REPLICAS_MISSING: { advice: `Bring the replicas back, then ${repeat}` },
    SHUTTING_DOWN: { advice: `Another gateway will answer: ${repeat}` },
  };
};

/** A call that changes state and has no request id: repeated, it finds its change already made. */
const safeToRepeat: ErrorTexts = {
  REDIS_UNAVAILABLE: { advice: 'Try again: repeating the call is safe.' },
  REDIS_NOT_PERMITTED: { advice: `${GRANT}, then try again: repeating the call is safe.` },
  REDIS_MEMORY_LOW: {
    advice: 'Give Redis more memory, then try again: repeating the call is safe.',
  },
  ARCHIVE_BEHIND: {
    advice: 'See rekey status, bring the archive back, then try again: repeating the call is safe.',
  },
  REPLICAS_MISSING: {
    advice: 'Bring the replicas back, then try again: repeating the call is safe.',
  },
  SHUTTING_DOWN: {
    advice: 'Try again: another gateway will answer, and repeating the call is safe.',
  },
};

const callsSafeToRepeat = [
  'CancelRotation',
  'PauseBulkRotation',
  'ResumeBulkRotation',
  'CancelBulkRotation',
  'RetryBulkRotation',
  'PauseRotationPolicy',
  'ResumeRotationPolicy',
  'UpdateRotationPolicy',
  'SetConsumerOrgs',
  'CreateSweep',
  'Freeze',
  'Unfreeze',
];

const spent = (thing: string): ErrorTexts => ({
  REQUEST_ID_SPENT: {
    message: `This request_id was already used; its ${thing} is no longer stored.`,
    advice: `Generate a new request_id to create another ${thing}.`,
  },
});

/** A call that fails when repeated after it has succeeded: `done` says how to recognise that. */
const oncePossible = (done: string): ErrorTexts => ({
  REDIS_UNAVAILABLE: { advice: `Try again. ${done}` },
  REDIS_NOT_PERMITTED: { advice: `${GRANT}, then try again. ${done}` },
  REPLICAS_MISSING: {
    advice: `Bring the replicas back, then try again. ${done}`,
  },
});

export const textOfCalls: Readonly<Record<string, ErrorTexts>> = {
  RotateSecretKey: {
    ...repeatable('rotation'),
    LEDGER_CORRUPT: {
      advice: 'See rekey status and the log of the worker; repair or delete the entry, then rotate again.',
    },
  },
  CreateBulkRotation: {
    ...repeatable('bulk rotation'),
    ...spent('bulk rotation'),
  },
  CreateRotationPolicy: {
    ...repeatable('rotation policy'),
    ...spent('rotation policy'),
  },
  ...Object.fromEntries(callsSafeToRepeat.map((name) => [name, safeToRepeat])),
  WaitRotation: {
    CONSUMERS_MISSING: {
      message: 'The rotation has succeeded, but no consumer may read its org.',
      advice: 'Add a consumer (rekey consumer add), or wait for the rotation alone.',
    },
  },
  OpenBudget: oncePossible('If the budget is no longer closed, the first call has opened it.'),
  AdoptLedger: oncePossible('If the ledger is no longer lost, the first call has adopted it.'),
  AddConsumer: oncePossible('If the consumer exists with a shared key, the first call has added it.'),
  CreateToken: oncePossible(
    'If the token exists, the first call has created it: revoke it, since it is lost.',
  ),
  RevokeToken: oncePossible('If there is no such token any more, the first call has revoked it.'),
  TrustRegistry: oncePossible('If nothing is left to trust, the first call has replaced the registry.'),
  DeleteRotationPolicy: {
    REDIS_UNAVAILABLE: {
      advice: 'Try again. If there is no such policy any more, the first call has deleted it.',
    },
  },
  RemoveConsumer: oncePossible('If there is no such consumer any more, the first call has removed it.'),
};

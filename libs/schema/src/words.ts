import { errorTable, isErrorCode, type ErrorCode } from './errors.ts';

/**
 * What a code is told of, besides a call of the contract: a rotation that is open or FAILED, a sweep, a bulk
 * rotation that is open or FAILED, one assistant of it.
 */
export type Subject =
  'open rotation' | 'failed rotation' | 'sweep' | 'open bulk rotation' | 'failed bulk rotation' | 'bulk item';

export interface Words {
  message: string;
  advice: string;
}

type Overrides = Partial<Record<ErrorCode, Partial<Words>>>;

/** A call with a request id: the same one gives the same thing. */
const repeatable = (thing: string): Overrides => {
  const again = `try again with the same request_id; it gives the same ${thing}.`;
  return {
    REDIS_UNAVAILABLE: { advice: `T${again.slice(1)}` },
    REDIS_MEMORY_LOW: { advice: `Give Redis more memory, then ${again}` },
    REPLICAS_MISSING: { advice: `Bring the replicas back, then ${again}` },
    SHUTTING_DOWN: { advice: `Another gateway will answer: ${again}` },
  };
};

/** A call that changes something, and has no request id: repeated, it finds its change made. */
const safeToRepeat: Overrides = {
  REDIS_UNAVAILABLE: { advice: 'Try again: repeating the call is safe.' },
  REDIS_MEMORY_LOW: { advice: 'Give Redis more memory, then try again: repeating the call is safe.' },
  REPLICAS_MISSING: { advice: 'Bring the replicas back, then try again: repeating the call is safe.' },
  SHUTTING_DOWN: { advice: 'Try again: another gateway will answer, and repeating the call is safe.' },
};

const spent = (thing: string): Overrides => ({
  REQUEST_ID_SPENT: {
    message: `This request_id was used, and its ${thing} is no longer kept.`,
    advice: `Make a new request_id to create another ${thing}.`,
  },
});

const ofWorker: Overrides = { INTERNAL: { advice: 'See the log of the worker.' } };
const corrupt = (then: string): Overrides => ({
  LEDGER_CORRUPT: {
    advice: `See rekey status and the log of the worker; repair or delete the entry, then ${then}.`,
  },
});
/**
 * Of what an operator decides by a command: the command, and what to do afterwards. `ORG` stands for the id
 * of the org.
 */
const accept = (look: string, condition: string, then: string): Partial<Words> => ({
  advice: `${look} ${condition}: rekey sweep ORG --accept-removals.${then === '' ? '' : ` ${then}`}`,
});

/** An org that is held: nothing that was read of it is published until an operator has decided. */
const ofHeldOrg = (then: string, keysNotShown: string): Overrides => ({
  TOO_MANY_GONE: accept(
    'Check whether the API key is of another org.',
    'If the assistants are really gone',
    then,
  ),
  TOO_MANY_WITHOUT_KEY: accept(
    'Check the rights of the API key.',
    'If the assistants really have no key any more',
    then,
  ),
  TOO_MANY_CHANGED: accept(
    'Find out who replaced the keys, and whether Invent shows the real ones.',
    'If they are right',
    then,
  ),
  ORG_CHANGED: accept('Check the API key of the org.', 'If all known assistants are really gone', then),
  KEYS_NOT_SHOWN: { advice: `Check the rights of the API key. ${keysNotShown}` },
});

/** Why no request that replaces a key is sent, as an open rotation is told. */
const heldBack: Overrides = Object.fromEntries(
  (
    [
      'FROZEN',
      'CLOCK_JUMP',
      'LEDGER_LOST',
      'TOO_MANY_UNKNOWNS',
      'ORG_NOT_CONFIGURED',
      'UPSTREAM_UNAUTHENTICATED',
      'UPSTREAM_FORBIDDEN',
    ] as const
  ).map((code) => [code, { advice: `${errorTable[code].advice} The worker then continues by itself.` }]),
);

const badIds: Overrides = {
  INVALID_ARGUMENT: {
    message: 'The org or assistant id is not valid; nothing was sent.',
    advice: 'Check both ids.',
  },
};

/** What Invent answered to a list of an org. `then` says how the list is asked for again. */
const ofList = (then: string, selection = ''): Overrides => ({
  ...ofWorker,
  ...corrupt(then),
  ...ofHeldOrg(
    `${then[0]!.toUpperCase()}${then.slice(1)} when the org is no longer held.`,
    `When they are shown, ${then}.`,
  ),
  LIST_INCOMPLETE: {
    advice: `What was listed has been compared. Check in Invent how many assistants the org has, then ${then}.`,
  },
  REPLICAS_MISSING: { advice: `Bring the replicas back, then ${then}.` },
  ORG_NOT_CONFIGURED: { advice: `Add the org to INVENT_API_KEYS_FILE, then ${then}.` },
  UPSTREAM_UNAUTHENTICATED: { advice: `Check the API key configured for this org, then ${then}.` },
  UPSTREAM_FORBIDDEN: { advice: `Use a key of this org or of its parent, then ${then}.` },
  INVALID_ARGUMENT: { message: 'The org id is not valid; nothing was sent.', advice: 'Check the org id.' },
  REDIS_UNAVAILABLE: { advice: `Bring Redis back, then ${then}.` },
  REDIS_MEMORY_LOW: { advice: `Give Redis more memory, then ${then}.` },
  UPSTREAM_UNREACHABLE: { advice: `Check the network and INVENT_BASE_URL, then ${then}.` },
  UPSTREAM_RATE_LIMITED: {
    advice: `See until when the request budget is closed (rekey status), and what else sends from the same address; then ${then}.`,
  },
  UPSTREAM_REJECTED: { advice: `Check the org id${selection}, then ${then}.` },
  UPSTREAM_UNEXPECTED: { advice: `${errorTable.UPSTREAM_UNEXPECTED.advice} Then ${then}.` },
  ANSWER_UNREADABLE: {
    advice: `Check what stands between the worker and Invent, such as a proxy that compresses; then ${then}.`,
  },
  RECORD_TOO_LARGE: {
    message: 'An assistant of the org has a record longer than 16 MiB, which cannot be read.',
    advice: `See rekey status for which; shorten its record at Invent (its instructions, for example), then ${then}.`,
  },
  ASSISTANT_NOT_FOUND: {
    message: 'Invent knows no such org, or does not show it to this API key (404).',
    advice: `Check the org id, and whether the API key is of this org or of its parent; then ${then}.`,
  },
  OUTCOME_UNKNOWN: {
    message: 'Invent did not answer the list of assistants as expected.',
    advice: `Check whether Invent is available, then ${then}.`,
  },
  SENT_TOO_LATE: { advice: `Check whether the workers are overloaded, then ${then}.` },
});

const subjects: Readonly<Record<Subject, Overrides>> = {
  'open rotation': {
    ...ofWorker,
    ...corrupt('rotate again'),
    ...badIds,
    ...ofHeldOrg(
      'The worker continues by itself when the org is no longer held.',
      'The worker reads again by itself, and publishes no such key.',
    ),
    ...heldBack,
    UPSTREAM_UNEXPECTED: {
      advice: `${errorTable.UPSTREAM_UNEXPECTED.advice} Until then no request that replaces the key is sent; if this rotation has FAILED by then, rotate again.`,
    },
    ANSWER_UNREADABLE: {
      advice: `${errorTable.ANSWER_UNREADABLE.advice} Until then no request that replaces the key is sent.`,
    },
    RECORD_TOO_LARGE: {
      advice:
        'Shorten the record at Invent (its instructions, for example). The worker then reads the key back by itself.',
    },
    ASSISTANT_NOT_FOUND: {
      advice: 'Check in Invent whether the assistant exists. The worker reads again by itself.',
    },
    NO_SECRET_KEY: {
      advice:
        'Check the assistant in Invent, and the rights of the API key. The worker reads again by itself.',
    },
    REDIS_MEMORY_LOW: {
      message: 'Redis is nearly out of memory; no request is sent.',
      advice: 'Give Redis more memory; the worker then retries the rotation.',
    },
    REPLICAS_MISSING: { advice: 'Bring the replicas back; the worker then retries the rotation.' },
    UPSTREAM_UNREACHABLE: {
      advice: 'Check the network and INVENT_BASE_URL; the worker retries the rotation.',
    },
  },
  'failed rotation': {
    ...ofWorker,
    ...corrupt('rotate again'),
    ...badIds,
    REDIS_MEMORY_LOW: {
      message: 'Redis was nearly out of memory; no request was sent.',
      advice: 'Give Redis more memory, then rotate again.',
    },
    REPLICAS_MISSING: { advice: 'Bring the replicas back, then rotate again.' },
    UPSTREAM_RATE_LIMITED: { advice: 'Rotate again when the limit allows.' },
    UPSTREAM_UNEXPECTED: { advice: `${errorTable.UPSTREAM_UNEXPECTED.advice} Then rotate again.` },
    ANSWER_UNREADABLE: {
      advice:
        'Check what stands between the worker and Invent, such as a proxy that compresses; then rotate again.',
    },
    RECORD_TOO_LARGE: {
      advice:
        'Shorten the record at Invent (its instructions, for example), run rekey sweep, then rotate again.',
    },
    SENT_TOO_LATE: { advice: 'Check whether the workers are overloaded, then rotate again.' },
  },
  sweep: {
    ...ofList('run rekey sweep', ' that the API key is configured for'),
    ...ofHeldOrg('', 'Then run rekey sweep; no key that is not shown is published.'),
    UPSTREAM_RATE_LIMITED: {
      advice:
        'See until when the request budget is closed (rekey status), and what else sends from the same address; then run rekey sweep. The next scheduled sweep tries again.',
    },
    UPSTREAM_UNREACHABLE: {
      advice:
        'Check the network and INVENT_BASE_URL, then run rekey sweep. The next scheduled sweep tries again.',
    },
  },
  'open bulk rotation': {
    ...ofList('resume the bulk rotation', ' and the search term'),
    LIST_INCOMPLETE: {
      advice:
        'Check in Invent how many assistants the org has. Resume the bulk rotation to rotate those that were listed; or cancel it, and create it again.',
    },
    TOO_MANY_UNKNOWNS: { advice: 'Check whether Invent is available, then resume the bulk rotation.' },
    READS_FAIL: {
      advice:
        'Check whether Invent is available, and the rights of the API key; then resume the bulk rotation.',
    },
  },
  'failed bulk rotation': ofList('create the bulk rotation again', ' and the search term'),
  'bulk item': {
    ...ofWorker,
    ASSISTANT_NOT_FOUND: {
      advice:
        'Check the org and assistant ids, and whether the API key is of this org or of its parent; then retry the bulk rotation.',
    },
    NO_SECRET_KEY: {
      advice: 'Check the assistant in Invent, and the rights of the API key; then retry the bulk rotation.',
    },
    ORG_NOT_CONFIGURED: { advice: 'Add the org to INVENT_API_KEYS_FILE, then retry the bulk rotation.' },
    UPSTREAM_UNAUTHENTICATED: {
      advice: 'Check the API key configured for this org, then retry the bulk rotation.',
    },
    UPSTREAM_FORBIDDEN: { advice: 'Use a key of this org or of its parent, then retry the bulk rotation.' },
    ...corrupt('retry the bulk rotation'),
    ...badIds,
    REPLICAS_MISSING: { advice: 'Bring the replicas back, then retry the bulk rotation.' },
    UPSTREAM_UNREACHABLE: { advice: 'Check the network and INVENT_BASE_URL, then retry the bulk rotation.' },
    UPSTREAM_RATE_LIMITED: { advice: 'Retry the bulk rotation when the limit allows.' },
    UPSTREAM_UNEXPECTED: { advice: `${errorTable.UPSTREAM_UNEXPECTED.advice} Then retry the bulk rotation.` },
    ANSWER_UNREADABLE: {
      advice:
        'Check what stands between the worker and Invent, such as a proxy that compresses; then retry the bulk rotation.',
    },
    RECORD_TOO_LARGE: {
      advice:
        'Shorten the record at Invent (its instructions, for example), run rekey sweep, then retry the bulk rotation.',
    },
    SENT_TOO_LATE: { advice: 'Check whether the workers are overloaded, then retry the bulk rotation.' },
  },
};

const calls: Readonly<Record<string, Overrides>> = {
  RotateSecretKey: { ...repeatable('rotation'), ...corrupt('rotate again') },
  CreateBulkRotation: { ...repeatable('bulk rotation'), ...spent('bulk rotation') },
  CreateRotationPolicy: { ...repeatable('rotation policy'), ...spent('rotation policy') },
  ...Object.fromEntries(
    [
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
    ].map((name) => [name, safeToRepeat]),
  ),
  WaitRotation: {
    CONSUMERS_MISSING: {
      message: 'The rotation has succeeded, but no consumer may read its org.',
      advice: 'Add one (rekey consumer add), or wait for the rotation alone.',
    },
  },
  OpenBudget: {
    REDIS_UNAVAILABLE: {
      advice: 'Try again. If the budget is not closed by then, the first try has opened it.',
    },
    REPLICAS_MISSING: {
      advice:
        'Bring the replicas back, then try again. If the budget is not closed by then, the first try has opened it.',
    },
  },
  AdoptLedger: {
    REDIS_UNAVAILABLE: {
      advice: 'Try again. If the ledger is not lost by then, the first try has adopted it.',
    },
    REPLICAS_MISSING: {
      advice:
        'Bring the replicas back, then try again. If the ledger is not lost by then, the first try has adopted it.',
    },
  },
  AddConsumer: {
    REDIS_UNAVAILABLE: {
      advice: 'Try again. If the consumer is there by then, with a shared key, the first try has added it.',
    },
    REPLICAS_MISSING: {
      advice:
        'Bring the replicas back, then try again. If the consumer is there by then, with a shared key, the first try has added it.',
    },
  },
  DeleteRotationPolicy: {
    REDIS_UNAVAILABLE: {
      advice: 'Try again. If there is no such policy by then, the first try has deleted it.',
    },
  },
  RemoveConsumer: {
    REDIS_UNAVAILABLE: {
      advice: 'Try again. If there is no such consumer by then, the first try has removed it.',
    },
    REPLICAS_MISSING: {
      advice:
        'Bring the replicas back, then try again. If there is no such consumer by then, the first try has removed it.',
    },
  },
};

/**
 * A code in words that fit what it is told of: a call of the contract (`GetStatus`), or a subject. What the
 * table says where nothing is known of it.
 */
export const inWords = (code: ErrorCode, of: string): Words => {
  const { message, advice } = errorTable[code];
  const overrides = (
    Object.hasOwn(subjects, of) ? subjects[of as Subject] : Object.hasOwn(calls, of) ? calls[of]! : {}
  )[code];
  return { message, advice, ...overrides };
};

/** An id as a word of a command that can be pasted into a shell. */
const shellWord = (id: string): string =>
  /^[A-Za-z0-9_.-]+$/.test(id) ? id : `'${id.replaceAll("'", "'\\''")}'`;

/**
 * Names the org in advice that was written for any. An id that begins with a hyphen would be taken for an
 * option.
 */
const namingOrg = (advice: string, orgId: string): string =>
  advice.replaceAll(
    /rekey sweep ORG (--[a-z-]+)/g,
    (_, option: string) =>
      `rekey sweep ${orgId.startsWith('-') ? `${option} -- ${shellWord(orgId)}` : `${shellWord(orgId)} ${option}`}`,
  );

/**
 * The same of a code that stands in the ledger: one that only another version of Rekey knows is told as
 * INTERNAL. `orgId` is named in the commands of the advice.
 */
export const wordsOf = (code: string, of: Subject, orgId?: string): Words => {
  const { message, advice } = inWords(isErrorCode(code) ? code : 'INTERNAL', of);
  return { message, advice: orgId === undefined ? advice : namingOrg(advice, orgId) };
};

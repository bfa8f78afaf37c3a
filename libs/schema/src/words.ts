import { errorTable, type ErrorCode } from './errors.ts';

/** What a code is told of, besides a call of the contract: a rotation that is open or FAILED, a sweep, a bulk rotation that is open or FAILED, one assistant of it. */
export type Subject = 'open rotation' | 'failed rotation' | 'sweep' | 'open bulk rotation' | 'failed bulk rotation' | 'bulk item';

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
  REQUEST_ID_SPENT: { message: `This request_id was used, and its ${thing} is no longer kept.`, advice: `Make a new request_id to create another ${thing}.` },
});

const ofWorker: Overrides = { INTERNAL: { advice: 'See the log of the worker.' } };
const corrupt = (then: string): Overrides => ({ LEDGER_CORRUPT: { advice: `See rekey status and the log of the worker; repair or delete the entry, then ${then}.` } });
const badIds: Overrides = { INVALID_ARGUMENT: { message: 'The org or assistant id is not valid; nothing was sent.', advice: 'Check both ids.' } };

/** What Invent answered to a list of an org. `then` says how the list is asked for again. */
const ofList = (then: string, selection = ''): Overrides => ({
  ...ofWorker,
  ...corrupt(then),
  INVALID_ARGUMENT: { message: 'The org id is not valid; nothing was sent.', advice: 'Check the org id.' },
  REDIS_UNAVAILABLE: { advice: `Bring Redis back, then ${then}.` },
  REDIS_MEMORY_LOW: { advice: `Give Redis more memory, then ${then}.` },
  UPSTREAM_UNREACHABLE: { advice: `Check the network and INVENT_BASE_URL, then ${then}.` },
  UPSTREAM_RATE_LIMITED: { advice: `When the limit allows, ${then}.` },
  UPSTREAM_REJECTED: { advice: `Check the org id${selection}.` },
  ASSISTANT_NOT_FOUND: {
    message: 'Invent knows no such org, or does not show it to this API key (404).',
    advice: 'Check the org id, and whether the API key is of this org or of its parent.',
  },
  OUTCOME_UNKNOWN: { message: 'Invent did not answer as expected.', advice: `Check whether Invent is available, then ${then}.` },
  SENT_TOO_LATE: { advice: `Check whether the workers are overloaded, then ${then}.` },
});

const subjects: Readonly<Record<Subject, Overrides>> = {
  'open rotation': {
    ...ofWorker,
    ...corrupt('rotate again'),
    ...badIds,
    REDIS_MEMORY_LOW: { message: 'Redis is nearly out of memory; no request is sent.', advice: 'Give Redis more memory; the worker then retries the rotation.' },
    REPLICAS_MISSING: { advice: 'Bring the replicas back; the worker then retries the rotation.' },
    UPSTREAM_UNREACHABLE: { advice: 'Check the network and INVENT_BASE_URL; the worker retries the rotation.' },
  },
  'failed rotation': {
    ...ofWorker,
    ...corrupt('rotate again'),
    ...badIds,
    REDIS_MEMORY_LOW: { message: 'Redis was nearly out of memory; no request was sent.', advice: 'Give Redis more memory, then rotate again.' },
    REPLICAS_MISSING: { advice: 'Bring the replicas back, then rotate again.' },
    UPSTREAM_RATE_LIMITED: { advice: 'Rotate again when the limit allows.' },
    SENT_TOO_LATE: { advice: 'Check whether the workers are overloaded, then rotate again.' },
  },
  sweep: ofList('sweep again'),
  'open bulk rotation': ofList('resume the bulk rotation', ' and the search term'),
  'failed bulk rotation': ofList('create the bulk rotation again', ' and the search term'),
  'bulk item': {
    ...ofWorker,
    ...corrupt('retry the bulk rotation'),
    ...badIds,
    REPLICAS_MISSING: { advice: 'Bring the replicas back, then retry the bulk rotation.' },
    UPSTREAM_UNREACHABLE: { advice: 'Check the network and INVENT_BASE_URL, then retry the bulk rotation.' },
    UPSTREAM_RATE_LIMITED: { advice: 'Retry the bulk rotation when the limit allows.' },
    SENT_TOO_LATE: { advice: 'Check whether the workers are overloaded, then retry the bulk rotation.' },
  },
};

const calls: Readonly<Record<string, Overrides>> = {
  RotateSecretKey: { ...repeatable('rotation'), ...corrupt('rotate again') },
  CreateBulkRotation: { ...repeatable('bulk rotation'), ...spent('bulk rotation') },
  CreateRotationPolicy: { ...repeatable('rotation policy'), ...spent('rotation policy') },
  ...Object.fromEntries(
    [
      'CancelRotation', 'PauseBulkRotation', 'ResumeBulkRotation', 'CancelBulkRotation', 'RetryBulkRotation', 'PauseRotationPolicy', 'ResumeRotationPolicy',
      'SetConsumerOrgs', 'CreateSweep', 'Freeze', 'Unfreeze',
    ].map((name) => [name, safeToRepeat]),
  ),
  AddConsumer: {
    REDIS_UNAVAILABLE: { advice: 'Try again. If the consumer is there by then, with a shared key, the first try has added it.' },
    REPLICAS_MISSING: { advice: 'Bring the replicas back, then try again. If the consumer is there by then, with a shared key, the first try has added it.' },
  },
  DeleteRotationPolicy: { REDIS_UNAVAILABLE: { advice: 'Try again. If there is no such policy by then, the first try has deleted it.' } },
  RemoveConsumer: {
    REDIS_UNAVAILABLE: { advice: 'Try again. If there is no such consumer by then, the first try has removed it.' },
    REPLICAS_MISSING: { advice: 'Bring the replicas back, then try again. If there is no such consumer by then, the first try has removed it.' },
  },
};

/**
 * A code in words that fit what it is told of: a call of the contract (`GetStatus`), or a subject. What the table says where nothing is known of it.
 */
export const inWords = (code: ErrorCode, of: string): Words => {
  const { message, advice } = errorTable[code];
  const overrides = (Object.hasOwn(subjects, of) ? subjects[of as Subject] : Object.hasOwn(calls, of) ? calls[of]! : {})[code];
  return { message, advice, ...overrides };
};

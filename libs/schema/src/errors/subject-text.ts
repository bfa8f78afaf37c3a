import type { ErrorText } from './error-row.ts';
import { errorTable, type ErrorTexts } from './error-table.ts';

/** What an error can concern besides an RPC. `bulk item` is one assistant of a bulk rotation. */
export type ErrorSubject =
  'open rotation' | 'failed rotation' | 'sweep' | 'open bulk rotation' | 'failed bulk rotation' | 'bulk item';

const inWorker: ErrorTexts = {
  INTERNAL: { advice: 'See the log of the worker.' },
};

/** In these helpers, `next` is the action that completes the advice: `rotate again`. */
const corrupt = (next: string): ErrorTexts => ({
  LEDGER_CORRUPT: {
    advice: `See rekey status and the log of the worker; repair or delete the entry, then ${next}.`,
  },
});
const unreadable = (next: string): Partial<ErrorText> => ({
  advice: `Check what is between the worker and Invent, such as a proxy that compresses; then ${next}.`,
});
const tooLarge = (next: string): Partial<ErrorText> => ({
  advice: `Shorten the record at Invent (its instructions, for example)${next}.`,
});
const unreachable = (next: string): Partial<ErrorText> => ({
  advice: `Check the network and INVENT_BASE_URL${next}.`,
});

/** A decision for an operator. `ORG` stands for the id of the org. */
const accept = (check: string, condition: string, next: string): Partial<ErrorText> => ({
  advice: `${check} ${condition}: rekey sweep ORG --accept-removals.${next === '' ? '' : ` ${next}`}`,
});

/** A held org: Rekey publishes nothing that it read of it until an operator decides. */
const ofHeldOrg = (next: string, keysNotShown: string): ErrorTexts => ({
  TOO_MANY_GONE: accept(
    'Check whether the API key belongs to another org.',
    'If the assistants are really gone',
    next,
  ),
  TOO_MANY_WITHOUT_KEY: accept(
    'Check the permissions of the API key.',
    'If the assistants really have no key',
    next,
  ),
  TOO_MANY_CHANGED: accept(
    'Find out what replaced the keys, and whether Invent shows the real ones.',
    'If they are correct',
    next,
  ),
  ORG_CHANGED: accept('Check the API key of the org.', 'If all known assistants are really gone', next),
  KEYS_NOT_SHOWN: {
    advice: `Check the permissions of the API key. ${keysNotShown}`,
  },
});

/** Why the worker sends no request that replaces a key, in the context of an open rotation. */
const heldBack: ErrorTexts = Object.fromEntries(
  (
    [
      'FROZEN',
      'CLOCK_JUMP',
      'LEDGER_LOST',
      'REGISTRY_UNTRUSTED',
      'REGISTRY_NOT_TAKEN_OVER',
      'REGISTRY_KEY_OTHER',
      'TOO_MANY_UNKNOWNS',
      'TOO_MANY_UNKNOWNS_IN_ALL',
      'ORG_NOT_CONFIGURED',
      'UPSTREAM_UNAUTHENTICATED',
      'UPSTREAM_FORBIDDEN',
    ] as const
  ).map((code) => [
    code,
    {
      advice: `${errorTable[code].advice} The worker then continues automatically.`,
    },
  ]),
);

const badIds: ErrorTexts = {
  INVALID_ARGUMENT: {
    message: 'The org or assistant id is not valid; nothing was sent.',
    advice: 'Check both ids.',
  },
};

const CHECK_BUDGET =
  'See how long the request budget stays closed (rekey status), and what else sends from the same address';

/** What Invent answered to a LIST of an org. `retry` is the action that requests the list again. */
const ofList = (retry: string, selection = ''): ErrorTexts => ({
  ...inWorker,
  ...corrupt(retry),
  ...ofHeldOrg(
    `${retry[0]!.toUpperCase()}${retry.slice(1)} when the org is no longer held.`,
    `When they are shown, ${retry}.`,
  ),
  LIST_INCOMPLETE: {
    advice:
      'Listed assistants have been compared. ' +
      `Check at Invent how many assistants the org has, then ${retry}.`,
  },
  REPLICAS_MISSING: { advice: `Bring the replicas back, then ${retry}.` },
  ORG_NOT_CONFIGURED: {
    advice: `Add the org to INVENT_API_KEYS_FILE, then ${retry}.`,
  },
  UPSTREAM_UNAUTHENTICATED: {
    advice: `Check the API key configured for this org, then ${retry}.`,
  },
  UPSTREAM_FORBIDDEN: {
    advice: `Use an API key of this org or of its parent, then ${retry}.`,
  },
  INVALID_ARGUMENT: {
    message: 'The org id is not valid; nothing was sent.',
    advice: 'Check the org id.',
  },
  REDIS_UNAVAILABLE: { advice: `Bring Redis back, then ${retry}.` },
  REDIS_MEMORY_LOW: { advice: `Give Redis more memory, then ${retry}.` },
  ARCHIVE_BEHIND: { advice: `Bring the archive back, then ${retry}.` },
  UPSTREAM_UNREACHABLE: unreachable(`, then ${retry}`),
  UPSTREAM_RATE_LIMITED: { advice: `${CHECK_BUDGET}; then ${retry}.` },
  UPSTREAM_REJECTED: { advice: `Check the org id${selection}, then ${retry}.` },
  UPSTREAM_UNEXPECTED: {
    advice: `${errorTable.UPSTREAM_UNEXPECTED.advice} Then ${retry}.`,
  },
  ANSWER_UNREADABLE: unreadable(retry),
  RECORD_TOO_LARGE: {
    message: 'An assistant of the org has a record longer than 16 MiB, which cannot be read.',
    advice:
      'See rekey status for the assistant; ' +
      `shorten its record at Invent (its instructions, for example), then ${retry}.`,
  },
  ASSISTANT_NOT_FOUND: {
    message: 'Invent has no such org, or does not show it to this API key (404).',
    advice: `Check the org id, and whether the API key belongs to this org or to its parent; then ${retry}.`,
  },
  OUTCOME_UNKNOWN: {
    message: 'Invent did not answer the list of assistants as expected.',
    advice: `Check whether Invent is available, then ${retry}.`,
  },
  SENT_TOO_LATE: {
    advice: `Check whether the workers are overloaded, then ${retry}.`,
  },
});

const openRotation: ErrorTexts = {
  ...inWorker,
  ...corrupt('rotate again'),
  ...badIds,
  ...ofHeldOrg(
    'The worker continues automatically when the org is no longer held.',
    'The worker reads again automatically, and publishes no such key.',
  ),
  ...heldBack,
  UPSTREAM_UNEXPECTED: {
    advice:
      `${errorTable.UPSTREAM_UNEXPECTED.advice} Until then no request that replaces the key is sent; ` +
      'if this rotation has FAILED by then, rotate again.',
  },
  ANSWER_UNREADABLE: {
    advice: `${errorTable.ANSWER_UNREADABLE.advice} Until then no request that replaces the key is sent.`,
  },
  RECORD_TOO_LARGE: tooLarge('. The worker then reads the key back automatically'),
  ASSISTANT_NOT_FOUND: {
    advice: 'Check at Invent whether the assistant exists. The worker reads again automatically.',
  },
  NO_SECRET_KEY: {
    advice:
      'Check the assistant at Invent, and the permissions of the API key. ' +
      'The worker reads again automatically.',
  },
  REDIS_MEMORY_LOW: {
    message: 'Redis is nearly out of memory; no request is sent.',
    advice: 'Give Redis more memory; the worker then retries the rotation.',
  },
  ARCHIVE_BEHIND: {
    message: 'The archive is required and is away or too far behind; no request is sent.',
    advice: 'See rekey status, and bring the archive back; the worker then retries the rotation.',
  },
  REPLICAS_MISSING: {
    advice: 'Bring the replicas back; the worker then retries the rotation.',
  },
  UPSTREAM_UNREACHABLE: unreachable('; the worker retries the rotation'),
};

const failedRotation: ErrorTexts = {
  ...inWorker,
  ...corrupt('rotate again'),
  ...badIds,
  REDIS_MEMORY_LOW: {
    message: 'Redis was nearly out of memory; no request was sent.',
    advice: 'Give Redis more memory, then rotate again.',
  },
  ARCHIVE_BEHIND: {
    message: 'The archive was required and away or too far behind; no request was sent.',
    advice: 'Bring the archive back, then rotate again.',
  },
  REPLICAS_MISSING: { advice: 'Bring the replicas back, then rotate again.' },
  UPSTREAM_RATE_LIMITED: { advice: 'Rotate again when the limit allows it.' },
  UPSTREAM_UNEXPECTED: {
    advice: `${errorTable.UPSTREAM_UNEXPECTED.advice} Then rotate again.`,
  },
  ANSWER_UNREADABLE: unreadable('rotate again'),
  RECORD_TOO_LARGE: tooLarge(', run rekey sweep, then rotate again'),
  SENT_TOO_LATE: {
    advice: 'Check whether the workers are overloaded, then rotate again.',
  },
};

const NEXT_SWEEP = 'then run rekey sweep. The next scheduled sweep tries again';

const sweep: ErrorTexts = {
  ...ofList('run rekey sweep', ' that the API key is configured for'),
  ...ofHeldOrg('', 'Then run rekey sweep; it publishes no key that Invent does not show.'),
  UPSTREAM_RATE_LIMITED: { advice: `${CHECK_BUDGET}; ${NEXT_SWEEP}.` },
  UPSTREAM_UNREACHABLE: unreachable(`, ${NEXT_SWEEP}`),
};

const openBulk: ErrorTexts = {
  ...ofList('resume the bulk rotation', ' and the search term'),
  LEDGER_CORRUPT: {
    advice:
      'See rekey status and the log of the worker; repair or delete the entry, then resume the bulk ' +
      'rotation. If the list of its assistants is damaged (bulk_damaged), cancel it and create it again.',
  },
  LIST_INCOMPLETE: {
    advice:
      'Check at Invent how many assistants the org has. Resume the bulk rotation to rotate the listed ' +
      'assistants, or cancel it and create it again.',
  },
  TOO_MANY_UNKNOWNS: {
    advice: 'Check whether Invent is available, then resume the bulk rotation.',
  },
  READS_FAIL: {
    advice:
      'Check whether Invent is available, and the permissions of the API key; ' +
      'then resume the bulk rotation.',
  },
};

const RETRY_BULK = 'then retry the bulk rotation.';

const bulkItem: ErrorTexts = {
  ...inWorker,
  ASSISTANT_NOT_FOUND: {
    advice:
      'Check the org and assistant ids, and whether the API key belongs to this org or to its parent; ' +
      RETRY_BULK,
  },
  NO_SECRET_KEY: {
    advice: `Check the assistant at Invent, and the permissions of the API key; ${RETRY_BULK}`,
  },
  ORG_NOT_CONFIGURED: {
    advice: `Add the org to INVENT_API_KEYS_FILE, ${RETRY_BULK}`,
  },
  UPSTREAM_UNAUTHENTICATED: {
    advice: `Check the API key configured for this org, ${RETRY_BULK}`,
  },
  UPSTREAM_FORBIDDEN: {
    advice: `Use an API key of this org or of its parent, ${RETRY_BULK}`,
  },
  ...corrupt('retry the bulk rotation'),
  ...badIds,
  REPLICAS_MISSING: { advice: `Bring the replicas back, ${RETRY_BULK}` },
  UPSTREAM_UNREACHABLE: unreachable(', then retry the bulk rotation'),
  UPSTREAM_RATE_LIMITED: {
    advice: 'Retry the bulk rotation when the limit allows it.',
  },
  UPSTREAM_UNEXPECTED: {
    advice: `${errorTable.UPSTREAM_UNEXPECTED.advice} Then retry the bulk rotation.`,
  },
  ANSWER_UNREADABLE: unreadable('retry the bulk rotation'),
  RECORD_TOO_LARGE: tooLarge(', run rekey sweep, then retry the bulk rotation'),
  SENT_TOO_LATE: {
    advice: `Check whether the workers are overloaded, ${RETRY_BULK}`,
  },
};

export const textOfSubjects: Readonly<Record<ErrorSubject, ErrorTexts>> = {
  'open rotation': openRotation,
  'failed rotation': failedRotation,
  sweep,
  'open bulk rotation': openBulk,
  'failed bulk rotation': ofList('create the bulk rotation again', ' and the search term'),
  'bulk item': bulkItem,
};

import type { ErrorRow } from './error-row.ts';

/** Errors of Rekey itself, and the reasons why it sends no request. */
export const rekeyErrors = {
  REDIS_UNAVAILABLE: {
    grpc: 'UNAVAILABLE',
    retry: true,
    message: 'Rekey cannot reach its Redis.',
    advice: 'Try again.',
  },
  REDIS_REPLACED: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message: 'Another Redis answers than the one that the call is about; nothing was done.',
    advice: 'Read the state of the events again, then continue from there.',
  },
  REDIS_NOT_PERMITTED: {
    grpc: 'UNAVAILABLE',
    retry: true,
    message: 'Redis refuses a command: the user of this gateway lacks a right.',
    advice: 'Grant the right, which rekey doctor or the log of the gateway names, then try again.',
  },
  REDIS_MEMORY_LOW: {
    grpc: 'RESOURCE_EXHAUSTED',
    retry: true,
    message: 'Redis is nearly out of memory; nothing new is accepted.',
    advice: 'Give Redis more memory, then try again.',
  },
  ARCHIVE_BEHIND: {
    grpc: 'RESOURCE_EXHAUSTED',
    retry: true,
    message: 'The archive is required and is away or too far behind; nothing new is accepted.',
    advice: 'See rekey status, bring the archive back, then try again.',
  },
  REPLICAS_MISSING: {
    grpc: 'UNAVAILABLE',
    retry: true,
    message: 'Too few Redis replicas have confirmed the write.',
    advice: 'Bring the replicas back, then try again.',
  },
  SHUTTING_DOWN: {
    grpc: 'UNAVAILABLE',
    retry: true,
    message: 'This gateway is shutting down.',
    advice: 'Try again; another gateway will answer.',
  },
  LEDGER_CORRUPT: {
    grpc: 'INTERNAL',
    retry: false,
    message: 'The ledger contains an entry that cannot be read.',
    advice: 'See rekey status and the log; repair or delete the entry, then try again.',
  },
  QUEUE_DAMAGED: {
    grpc: 'UNAVAILABLE',
    retry: true,
    message: 'Another client has spoiled a queue in Redis; the request cannot be queued.',
    advice: 'Try again. If it recurs, see rekey status for the key, and find the client that writes it.',
  },
  INTERNAL: {
    grpc: 'INTERNAL',
    retry: false,
    message: 'An internal error occurred in Rekey.',
    advice: 'See the log of the gateway.',
  },
  // why Rekey sends no request that replaces a key
  FROZEN: {
    grpc: 'FAILED_PRECONDITION',
    retry: true,
    message: 'Rotations are frozen; no request is sent.',
    advice: 'Unfreeze rotations: run rekey unfreeze, or unset REKEY_OBSERVE_ONLY on the workers.',
  },
  CLOCK_JUMP: {
    grpc: 'UNAVAILABLE',
    retry: true,
    message: 'The Redis clock jumped, or differs from the clock of the worker; no request is sent.',
    advice: 'Synchronise the clocks (NTP).',
  },
  TOO_MANY_UNKNOWNS: {
    grpc: 'RESOURCE_EXHAUSTED',
    retry: true,
    message: 'Too many rotations in this org have an unknown outcome; only reads are sent.',
    advice: 'Check whether Invent is available.',
  },
  TOO_MANY_UNKNOWNS_IN_ALL: {
    grpc: 'RESOURCE_EXHAUSTED',
    retry: true,
    message: 'Too many rotations of all orgs together have an unknown outcome; only reads are sent.',
    advice: 'Check whether Invent is available.',
  },
  LEDGER_LOST: {
    grpc: 'FAILED_PRECONDITION',
    retry: true,
    message: 'The ledger in Redis was lost, and a new one was started; no request is sent.',
    advice: 'Restore Redis from its backup, or accept the empty ledger: rekey ledger adopt.',
  },
  LEDGER_NOT_LOST: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message: 'This ledger is not lost; there is nothing to adopt.',
    advice: 'Check that the gateway uses the intended Redis and REKEY_PREFIX.',
  },
  LEDGER_CHANGED: {
    grpc: 'ABORTED',
    retry: false,
    message: 'The ledger is not the one that the request asks to adopt.',
    advice: 'Check it again: rekey ledger adopt.',
  },
  REGISTRY_UNTRUSTED: {
    grpc: 'FAILED_PRECONDITION',
    retry: true,
    message: 'The stored registry of consumers cannot be verified, so no consumer is trusted.',
    advice: 'See rekey status. Restore Redis, or trust what is stored: rekey registry trust.',
  },
  REGISTRY_NOT_TAKEN_OVER: {
    grpc: 'FAILED_PRECONDITION',
    retry: true,
    message: 'The consumers of an earlier version are not trusted yet.',
    advice: 'Check and trust them: rekey registry trust. Until then, rotations wait.',
  },
  REGISTRY_KEY_OTHER: {
    grpc: 'FAILED_PRECONDITION',
    retry: true,
    message: 'The registry of consumers is signed with another registry key than the one of this process.',
    advice: 'Use the key file of this ledger; make that of the gateway with rekey key-file gateway.',
  },
  REGISTRY_KEY_MISSING: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message: 'This gateway has no key file, so it cannot verify consumers.',
    advice: 'Create one with rekey key-file gateway, and set REKEY_GATEWAY_KEY_FILE.',
  },
  REGISTRY_CONTESTED: {
    grpc: 'UNAVAILABLE',
    retry: true,
    message:
      'Another client keeps replacing the registry of consumers, and no worker has verified the current one.',
    advice: 'See rekey status. Find the client that writes to the Redis of Rekey, then restart the workers.',
  },
  REGISTRY_ENTRIES_CHANGED: {
    grpc: 'ABORTED',
    retry: false,
    message: 'An entry is not as it was shown; nothing was changed.',
    advice: 'Check the entries again: rekey registry trust.',
  },
  BUDGET_NOT_CLOSED: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message: 'This request budget is not closed.',
    advice: 'See rekey status for the name of the closed budget.',
  },
} as const satisfies Record<string, ErrorRow>;

import type { LogEvent } from './log-event.ts';

/** Worker: consumers. */
export const workerConsumersEvents = {
  consumer_granted: {
    level: 'info',
    message: 'consumer has its grant; published records are being sealed for it',
    meaning: 'The consumer becomes active once all records that it may read are sealed for it.',
  },
  consumer_active: {
    level: 'info',
    message: 'consumer can open everything that it may read',
    meaning: 'Enrolment of the consumer is complete.',
  },
  consumer_grant_failed: {
    level: 'error',
    message: 'consumer cannot be enrolled',
    meaning: 'Its key is not usable. Remove the consumer and add it with a valid key.',
  },
  consumer_keys_unreadable: {
    level: 'error',
    message: 'keys shared with a consumer cannot be opened; nothing is sealed for it',
    meaning: 'Remove the consumer and add it again.',
  },
  consumer_entries_unreadable: {
    level: 'error',
    message: 'ledger entries of consumers cannot be read; nothing is sealed for them',
    meaning: 'Remove the named consumers and add them again.',
  },
  records_resealed: {
    level: 'info',
    message: 'published records are sealed for the current consumers',
    meaning: 'Consumers were added or removed. `looked` and `replaced` count records.',
  },
  enrolment_failed: {
    level: 'warn',
    message: 'consumers could not be enrolled; retrying',
    meaning: 'The ledger could not be read or written. Check Redis.',
  },
  consumer_positions_unreadable: {
    level: 'warn',
    message: 'positions of consumers cannot be read; retrying',
    meaning: 'Canaries wait and lag metrics are old until Redis answers.',
  },
  consumer_proves_acknowledgements: {
    level: 'info',
    message: 'consumer signs its acknowledgements; unsigned ones no longer count for it',
    meaning:
      'An instance with a version of the SDK that signs has reported. Replace the other instances of this ' +
      'consumer too: once gateway or worker restart, older ones no longer count.',
  },
  acknowledgements_refused: {
    level: 'warn',
    message: 'acknowledgements in Redis do not count',
    meaning:
      '`counts` says how many since the last such line, by why: `malformed`, `forged` (a wrong signature), ' +
      '`replayed`, `unproved` (not signed, though the consumer signs) or `too-many-instances` (over 500). ' +
      'Something other than a consumer may write to Redis. Check the Redis users.',
  },
  acknowledgement_upkeep_failed: {
    level: 'warn',
    message: 'streams of acknowledgements could not be trimmed; retrying',
    meaning: 'The ledger could not be read or written. Check Redis.',
  },
  consumer_lag_unreadable: {
    level: 'warn',
    message: 'lag of consumers cannot be read; retrying',
    meaning: 'Lag metrics are old until Redis answers.',
  },
} as const satisfies Record<string, LogEvent>;

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
  consumer_not_sealed_for: {
    level: 'error',
    message: 'consumer may read records that this worker does not seal for it',
    meaning:
      'The worker cannot open the keys of the consumer. Rotations count it as UNAPPLIED if it is live. ' +
      'Remove the consumer and add it again.',
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
    meaning:
      'Canaries wait and lag metrics are old until Redis answers. See `err`; `rekey doctor` names rights ' +
      'that are missing.',
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
      '`replayed`, `unproved` (not signed, though the consumer signs), `too-many-instances` (over 500) or ' +
      '`other-grant` (with the grant of before, for more than a minute). ' +
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
  record_misplaced: {
    level: 'error',
    message: 'published records are not where they belong; they are sealed for nobody else',
    meaning:
      'Another client has put a record under another assistant or org, or changed it. `assistant_ids` are ' +
      'the first ones. A sweep publishes their keys again.',
  },
  recipients_unsettled: {
    level: 'warn',
    message: 'the recipients change all the time; the event is published for those that were last read',
    meaning: 'Another client writes to the field `readers` of the ledger. Find it.',
  },
  registry_repaired: {
    level: 'warn',
    message: 'the registry of consumers was changed by another client, and is put back',
    meaning:
      'Find the client that writes to the Redis of Rekey. `why` says what was found, `names` which entries ' +
      'were written again. After a failover that lost the last writes it needs no action.',
  },
  registry_problem: {
    level: 'error',
    message: 'the registry of consumers, or an entry of it, cannot be verified',
    meaning: '`code` and `subject` are those of rekey status, which says what to do.',
  },
  registry_problem_over: {
    level: 'info',
    message: 'a problem of the registry of consumers has ended',
    meaning: '`code` and `subject` are those of rekey status.',
  },
  key_file_doubted: {
    level: 'error',
    message: 'the key file may be that of another ledger; waiting to start',
    meaning:
      '`why` says what speaks against it. No verified registry shows whose the ledger is. Correct ' +
      'REKEY_KEY_FILE or REKEY_PREFIX if one is wrong. If not, another client has changed what is stored: ' +
      'find it, and start a process that remembers the registry, restore Redis, or run ' +
      '`rekey registry trust`. The worker then starts by itself.',
  },
  key_file_accepted: {
    level: 'info',
    message: 'nothing speaks against the key file any more; starting',
    meaning: 'The registry was verified, or a stored record shows that the key file is that of this ledger.',
  },
  ledger_binding_restored: {
    level: 'warn',
    message: "the ledger's note of its fingerprint key was changed by another client, and is put back",
    meaning:
      'The registry shows that the key file is that of this ledger. Find the client that writes to it.',
  },
  registry_memory_failed: {
    level: 'warn',
    message: 'the registry cannot be remembered in its file',
    meaning:
      'REKEY_REGISTRY_MEMORY cannot be written, or holds what this process did not write. Restore or ' +
      'remove the file: a process that starts with one that it cannot use trusts no consumer.',
  },
  registry_unreadable: {
    level: 'warn',
    message: 'the registry of consumers cannot be read; retrying',
    meaning: 'Redis is away or refuses. Consumers stay as they were last verified.',
  },
} as const satisfies Record<string, LogEvent>;

import type { LogEvent } from './log-event.ts';

/** Worker: housekeeping. */
export const workerHousekeepingEvents = {
  key_file_exposed: {
    level: 'warn',
    message: 'another user owns the key file, or can read or write it, as REKEY_MOUNTED_SECRETS allows',
    meaning:
      'REKEY_KEY_FILE opens every record. If no container platform mounts it, restrict it to its owner ' +
      'and unset REKEY_MOUNTED_SECRETS. Without that variable, the worker refuses such a file.',
  },
  api_keys_not_reloaded: {
    level: 'error',
    message: 'changed API keys were not loaded; the previous ones stay in use',
    meaning:
      'INVENT_API_KEYS_FILE or INVENT_API_KEY_FILE has an invalid content, owner or mode. Correct it; the ' +
      'worker reads it again on the next change.',
  },
  proxy: {
    level: 'info',
    message: 'requests to Invent use a proxy',
    meaning: '`proxy` is its origin, `variable` the environment variable that names it.',
  },
  observe_only: {
    level: 'warn',
    message: 'REKEY_OBSERVE_ONLY is set: the worker compares and publishes, and rotates no key',
    meaning: 'Unset the variable to rotate.',
  },
  scheduled_sweeps_off: {
    level: 'warn',
    message: 'REKEY_SWEEP_EVERY_MS is 0: sweeps run only on request or after Redis was restarted',
    meaning: 'Run `rekey sweep` regularly, or set the variable.',
  },
  redis_restarted: {
    level: 'warn',
    message:
      'Redis was restarted or replaced and may have lost its last seconds; comparing everything with Invent',
    meaning: 'A sweep of everything follows. Check why Redis restarted.',
  },
  ledger_damaged: {
    level: 'error',
    message: "the key of the ledger's own facts has another type; waiting to start",
    meaning:
      'Another client has replaced the key that ends in `:ledger`. Find it, and restore Redis from its ' +
      'backup. The worker starts as soon as the key can be read.',
  },
  ledger_lost: {
    level: 'error',
    message:
      'the ledger in Redis vanished: no rotate request leaves until an operator restores or adopts a ledger',
    meaning: 'Restore Redis from its backup, or run `rekey ledger adopt`.',
  },
  ledger_recovered: {
    level: 'warn',
    message: 'the ledger was restored or adopted; rotations resume',
    meaning: 'No action.',
  },
  ledger_watch_failed: {
    level: 'warn',
    message: 'the ledger cannot be checked; retrying',
    meaning: 'Redis could not be read.',
  },
  clock_jump: {
    level: 'error',
    message: 'the clock of Redis cannot be trusted; no rotate request leaves until it can',
    meaning:
      '`why` says whether it jumped, differs between workers (`alone`), or disagrees with this host. ' +
      'Correct the clock (NTP).',
  },
  clock_observed: {
    level: 'info',
    message: 'the ledger was last used some time ago; observing the clock of Redis before a request leaves',
    meaning: 'The first moments of a worker on an older ledger. No action.',
  },
  clock_jump_over: {
    level: 'warn',
    message: 'the clock of Redis is trusted again; rotations resume',
    meaning: 'No action.',
  },
  clock_unreadable: {
    level: 'debug',
    message: 'the clock of Redis could not be read',
    meaning: 'Redis could not be reached.',
  },
  upstream_rate_limited: {
    level: 'warn',
    message: 'Invent refused a request as too frequent (429); all workers slow down',
    meaning: 'The request budget is closed for a while. If it recurs, lower INVENT_REQUESTS_PER_MINUTE.',
  },
  request_budget_opened: {
    level: 'info',
    message: 'Invent answers again; the request budget is open',
    meaning: 'No action.',
  },
  request_budget_unavailable: {
    level: 'warn',
    message: 'the request budget cannot be read or changed',
    meaning:
      'The ledger could not be read or written. Check Redis. With WRONGTYPE another client spoiled the ' +
      'budget; the worker has begun a new one.',
  },
  queue_key_deleted: {
    level: 'warn',
    message: 'another client has spoiled a key of BullMQ; it is deleted, and begun anew',
    meaning:
      '`key` names it, `why` what it held. The worker queues again what was lost. Find the client that ' +
      'writes to Redis.',
  },
  rotation_job_restored: {
    level: 'warn',
    message: 'rotation without a job found; it is queued again',
    meaning: 'A queue entry was lost, for example in a failover of Redis. No action.',
  },
  rotations_brought_forward: {
    level: 'warn',
    message: 'rotations were delayed too long by a worker whose clock is ahead; they resume',
    meaning: 'Correct the clock of the workers (NTP).',
  },
  assistant_indexes_made: {
    level: 'info',
    message: 'the indexes of assistants were built or repaired',
    meaning:
      'How many assistants they have, and how many entries were missing, wrong or too many. After an ' +
      'upgrade: all of them, once. Otherwise another client has written to Redis, or Redis has lost data. ' +
      'Until `complete` is true, lists say that they are incomplete.',
  },
  history_trimmed: {
    level: 'debug',
    message: 'old rotations and bulk rotations were removed',
    meaning: 'The counts of what exceeded its retention.',
  },
  housekeeping_failed: {
    level: 'warn',
    message: 'housekeeping chore failed; retrying',
    meaning: '`chore` names it. The ledger or the queue could not be read or written.',
  },
  presence_not_recorded: {
    level: 'warn',
    message: 'the presence of this worker could not be recorded; retrying',
    meaning: '`rekey status` may list this worker as gone.',
  },
} as const satisfies Record<string, LogEvent>;

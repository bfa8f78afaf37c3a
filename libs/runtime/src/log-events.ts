/** What an operator or an alert rule may match on. Names never change their meaning; new ones are added. */
interface LogEvent {
  level: 'debug' | 'info' | 'warn' | 'error' | 'fatal';
  /** The default message of the line. */
  message: string;
  /** What has happened and what to do, for docs/reference/log-events.md. */
  meaning: string;
}

/** Every event that gateway and worker log: the only place where one is added. */
export const logEvents = {
  // Every process
  ready: {
    level: 'info',
    message: 'ready',
    meaning:
      'The process serves. Logged at every log level; the fields hold the addresses that it listens on.',
  },
  log_lines_dropped: {
    level: 'warn',
    message: 'log lines were dropped: standard output did not accept them',
    meaning:
      'The disk under the log was full, or the log reader was blocked. `dropped` counts the missing lines.',
  },
  shutting_down: {
    level: 'info',
    message: 'shutting down',
    meaning:
      'The process received `signal` and shuts down in order. `SIGHUP` also means that its npm, or its ' +
      'terminal, has ended.',
  },
  shutdown_timed_out: {
    level: 'error',
    message: 'the shutdown exceeded its deadline',
    meaning:
      'The process ended with 1, without releasing everything. If this recurs, raise ' +
      '`REKEY_SHUTDOWN_TIMEOUT_MS`.',
  },
  release_failed: {
    level: 'error',
    message: 'a resource could not be released',
    meaning:
      'During the shutdown, the resource `release` could not be closed. The shutdown continues. Report it ' +
      'as a bug if it recurs.',
  },
  start_failed: {
    level: 'fatal',
    message: 'could not start',
    meaning:
      'The process ended with 1. With `code`, the message says what to change; with `err`, report a bug. ' +
      'Standard error repeats the reason.',
  },
  process_failed: {
    level: 'fatal',
    message: 'the process cannot continue',
    meaning:
      'The running process found a condition under which it must not work, such as a Redis that evicts ' +
      'keys, and ends with 1. The message says what to change.',
  },
  uncaught_exception: {
    level: 'fatal',
    message: 'uncaught exception',
    meaning: 'A bug: the process shuts down in order and ends with 1. Report it with `err`.',
  },
  unhandled_rejection: {
    level: 'error',
    message: 'unhandled promise rejection',
    meaning:
      'A bug: an asynchronous operation failed unnoticed. The process continues. Report it with `err`.',
  },
  redis_unavailable: {
    level: 'warn',
    message: 'Redis is unavailable; reconnecting',
    meaning:
      'The connection `connection` to the Redis at `redis` is lost, or cannot be made. Logged once per ' +
      'outage. Rotations in flight resume when Redis is available.',
  },
  redis_read_only: {
    level: 'warn',
    message: 'Redis accepts no writes: it is a replica, or loads its data; reconnecting',
    meaning:
      'The address of Redis leads to a replica, such as after a failover, or Redis has just restarted. ' +
      'Promote the replica, or direct the address to the primary.',
  },
  redis_available: {
    level: 'info',
    message: 'Redis is available again',
    meaning: 'The outage that `redis_unavailable`, `redis_read_only` or `redis_refused` reported has ended.',
  },
  redis_refused: {
    level: 'error',
    message: 'Redis cannot be used as it is configured',
    meaning:
      'A running process reached a Redis with another password, another number of databases, or of an ' +
      'unsupported kind. It reconnects until this is fixed. The message names the cause.',
  },
  redis_check_failed: {
    level: 'warn',
    message: 'the configuration of Redis could not be checked',
    meaning:
      'The check of eviction policy, persistence and user rights failed. It is repeated at the next ' +
      'connection. Run `rekey doctor` if this recurs.',
  },
  redis_not_durable: {
    level: 'warn',
    message: 'Redis keeps no append-only file',
    meaning:
      'A restart of Redis can lose accepted rotations. Set `appendonly` to `yes`. With ' +
      '`REKEY_REQUIRE_DURABLE_REDIS` the process refuses to run instead.',
  },
  redis_run_id_unknown: {
    level: 'warn',
    message: 'the run id of Redis could not be read',
    meaning:
      'The process cannot tell whether Redis has restarted, and checks again at the next connection. If ' +
      'Redis has restarted, run `BGREWRITEAOF`.',
  },
  redis_memory_low: {
    level: 'error',
    message: 'Redis is nearly out of memory',
    meaning:
      'The share `used` of `maxmemory` exceeds a limit. The message says what the process no longer does. ' +
      'Raise `maxmemory`; the process then resumes by itself.',
  },
  redis_memory_recovered: {
    level: 'info',
    message: 'Redis has free memory again',
    meaning: 'The state that `redis_memory_low` reported has ended.',
  },
  append_only_file_rewritten: {
    level: 'info',
    message: 'Redis rewrites its append-only file after its restart',
    meaning: 'A worker requested the rewrite, in case Redis was killed while it wrote a transaction.',
  },
  append_only_file_not_rewritten: {
    level: 'warn',
    message: 'Redis restarted and refuses to rewrite its append-only file',
    meaning:
      'The Redis user of the worker may not run `BGREWRITEAOF`. If Redis was killed, run it yourself: the ' +
      'file may end in half of a transaction, which the next start would execute.',
  },

  // Gateway
  rpc_failed: {
    level: 'error',
    message: 'unhandled RPC error',
    meaning:
      'A call failed with an unforeseen error, or on a ledger entry that cannot be read. Its caller received ' +
      'INTERNAL. Report the stack in `err`, or repair the entry that `rekey status` names.',
  },
  gateway_not_serving: {
    level: 'warn',
    message: 'NOT_SERVING: Redis accepts no writes',
    meaning:
      'The gateway answers UNAVAILABLE until Redis is reachable, is a primary and accepts writes. ' +
      'See `err` and the Redis events before this one.',
  },
  gateway_serving_again: {
    level: 'info',
    message: 'SERVING again',
    meaning: 'Redis accepts writes again. No action is needed.',
  },
  gateway_ledger_lost: {
    level: 'error',
    message: 'the ledger in Redis vanished; accepted rotations stay QUEUED until an operator acts',
    meaning:
      'The ledger that this gateway knew is gone from Redis; `ledger_id` is the one in its place. Restore ' +
      'Redis from its backup, or adopt the new ledger with `rekey ledger adopt`.',
  },
  gateway_ledger_whole: {
    level: 'warn',
    message: 'the ledger is whole again, or was adopted',
    meaning: 'The lost ledger was restored, or an operator adopted its replacement. No action is needed.',
  },
  gateway_ledger_check_failed: {
    level: 'debug',
    message: 'the ledger check failed; retrying',
    meaning: 'Redis did not answer a check of the ledger. The gateway repeats it; see the Redis events.',
  },
  gateway_clock_check_failed: {
    level: 'debug',
    message: 'the clock of Redis could not be read; retrying',
    meaning: 'Redis did not answer a check of its clock. The gateway repeats it; see the Redis events.',
  },
  gateway_positions_unreadable: {
    level: 'warn',
    message: 'the acknowledgements of consumers could not be read; retrying',
    meaning:
      'Responses may show consumers as behind until the gateway can read the stream of acknowledgements. ' +
      'See `err`.',
  },
  grpc_js_log: {
    level: 'debug',
    message: 'grpc-js logged an error',
    meaning: 'A line that the gRPC library wrote. Rekey reports the same failure in its own events.',
  },

  // Worker: rotations and publication
  rotation_step_failed: {
    level: 'error',
    message: 'rotation step failed; retrying',
    meaning:
      'An unexpected error interrupted a rotation. The worker retries by itself. If it recurs, read ' +
      '`err`.',
  },
  rotation_corrupt: {
    level: 'error',
    message: 'the ledger entry of a rotation cannot be read',
    meaning:
      'The rotation cannot continue. `became` says whether it was failed or waits. Run `rekey status` ' +
      'and follow its advice.',
  },
  rotation_requeue_failed: {
    level: 'warn',
    message: 'rotation job could not be delayed; it is redelivered when its lock lapses',
    meaning:
      'Redis refused to delay or to queue a job. No action: BullMQ redelivers the job, or housekeeping ' +
      'restores it.',
  },
  rotation_job_failed: {
    level: 'error',
    message: 'rotation job failed',
    meaning:
      'A job of the rotation queue does not fit its schema or has no rotation in the ledger. The job is ' +
      'dropped; `reason` says why.',
  },
  queue_error: {
    level: 'debug',
    message: 'BullMQ reported an error',
    meaning: 'Detail for debugging. Lost connections to Redis have events of their own.',
  },
  queue_unavailable: {
    level: 'warn',
    message: 'BullMQ cannot work',
    meaning:
      'Redis answers BullMQ with an error, for example because it is read-only or full. Check Redis; ' +
      'the worker resumes by itself.',
  },
  rotation_outcome_unknown: {
    level: 'warn',
    message: 'rotation outcome unknown; reading the key back',
    meaning:
      'The answer to a rotate request was lost. The worker reads the key until the outcome is known. No ' +
      'action unless it recurs.',
  },
  rotation_outcome_unknown_blocked: {
    level: 'error',
    message:
      'rotation outcome unknown, and requests are refused until an operator acts; reading the key back',
    meaning:
      'As `rotation_outcome_unknown`, and `code` says why another request would fail too. Remove that ' +
      'cause.',
  },
  rotation_retrying: {
    level: 'warn',
    message: 'rotation request was not done; retrying',
    meaning:
      'The request was refused or never reached Invent, and the key is unchanged. The worker retries ' +
      'with backoff.',
  },
  rotation_failed: {
    level: 'error',
    message: 'rotation failed',
    meaning:
      'The rotation has ended without a new key. `code` and `reason` say why; remove the cause and ' +
      'request a new rotation.',
  },
  rotation_request_lost: {
    level: 'info',
    message: 'rotate request had no effect; sending it again',
    meaning:
      'The landing window has passed and the lost request changed nothing that satisfies the rotation.',
  },
  bulk_assistant_returned: {
    level: 'warn',
    message: 'assistant was not rotated and was returned to its bulk rotation',
    meaning:
      'The request of one assistant was not done. The bulk rotation tries it again, or halts if `code` ' +
      'needs an operator.',
  },
  key_read_failed: {
    level: 'warn',
    message: 'key could not be read back',
    meaning:
      'Reading the key of a rotation with an unknown outcome failed. The worker reads again; `code` ' +
      'says why it failed.',
  },
  key_read_empty: {
    level: 'warn',
    message: 'record has no key or is deleted; the key cannot be read back',
    meaning:
      'The assistant of a rotation with an unknown outcome shows no key. The worker reads again before ' +
      'it fails the rotation.',
  },
  key_read_blocked: {
    level: 'error',
    message: 'key cannot be read back until an operator acts',
    meaning:
      '`code` says why reads fail, or the outcome has been unknown for over ten minutes. Remove the ' +
      'cause; the worker resumes.',
  },
  key_published: {
    level: 'info',
    message: 'key version published',
    meaning: 'Consumers get this key version. No action.',
  },
  removal_published: {
    level: 'info',
    message: 'key removal published',
    meaning: 'Consumers learn that the assistant has no key or is deleted (`removal`).',
  },
  key_rollback_published: {
    level: 'error',
    message: 'Invent reverted to an older key; that key is published',
    meaning:
      'Several reads show an older key in force, for example after a restored backup. Consumers get it. ' +
      'Ask Invent for the reason.',
  },
  key_commit_refused: {
    level: 'error',
    message: 'Redis refuses to write a key that is in force; retrying',
    meaning:
      'The new key exists only at Invent and in this process. Make Redis writable; do not stop the ' +
      'worker.',
  },
  publication_refused: {
    level: 'error',
    message: 'key not published: another worker holds the assistant or has published since; reading again',
    meaning: 'The worker lost a race and reads the assistant again. No action unless it recurs.',
  },
  rotation_answer_outdated: {
    level: 'error',
    message: 'Invent answered a rotation with an earlier key; the outcome is unknown',
    meaning: 'A cache or a replica answered a rotate request. The worker reads the key back.',
  },
  stale_read: {
    level: 'error',
    message: 'read shows an older key than the published one; reading again',
    meaning:
      'A cache, a replica or a restored backup answers reads. The worker reads again until reads agree.',
  },
  read_inconclusive: {
    level: 'info',
    message: 'read may be older than the published key; reading again',
    meaning: 'The read began within the read lag of the last publication. No action.',
  },
  removal_unconfirmed: {
    level: 'warn',
    message: 'assistant seems to have no key; a later read must confirm it',
    meaning: 'Nothing is published until a second read agrees. No action.',
  },
  publication_withheld: {
    level: 'error',
    message: 'org is held; what was read is not published',
    meaning:
      'Too much of the org has changed. Look at `rekey status` and accept or correct the cause that it ' +
      'names.',
  },
  record_unexpected: {
    level: 'warn',
    message: 'record differs from the documentation; published as received',
    meaning:
      'Invent answers with fields (`fields`) of an unexpected form. Check whether consumers depend on ' +
      'them.',
  },
  key_uncertain: {
    level: 'warn',
    message: 'reads show an older key than the published one; consumers are notified',
    meaning: 'Consumers hold a key that may not be in force. The worker reads until that is known.',
  },

  // Worker: bulk rotations and policies
  bulk_runner_failed: {
    level: 'warn',
    message: 'bulk rotations were interrupted; retrying',
    meaning: 'The ledger could not be read or written. Check Redis; the worker retries with backoff.',
  },
  bulk_task_started: {
    level: 'info',
    message: 'bulk task started',
    meaning: 'The worker prepares or verifies a bulk rotation (`task`).',
  },
  bulk_task_failed: {
    level: 'error',
    message: 'bulk task failed; retrying',
    meaning: 'Preparing or verifying a bulk rotation (`task`) failed. A worker retries; `err` says why.',
  },
  bulk_preparation_failed: {
    level: 'error',
    message: 'bulk rotation cannot be prepared',
    meaning: 'The bulk rotation has failed with `code`. Remove the cause and create a new one.',
  },
  bulk_invalid_ids_excluded: {
    level: 'warn',
    message: 'assistants with an invalid id are left out of a bulk rotation',
    meaning: 'The ledger knows `assistants` ids that Invent refuses. They are not rotated.',
  },
  bulk_list_incomplete: {
    level: 'error',
    message: 'bulk rotation halted before its first assistant: the list of the org is incomplete',
    meaning:
      '`listed` and `counted` disagree. Resume the bulk rotation to rotate what was listed, or cancel ' +
      'it.',
  },
  bulk_difference_published: {
    level: 'warn',
    message: 'another key was in force after a bulk rotation; it is published',
    meaning: 'Someone else rotated the assistant meanwhile. Consumers get the key in force.',
  },
  bulk_assistant_unverified: {
    level: 'warn',
    message: 'assistant of a bulk rotation could not be verified; a check follows',
    meaning: '`result` says why. A check or the next sweep compares the assistant again.',
  },
  bulk_verification_incomplete: {
    level: 'error',
    message: 'bulk rotation ended without full verification',
    meaning:
      'The rotations are done, but `unverified` assistants could not be compared because of `code`. ' +
      'Remove the cause; the next sweep compares them.',
  },
  bulk_verified: {
    level: 'info',
    message: 'bulk rotation ended',
    meaning: 'All assistants were compared with Invent; the fields hold the counts.',
  },
  bulk_canary_acknowledged: {
    level: 'info',
    message: 'all live consumers have applied the canary keys; the bulk rotation resumes',
    meaning: 'The canary of a bulk rotation has passed. No action.',
  },
  canary_check_failed: {
    level: 'warn',
    message: 'canaries that wait for consumers could not be checked; retrying',
    meaning: 'The ledger could not be read. Check Redis.',
  },
  policy_unscheduled: {
    level: 'error',
    message: 'policy could not be scheduled and rotates no key; retrying',
    meaning: 'The calendar of the policy cannot be computed. Correct its cron expression or time zone.',
  },
  policy_bulk_requested: {
    level: 'info',
    message: 'policy requested a bulk rotation',
    meaning: 'A window of the policy opened. No action.',
  },
  policy_window_skipped: {
    level: 'warn',
    message: 'policy window skipped: the last bulk rotation has not ended',
    meaning:
      'The window passes without a rotation. Look at the bulk rotation that is named and resume or ' +
      'cancel it.',
  },
  policy_window_passed: {
    level: 'debug',
    message: 'policy window passed without a bulk rotation',
    meaning: 'The policy is paused or deleted, or the window was handled before (`opened`).',
  },
  policy_bulk_cancelled: {
    level: 'warn',
    message:
      'last bulk rotation of a policy was still halted or paused when its window ended; it is cancelled',
    meaning: 'Look at why it had stopped (`why`). The policy continues with its next window.',
  },
  policy_window_failed: {
    level: 'error',
    message: 'policy could not request its bulk rotation; retrying',
    meaning: 'The worker retries until it succeeds; `err` says why it failed.',
  },
  policy_job_failed: {
    level: 'error',
    message: 'policy job failed',
    meaning: 'A job of the policy queue does not fit its schema and is dropped.',
  },

  // Worker: sweeps, checks and orgs
  sweep_started: {
    level: 'info',
    message: 'sweep started',
    meaning: 'The worker compares an org, or all of them, with Invent.',
  },
  sweep_succeeded: {
    level: 'info',
    message: 'sweep succeeded',
    meaning: 'Everything was compared; the fields hold the counts.',
  },
  sweep_failed: {
    level: 'error',
    message: 'sweep failed',
    meaning: 'Not everything could be compared. `code` says why; `rekey status` has the advice.',
  },
  sweep_interrupted: {
    level: 'error',
    message: 'sweep interrupted by an unexpected error; it restarts',
    meaning: 'A worker starts the sweep again; `err` says what went wrong.',
  },
  sweep_overdue: {
    level: 'warn',
    message: 'sweep overdue; requesting one',
    meaning:
      'The schedule did not start a sweep in time, for example because the queue was emptied. No ' +
      'action.',
  },
  sweep_job_failed: {
    level: 'error',
    message: 'sweep job failed',
    meaning: 'A job of the sweep queue does not fit its schema and is dropped.',
  },
  org_sweep_failed: {
    level: 'error',
    message: 'org could not be swept',
    meaning: 'One org of a sweep failed with `code`; the sweep continues with the others.',
  },
  org_held: {
    level: 'error',
    message: 'too much of an org has changed: the org is held and none of it is published',
    meaning: 'Check the API key and Invent. Run `rekey status`; accept the change if it is real.',
  },
  org_hold_lifted: {
    level: 'warn',
    message: 'org is no longer held',
    meaning: 'What is read agrees with what is published again. No action.',
  },
  list_untrusted: {
    level: 'error',
    message: 'LIST shows other keys than GET; LIST is not trusted',
    meaning: 'The sweep reads assistants one by one instead, up to a limit. Ask Invent for the reason.',
  },
  list_incomplete: {
    level: 'error',
    message: 'list of assistants is incomplete',
    meaning:
      'The list disagrees with its count, or parts could not be read. What it shows is compared; ' +
      'absence proves nothing.',
  },
  list_records_unreadable: {
    level: 'warn',
    message: 'listed records could not be read',
    meaning: '`records` records of a page have an unexpected form and are not compared.',
  },
  list_page_failed: {
    level: 'warn',
    message: 'page of assistants could not be read',
    meaning: 'Invent refused or did not answer a LIST request. The worker retries or skips the page.',
  },
  record_too_large: {
    level: 'error',
    message: 'record is too long to be read alone',
    meaning:
      'The assistant is not rotated, because its key could not be read back. Shorten its record at ' +
      'Invent.',
  },
  record_republished: {
    level: 'warn',
    message: 'record that could not be opened was published again',
    meaning: 'A stored record was unreadable or damaged. Consumers get a new version with the same key.',
  },
  difference_unresolved: {
    level: 'warn',
    message: 'difference not resolved yet; a check follows',
    meaning:
      'A read disagrees with what is published and proves nothing yet (`result`). The worker reads ' +
      'again.',
  },
  assistant_unreadable: {
    level: 'warn',
    message: 'assistant could not be checked',
    meaning: 'Reading the assistant failed with `code`. The worker tries again later.',
  },
  removal_unwitnessed: {
    level: 'warn',
    message: 'assistant seems to have no key, and neither has another one of its org; nothing is published',
    meaning: 'Invent may show no keys, or the API key may be of another org. Check both.',
  },
  assistant_moved: {
    level: 'warn',
    message: 'assistant moved to another org; it is published there',
    meaning: 'An assistant is found in another org than the one that it was last published under.',
  },
  assistant_quarantined: {
    level: 'error',
    message: 'ledger entry of an assistant cannot be read; the assistant is quarantined',
    meaning:
      'Rotations of this assistant wait, all others continue. Run `rekey status` and repair or remove ' +
      'the entry.',
  },
  quarantine_lifted: {
    level: 'info',
    message: 'ledger entry of an assistant can be read again',
    meaning: 'The assistant is no longer quarantined.',
  },
  due_checks_failed: {
    level: 'warn',
    message: 'due checks could not be made; retrying',
    meaning: 'The ledger could not be read or written. Check Redis.',
  },
  org_alias_known: {
    level: 'info',
    message: 'the org that Invent calls `c` is known and has one name from now on',
    meaning: 'Rekey translates `c` to this org id. No action.',
  },
  org_alias_conflict: {
    level: 'error',
    message: 'the evidence about the org that `c` stands for conflicts; `c` remains an org of its own',
    meaning: 'Set INVENT_ORG_ID to the org of the API key, or correct it.',
  },
  org_alias_unclear: {
    level: 'info',
    message: 'Invent does not show which org `c` is; asking again later',
    meaning: 'No action: the worker repeats the question.',
  },
  org_alias_moved: {
    level: 'info',
    message: 'key versions published under `c` are published under the name of its org',
    meaning: '`moved` versions were renamed; `left` wait for a rotation or a check to end.',
  },
  org_alias_round_failed: {
    level: 'warn',
    message: 'the names of orgs could not be checked; retrying',
    meaning: 'The ledger or Invent could not be reached.',
  },

  // Worker: consumers
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
  consumer_lag_unreadable: {
    level: 'warn',
    message: 'lag of consumers cannot be read; retrying',
    meaning: 'Lag metrics are old until Redis answers.',
  },

  // Worker: housekeeping
  key_file_exposed: {
    level: 'warn',
    message: 'other users can read the key file; run chmod 600 on it',
    meaning: 'REKEY_KEY_FILE opens every record. Restrict it to its owner.',
  },
  api_keys_not_reloaded: {
    level: 'error',
    message: 'changed API keys were not loaded; the previous ones stay in use',
    meaning:
      'INVENT_API_KEYS_FILE has an invalid content. Correct it; the worker reads it again on the next ' +
      'change.',
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
    meaning: 'The ledger could not be read or written. Check Redis.',
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

export type LogEventName = keyof typeof logEvents;

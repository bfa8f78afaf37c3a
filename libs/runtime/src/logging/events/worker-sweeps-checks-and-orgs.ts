import type { LogEvent } from './log-event.ts';

/** Worker: sweeps, checks and orgs. */
export const workerSweepsChecksAndOrgsEvents = {
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
  org_index_lost: {
    level: 'warn',
    message: 'another client has removed the index of an org; the org is swept, which puts it back',
    meaning: 'Consumers that started meanwhile lack the keys of the org until its sweep has ended.',
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
    message: 'it is not known yet which org `c` is; trying again later',
    meaning: 'No action: the worker tries again. `reason` says why.',
  },
  org_alias_moved: {
    level: 'info',
    message: 'key versions published under `c` are published under the name of its org',
    meaning: '`moved` versions were renamed since the last line; `left` wait for a rotation or a check.',
  },
  org_alias_round_failed: {
    level: 'warn',
    message: 'the names of orgs could not be checked; retrying',
    meaning: 'The ledger or Invent could not be reached.',
  },
} as const satisfies Record<string, LogEvent>;

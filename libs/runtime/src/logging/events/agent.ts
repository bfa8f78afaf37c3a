import type { LogEvent } from './log-event.ts';

/** `rekey agent`. */
export const agentEvents = {
  agent_keys_stale: {
    level: 'warn',
    message: 'the held keys may be stale',
    meaning:
      'Nothing proves that everything published until `behind_ms` ago has been applied. `fault` says why, ' +
      'if it is known. The agent keeps serving; each answer says how old it is. Check Redis or the gateway.',
  },
  agent_keys_fresh: {
    level: 'info',
    message: 'the held keys are up to date again',
    meaning: 'Everything that was published has been applied.',
  },
  agent_revoked: {
    level: 'error',
    message: 'this consumer gets no new keys',
    meaning:
      '`reason` says why: the consumer was removed, its key file was replaced, or an older entry was put ' +
      'back. The agent serves the held keys until Rekey publishes newer ones. Check `rekey consumer status`.',
  },
  agent_event_refused: {
    level: 'warn',
    message: 'refused an event',
    meaning:
      'An event about `assistant_id` is not from Rekey or cannot be read (`why`). It changed nothing. ' +
      'If it recurs, another client writes to the Redis of Rekey.',
  },
  agent_key_unreadable: {
    level: 'error',
    message: 'the current record of an assistant is not sealed for this consumer',
    meaning:
      'The agent no longer signs for `assistant_id`. Check the org that the assistant is published under, ' +
      'and the orgs of the consumer.',
  },
  agent_output_written: {
    level: 'info',
    message: 'output written',
    meaning: 'The content of `output` has changed, and its files were replaced. `took_ms`: how long it took.',
  },
  agent_output_kept: {
    level: 'warn',
    message: 'output was left as it is: it may have newer keys than the cache',
    meaning:
      'Rekey has not been reached, and the files of `output` were written after the time of which the ' +
      'cache is, by an agent that was killed. They are written once Rekey has been reached.',
  },
  agent_output_failed: {
    level: 'error',
    message: 'output could not be written; retrying',
    meaning:
      'The files of `output` are the earlier ones, and nothing is acknowledged. `why` says what to ' +
      'correct: a read-only or full folder, a template, an owner. The agent retries every few seconds.',
  },
  agent_file_left: {
    level: 'warn',
    message: 'a file with another content was left as it is',
    meaning:
      'The key of `file` in the folder `output` is gone. Another program has changed or replaced the file ' +
      'since the agent wrote it, so the agent neither deletes nor empties it. Delete it if it holds a key.',
  },
  agent_reload_done: {
    level: 'info',
    message: 'reload done',
    meaning: 'The command of `output` ended with 0, or its signal was sent.',
  },
  agent_reload_failed: {
    level: 'error',
    message: 'reload failed; retrying',
    meaning:
      'The command of `output` failed, or was killed after its time-out, or its signal could not be sent ' +
      '(`why`). Nothing is acknowledged until it succeeds. The agent retries every few seconds.',
  },
  agent_cache_used: {
    level: 'warn',
    message: 'started from the cache',
    meaning: 'The agent serves keys that were complete `age_ms` ago, until it reaches Rekey.',
  },
  agent_cache_refused: {
    level: 'error',
    message: 'the cache was refused',
    meaning:
      '`reason`: ANOTHER_CONSUMER, ANOTHER_KEY_FILE, ANOTHER_REKEY, DAMAGED, UNKNOWN_FORMAT or UNREADABLE. ' +
      'The agent starts without it, and replaces it. If nobody has changed the consumer or its key file, ' +
      'find out who wrote it.',
  },
  agent_cache_failed: {
    level: 'error',
    message: 'the cache could not be written; retrying',
    meaning: 'The earlier cache stays, and gets older. `why` says what to correct.',
  },
  agent_connections_refused: {
    level: 'warn',
    message: 'connections were refused',
    meaning:
      '`refused` connections beyond `max_connections` were answered with 503 since the last such line, or ' +
      'closed for others because they had not shown the token (loopback).',
  },
  agent_child_started: {
    level: 'info',
    message: 'the program was started',
    meaning: 'The child of `rekey agent exec` runs as `pid`, with the keys of now in its environment.',
  },
  agent_child_restarting: {
    level: 'info',
    message: 'keys have changed; restarting the program',
    meaning: 'The child gets SIGTERM, and is started again when it has ended.',
  },
  agent_child_killed: {
    level: 'warn',
    message: 'the program did not end after SIGTERM, and was killed',
    meaning: 'It was killed after `kill_after` of the configuration.',
  },
} as const satisfies Record<string, LogEvent>;

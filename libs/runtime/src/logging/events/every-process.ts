import type { LogEvent } from './log-event.ts';

/** Every process. */
export const everyProcessEvents = {
  ready: {
    level: 'info',
    always: true,
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
  health_server_failed: {
    level: 'error',
    message: 'the thread that serves health and metrics has ended; starting another one',
    meaning:
      'Nobody listens on the health address until another thread does, after `again_in_ms`. If this recurs ' +
      'with `EADDRINUSE`, another process listens there; otherwise, report `err` as a bug.',
  },
  health_server_restarted: {
    level: 'info',
    message: 'health and metrics are served again',
    meaning: 'The state that `health_server_failed` reported has ended.',
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
} as const satisfies Record<string, LogEvent>;

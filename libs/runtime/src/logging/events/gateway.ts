import type { LogEvent } from './log-event.ts';

/** Gateway. */
export const gatewayEvents = {
  rpc_failed: {
    level: 'error',
    message: 'unhandled RPC error',
    meaning:
      'A call failed with an unforeseen error, or on a ledger entry that cannot be read. Its caller ' +
      'received INTERNAL. Report the stack in `err`, or repair the entry that `rekey status` names.',
  },
  gateway_hook_failed: {
    level: 'error',
    message: 'a part of the gateway that surrounds calls failed',
    meaning:
      'What counts, limits or measures calls threw an unforeseen error. Its call was answered ' +
      'nevertheless, with INTERNAL if the part decides about it. Report the stack in `err`.',
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
  gateway_archive_unreadable: {
    level: 'warn',
    message: 'how far the archive is could not be read; retrying',
    meaning: 'Check the connection to Redis. With `REKEY_ARCHIVE_REQUIRED` the last known state counts.',
  },
  gateway_positions_unreadable: {
    level: 'warn',
    message: 'the acknowledgements of consumers could not be read; retrying',
    meaning:
      'After three seconds, responses show all consumers as UNAPPLIED, until the gateway can read their ' +
      'acknowledgements. See `err`.',
  },
  gateway_events_unreadable: {
    level: 'warn',
    message: 'the stream of events could not be read; retrying',
    meaning:
      'Consumers that follow events over gRPC receive nothing, and become stale, until the gateway reads ' +
      'the stream. See `err`.',
  },
  gateway_activity_unreadable: {
    level: 'warn',
    message: 'the stream of activity could not be read; retrying',
    meaning:
      'Watches of activity (`rekey activity --follow`) are sent nothing until the gateway can read the ' +
      'stream. See `err`.',
  },
  gateway_authentication_failed: {
    level: 'info',
    message: 'a call named nobody, or showed a token that is not valid',
    meaning:
      'Written with each record of type `access.unauthenticated`: at the first such call of an address and ' +
      'method, then once a minute with their `count`. `address` is that of the connection, which may be a ' +
      'proxy; a network, if several of its addresses are counted together; `unknown` if the connection is ' +
      'gone. `target` names the method.',
  },
  gateway_denial_not_recorded: {
    level: 'debug',
    message: 'a denied call could not be recorded; it stays counted',
    meaning:
      'Redis did not take the record of a denied call. The gateway writes it with the count of the next ' +
      'minute; see the Redis events.',
  },
  gateway_key_file_missing: {
    level: 'warn',
    message: 'no REKEY_GATEWAY_KEY_FILE: calls about consumers are refused',
    meaning:
      'The gateway serves everything but consumers. Create its key file with `rekey key-file gateway`, set ' +
      'REKEY_GATEWAY_KEY_FILE to its path, and restart the gateway.',
  },
  gateway_key_file_exposed: {
    level: 'warn',
    message:
      'another user owns the key file of the gateway, or can read or write it, as REKEY_MOUNTED_SECRETS ' +
      'allows',
    meaning:
      'With this key and access to Redis, anybody can add consumers. If no container platform mounts the ' +
      'file, restrict it to its owner and unset REKEY_MOUNTED_SECRETS.',
  },
  access_open: {
    level: 'warn',
    message: 'no REKEY_ACCESS_FILE: everybody on this machine is `local` and may do everything',
    meaning:
      'The gateway listens on loopback and asks nobody who they are: every program of this machine can ' +
      'call it. Set REKEY_ACCESS_FILE to change that. Beyond loopback it does not start without one.',
  },
  access_plaintext: {
    level: 'warn',
    message: 'REKEY_ALLOW_PLAINTEXT: tokens reach this gateway in the clear',
    meaning:
      'The gateway listens beyond loopback without TLS. Whoever is on the wire can read tokens and use ' +
      'them, unless a mesh before the gateway encrypts.',
  },
  access_loaded: {
    level: 'info',
    message: 'the access file is in force',
    meaning: 'The gateway read REKEY_ACCESS_FILE at the start, or noticed a change. No action is needed.',
  },
  access_refused: {
    level: 'error',
    message: 'the changed access file cannot be used; the one before stays in force',
    meaning: '`faults` names every fault of REKEY_ACCESS_FILE. Correct them: the gateway notices it.',
  },
  token_refused: {
    level: 'debug',
    message: 'a token was refused',
    meaning: 'A caller sent a token that is not valid; `err` says why, and its caller does not learn it.',
  },
  tls_certificates_loaded: {
    level: 'info',
    message: 'new connections are served with this certificate',
    meaning:
      'The gateway read its certificates at the start, or noticed that their files were replaced. No ' +
      'action is needed.',
  },
  tls_certificates_refused: {
    level: 'error',
    message: 'the new certificates cannot be served; those before stay in use',
    meaning:
      'The files were replaced by certificates that are expired, incomplete, or not those of the private ' +
      'key; `err` names the variable and says why. Put whole files in place before those in use expire. ' +
      'While both files are being written, this may happen once and needs no action.',
  },
  grpc_js_log: {
    level: 'debug',
    message: 'grpc-js logged an error',
    meaning: 'A line that the gRPC library wrote. Rekey reports the same failure in its own events.',
  },
} as const satisfies Record<string, LogEvent>;

/**
 * The most that one reply of Redis may take. The longest value that Rekey writes is the event of a record of
 * 16 MiB, with about 22 MB. Several such values must never be asked for in one reply.
 */
export const MAX_REPLY_BYTES = 32 * 1024 * 1024;

/**
 * A reply of Redis is longer than any that Rekey asks for: another client has written what it reads. Received
 * whole, it could take all memory of the process. The command has run in Redis.
 */
export class ReplyTooLarge extends Error {
  /** What was read; empty for a message on a channel. */
  readonly key: string;

  constructor(command: string, key = '', maxBytes = MAX_REPLY_BYTES) {
    super(`Redis answered ${command} with more than ${maxBytes} bytes`);
    this.name = 'ReplyTooLarge';
    this.key = key;
  }
}

/** The event of a connection that has met a ReplyTooLarge: other commands then fail without the reason. */
export const REPLY_TOO_LARGE = 'replyTooLarge';

import type { Redis } from 'ioredis';

/** The size of one read by Redis: while it works on that much, the next part is prepared. */
const WRITE_AT_BYTES = 16_384;

/**
 * Sends the commands of one turn of the event loop in few writes: a write costs more than anything else about
 * a command, here and in Redis. Unlike ioredis's auto-pipelining, this changes nothing about how a command is
 * answered, rejected or resent.
 */
export const coalesceWrites = (redis: Redis): void => {
  const send = redis.sendCommand.bind(redis);
  let corked: Redis['stream'] | undefined;
  redis.sendCommand = (command, pipeline) => {
    const { stream } = redis;
    // There is no stream before the first connection.
    if (stream?.writable && stream !== corked) {
      corked = stream;
      stream.cork();
      setImmediate(() => {
        corked = undefined;
        stream.uncork();
      });
    }
    const sent = send(command, pipeline);
    if (stream && stream === corked && stream.writableLength > WRITE_AT_BYTES) {
      stream.uncork();
      stream.cork();
    }
    return sent;
  };
};

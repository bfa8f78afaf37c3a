import { MAX_REPLY_BYTES, REPLY_TOO_LARGE, ReplyTooLarge } from './reply-too-large.ts';

/** What is used of a connection: ioredis 5 and 6 have all of it. */
interface Connection {
  readonly stream: {
    readonly destroyed: boolean;
    on(event: 'data', listener: (chunk: Uint8Array) => void): unknown;
    destroy(why: Error): unknown;
  };
  /** The commands that were sent and have no reply yet. */
  readonly commandQueue?: Partial<CommandQueue>;
  on(event: string, listener: () => void): unknown;
  emit(event: string, ...args: unknown[]): unknown;
}

interface CommandQueue {
  peekFront(): Queued;
  peekAt(index: number): Queued;
  shift(): Queued;
}

type Queued = { command: Command } | undefined;

interface Command {
  readonly name: string;
  resolve: unknown;
  reject(why: Error): void;
}

/**
 * Bounds the memory that one reply takes, and that of all replies of a pipeline together. A client that may
 * write to Redis can make any value as long as Redis allows, 512 MB each: whoever reads it would run out of
 * memory. If a reply is longer than `maxBytes`, the connection is replaced, the command of that reply rejects
 * with ReplyTooLarge, and the other commands fare as if the connection had been cut: the event
 * REPLY_TOO_LARGE says why. If the replies of a pipeline are longer together, those that follow are dropped:
 * their commands reject with ReplyTooLarge, and the connection stays. Messages on channels are bounded too:
 * they are lost.
 *
 * ioredis does not say how much of a reply it has received. What is counted is what arrives while the same
 * command, or one of the same pipeline, is the first that has no reply. A connection whose queue of commands
 * cannot be read stays without a bound.
 */
export const limitReplies = (redis: Connection, maxBytes: number = MAX_REPLY_BYTES): void => {
  let received = 0;
  redis.on('message', () => (received = 0));
  redis.on('connect', () => {
    const { stream } = redis;
    const queue = queueOf(redis);
    if (!queue) return;
    let waiting = queue.peekFront();
    let ofPipeline = 0;
    received = 0;
    // After the listener of ioredis, which was added before: the replies in the chunk have been taken.
    stream.on('data', (chunk) => {
      const first = queue.peekFront();
      const pipeline = pipelineOf(waiting);
      received = first === waiting ? received + chunk.length : 0;
      waiting = first;
      if (pipeline !== undefined && pipelineOf(first) === pipeline) {
        ofPipeline += chunk.length;
        if (ofPipeline > maxBytes) {
          dropReplies(queue, pipeline);
          ofPipeline = Number.NEGATIVE_INFINITY;
        }
      } else ofPipeline = 0;
      if (received <= mostOf(first, maxBytes) || stream.destroyed) return;
      received = 0;
      const bytes = mostOf(first, maxBytes);
      const tooLarge = new ReplyTooLarge(first?.command.name ?? 'a message', keyOf(first?.command), bytes);
      // It must not be sent again.
      queue.shift()?.command.reject(tooLarge);
      stream.destroy(tooLarge);
      redis.emit(REPLY_TOO_LARGE, tooLarge);
    });
  });
};

/**
 * Rekey reads whole hashes only if they are short. ioredis makes a reply an object: one with as many short
 * fields as fit into MAX_REPLY_BYTES takes more than 512 MB.
 */
const MAX_HASH_BYTES = 4 * 1024 * 1024;

/** XINFO answers with the first and the last entry of a stream, in whole. */
const ENTRIES_OF_XINFO = 2;

const mostOf = (queued: Queued, maxBytes: number): number => {
  const name = queued?.command.name;
  if (name === 'hgetall') return Math.min(MAX_HASH_BYTES, maxBytes);
  return name === 'xinfo' ? ENTRIES_OF_XINFO * maxBytes : maxBytes;
};

const queueOf = ({ commandQueue }: Connection): CommandQueue | undefined =>
  commandQueue?.peekFront && commandQueue.peekAt && commandQueue.shift
    ? (commandQueue as CommandQueue)
    : undefined;

/** What all commands of one pipeline have in common. */
const pipelineOf = (queued: Queued): object | undefined => {
  const { stream } = (queued ?? {}) as { stream?: { isPipeline?: true } };
  return stream?.isPipeline ? stream : undefined;
};

/** The commands of a pipeline that have no reply yet keep none. */
const dropReplies = (queue: CommandQueue, pipeline: object): void => {
  for (let at = 0; pipelineOf(queue.peekAt(at)) === pipeline; at += 1) {
    const { command } = queue.peekAt(at)!;
    command.resolve = () => command.reject(new ReplyTooLarge('a pipeline', keyOf(command)));
  }
};

const MAX_KEY_LENGTH = 200;

const keyOf = (command: Command | undefined): string => {
  const [key] = (command as Partial<{ getKeys(): unknown[] }> | undefined)?.getKeys?.() ?? [];
  return String(key ?? '').slice(0, MAX_KEY_LENGTH);
};

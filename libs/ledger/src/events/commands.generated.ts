/* Written by `npm run generate` from the headers of the Lua commands. Do not edit. */
import { unexpectedReply, type RunCommand } from '../scripts/run.ts';

interface AckAppendInput {
  /** the stream */
  acks: string;
  /** the id of the Redis process that it is about; absent if its sender does not know it */
  runId?: string | undefined;
  /** about how many entries the stream keeps */
  keep: number;
  ack: string;
  proof?: string | undefined;
}
type AckAppendReply =
  | { kind: 'added' }
  /** nothing was written */
  | { kind: 'other-redis' };
const readAckAppendReply = (reply: unknown[]): AckAppendReply => {
  switch (reply[0]) {
    case 'ADDED':
      return { kind: 'added' };
    case 'OTHER_REDIS':
      return { kind: 'other-redis' };
    default:
      throw unexpectedReply('ack-append', reply);
  }
};

interface EventsReadInput {
  /** where to begin: an id, or `(` and an id for what comes after it; `-` or `+` */
  from: string;
  /** towards older entries */
  back: boolean;
  /** how many entries to read; 0 for the end alone */
  count: number;
  /** stop once the texts have as many bytes */
  chars: number;
  /** the bytes of the longest event */
  longest: number;
}
type EventsReadReply =
  /** the time of Redis in µs; the last id that the stream has given, or '' if there is no stream; that of its last entry, or 0-0; whether it stopped early; and of each entry the id, what its text is (`event`, `none` or `long`), and the field `event`, or '' */
  { kind: 'read'; redisUs: number; lastId: string; lastEntryId: string; more: boolean; entries: string[] };
const readEventsReadReply = (reply: unknown[]): EventsReadReply => {
  switch (reply[0]) {
    case 'READ':
      return {
        kind: 'read',
        redisUs: Number(reply[1]),
        lastId: String(reply[2]),
        lastEntryId: String(reply[3]),
        more: reply[4] === '1',
        entries: reply.slice(5).map(String),
      };
    default:
      throw unexpectedReply('events-read', reply);
  }
};

interface RecordsReadInput {
  /** stop once the texts have as many bytes */
  chars: number;
  /** the bytes of the longest record */
  longest: number;
  records: {
    /** the id of the assistant, percent-encoded */
    name: string;
  }[];
}
type RecordsReadReply =
  /** what each is that was read (`record`, `none`, `long`, or `foreign` if its entry has another type), and its text, or ''. At least one, if any was asked for */
  { kind: 'read'; records: Buffer[] };
const readRecordsReadReply = (reply: unknown[]): RecordsReadReply => {
  switch (String(reply[0])) {
    case 'READ':
      return { kind: 'read', records: reply.slice(1) as Buffer[] };
    default:
      throw unexpectedReply('records-read', reply);
  }
};

/**
 * The commands of events/commands, each with named arguments and a reply that tells its kinds apart.
 */
export const eventsCommands = (run: RunCommand) => ({
  /**
   * Adds an acknowledgement to a stream of acknowledgements, unless another Redis answers than the one that it
   * is about: its position would be one in another stream.
   */
  ackAppend: async (input: AckAppendInput): Promise<AckAppendReply> =>
    readAckAppendReply(
      await run('ack-append', [input.acks], [input.runId ?? '', input.keep, input.ack, input.proof ?? '']),
    ),
  /**
   * Reads the stream of events, and where it ends. Leaves out the text of an entry that is too long to be an
   * event.
   *
   * Keeps: what another client has written there costs the reader a bounded number of bytes.
   *
   * The stream is no key of the script: a user who may only read it may then call this.
   */
  eventsRead: async (input: EventsReadInput): Promise<EventsReadReply> =>
    readEventsReadReply(
      await run(
        'events-read',
        [],
        [input.from, input.back ? '1' : '', input.count, input.chars, input.longest],
      ),
    ),
  /**
   * Reads current records, in their order, as many as fit. Leaves out the text of one that is too long to be a
   * record.
   *
   * Keeps: what another client has written there costs the reader a bounded number of bytes.
   *
   * The records are no keys of the script: a user who may only read them may then call this.
   */
  recordsRead: async (input: RecordsReadInput): Promise<RecordsReadReply> =>
    readRecordsReadReply(
      await run(
        'records-read',
        [],
        [input.chars, input.longest, ...input.records.flatMap((one) => [one.name])],
        'bytes',
      ),
    ),
});

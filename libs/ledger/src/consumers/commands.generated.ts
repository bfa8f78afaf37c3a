/* Written by `npm run generate` from the headers of the Lua commands. Do not edit. */
import { unexpectedReply, type RunCommand } from '../scripts/run.ts';

interface AcksReadInput {
  /** the end of its key: '' or ':CONSUMER' */
  stream: string;
  /** the id of the entry up to which it was read before */
  after: string;
  /** read what is older than this id; `+` for everything */
  before: string;
  /** how many entries to look at */
  count: number;
  /** stop once the texts have as many bytes */
  chars: number;
  /** the bytes of the longest acknowledgement */
  longest: number;
}
type AcksReadReply =
  /** the time of Redis; the ids of the first and the last entry that were looked at, of which the last is absent if none remain after it; how many entries were left out; and the id, the text and the proof, or '', of each other one */
  {
    kind: 'read';
    nowMs: number;
    newest: string | undefined;
    oldest: string | undefined;
    unfit: number;
    entries: string[];
  };
const readAcksReadReply = (reply: unknown[]): AcksReadReply => {
  switch (reply[0]) {
    case 'READ':
      return {
        kind: 'read',
        nowMs: Number(reply[1]),
        newest: reply[2] === '' ? undefined : String(reply[2]),
        oldest: reply[3] === '' ? undefined : String(reply[3]),
        unfit: Number(reply[4]),
        entries: reply.slice(5).map(String),
      };
    default:
      throw unexpectedReply('acks-read', reply);
  }
};

interface AcksTrimInput {
  /** the stream */
  acks: string;
  /** about how many entries to keep */
  keep: number;
  expireMs: number;
}
type AcksTrimReply = { kind: 'trimmed' } | { kind: 'deleted' };
const readAcksTrimReply = (reply: unknown[]): AcksTrimReply => {
  switch (reply[0]) {
    case 'TRIMMED':
      return { kind: 'trimmed' };
    case 'DELETED':
      return { kind: 'deleted' };
    default:
      throw unexpectedReply('acks-trim', reply);
  }
};

interface ResealInput {
  /** the events that put assistants in doubt */
  uncertain: string;
  records: {
    current: string;
    /** the SHA-1 of the text that it was made from */
    seen: string;
    /** the new text */
    text: string;
    /** of an event in doubt; absent for a current record */
    assistantId?: string | undefined;
  }[];
}
type ResealReply =
  /** how many were replaced */
  { kind: 'sealed'; replaced: number };
const readResealReply = (reply: unknown[]): ResealReply => {
  switch (reply[0]) {
    case 'SEALED':
      return { kind: 'sealed', replaced: Number(reply[1]) };
    default:
      throw unexpectedReply('reseal', reply);
  }
};

/**
 * The commands of consumers/commands, each with named arguments and a reply that tells its kinds apart.
 */
export const consumersCommands = (run: RunCommand) => ({
  /**
   * Reads a stream of acknowledgements from its newest entry towards older ones, without what is too long to be
   * an acknowledgement.
   *
   * Keeps: what another client has written there costs the reader a bounded number of bytes.
   *
   * The stream is no key of the script: a user who may only read it may then call this.
   */
  acksRead: async (input: AcksReadInput): Promise<AcksReadReply> =>
    readAcksReadReply(
      await run(
        'acks-read',
        [],
        [input.stream, input.after, input.before, input.count, input.chars, input.longest],
      ),
    ),
  /**
   * Trims a stream of acknowledgements, and lets it expire if no worker trims it any more. What is no stream
   * is deleted, and so is a stream whose last id is in the future, even if no such entry is there: nothing
   * could be added to it. Consumers report again within seconds.
   */
  acksTrim: async (input: AcksTrimInput): Promise<AcksTrimReply> =>
    readAcksTrimReply(await run('acks-trim', [input.acks], [input.keep, input.expireMs])),
  /**
   * Replaces published events by the same events sealed for other recipients, if they have not changed.
   *
   * Keeps: the content of a record does not change; a newer record stays.
   */
  reseal: async (input: ResealInput): Promise<ResealReply> =>
    readResealReply(
      await run(
        'reseal',
        [input.uncertain, ...input.records.flatMap((one) => [one.current])],
        input.records.flatMap((one) => [one.seen, one.text, one.assistantId ?? '']),
      ),
    ),
});

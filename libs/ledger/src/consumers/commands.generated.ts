/* Written by `npm run generate` from the headers of the Lua commands. Do not edit. */
import { unexpectedReply, type RunCommand } from '../scripts/run.ts';

interface AcksNextInput {
  /** the stream */
  acks: string;
  /** the id of an entry */
  after: string;
}
type AcksNextReply =
  /** absent if there is none */
  { kind: 'found'; id: string | undefined };
const readAcksNextReply = (reply: unknown[]): AcksNextReply => {
  switch (reply[0]) {
    case 'FOUND':
      return { kind: 'found', id: reply[1] === '' ? undefined : String(reply[1]) };
    default:
      throw unexpectedReply('acks-next', reply);
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
   * Finds the next entry of the stream of acknowledgements, without what is in it: for one that is too long to
   * be read.
   */
  acksNext: async (input: AcksNextInput): Promise<AcksNextReply> =>
    readAcksNextReply(await run('acks-next', [input.acks], [input.after])),
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

/* Written by `npm run generate` from the headers of the Lua commands. Do not edit. */
import { unexpectedReply, type RunCommand } from '../scripts/run.ts';

interface IndexAssistantsInput {
  /** percent-encoded */
  org: string;
  items: {
    assistant: string;
    assistantId: string;
  }[];
}
type IndexAssistantsReply =
  /** how many of them are listed, and how many entries were missing, wrong, or too many */
  { kind: 'indexed'; listed: number; corrected: number };
const readIndexAssistantsReply = (reply: unknown[]): IndexAssistantsReply => {
  switch (reply[0]) {
    case 'INDEXED':
      return { kind: 'indexed', listed: Number(reply[1]), corrected: Number(reply[2]) };
    default:
      throw unexpectedReply('index-assistants', reply);
  }
};

/**
 * The commands of listing/commands, each with named arguments and a reply that tells its kinds apart.
 */
export const listingCommands = (run: RunCommand) => ({
  /**
   * Makes the entries of assistants in the indexes of an org anew, from their hashes.
   *
   * Keeps: after the command the indexes hold of each assistant what its hash says, as after every command that
   * changes the hash. So it may run at any time beside them, and any number of times.
   */
  indexAssistants: async (input: IndexAssistantsInput): Promise<IndexAssistantsReply> =>
    readIndexAssistantsReply(
      await run(
        'index-assistants',
        input.items.flatMap((one) => [one.assistant]),
        [input.org, ...input.items.flatMap((one) => [one.assistantId])],
      ),
    ),
});

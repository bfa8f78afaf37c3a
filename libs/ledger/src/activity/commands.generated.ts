/* Written by `npm run generate` from the headers of the Lua commands. Do not edit. */
import { unexpectedReply, type RunCommand } from '../scripts/run.ts';

interface ActivityReadInput {
  /** where to begin: an id, or `(` and an id for what comes after it; `-` or `+` */
  from: string;
  /** where to end, the same */
  to: string;
  newestFirst: boolean;
  /** how many entries to look at */
  count: number;
  /** stop once the texts have as many bytes */
  chars: number;
  /** the bytes of the longest record */
  longest: number;
}
type ActivityReadReply =
  /** the time of Redis; whether no entries remain; and of each entry the id, the number of its texts, and these: names and values. No texts if it has too many; -1 and none if it is too long */
  { kind: 'read'; nowMs: number; ended: boolean; entries: string[] };
const readActivityReadReply = (reply: unknown[]): ActivityReadReply => {
  switch (reply[0]) {
    case 'READ':
      return {
        kind: 'read',
        nowMs: Number(reply[1]),
        ended: reply[2] === '1',
        entries: reply.slice(3).map(String),
      };
    default:
      throw unexpectedReply('activity-read', reply);
  }
};

/**
 * The commands of activity/commands, each with named arguments and a reply that tells its kinds apart.
 */
export const activityCommands = (run: RunCommand) => ({
  /**
   * Reads records of activity in one direction. Leaves out the texts of an entry that is too long to be a
   * record.
   *
   * Keeps: what another client has written there costs the reader a bounded number of bytes.
   *
   * The stream is no key of the script: a user who may only read it may then call this.
   */
  activityRead: async (input: ActivityReadInput): Promise<ActivityReadReply> =>
    readActivityReadReply(
      await run(
        'activity-read',
        [],
        [input.from, input.to, input.newestFirst ? '1' : '', input.count, input.chars, input.longest],
      ),
    ),
});

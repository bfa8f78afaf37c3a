/* Written by `npm run generate` from the headers of the Lua commands. Do not edit. */
import { unexpectedReply, type RunCommand } from '../scripts/run.ts';

interface CheckIndexSizesInput {
  /** how far the indexes are complete */
  state: string;
  items: {
    /** percent-encoded */
    org: string;
  }[];
}
type CheckIndexSizesReply =
  /** the orgs, as they were given */
  { kind: 'checked'; wrong: string[] };
const readCheckIndexSizesReply = (reply: unknown[]): CheckIndexSizesReply => {
  switch (reply[0]) {
    case 'CHECKED':
      return { kind: 'checked', wrong: reply.slice(1).map(String) };
    default:
      throw unexpectedReply('check-index-sizes', reply);
  }
};

interface CheckNewestEntriesInput {
  events: string;
  /** how many of the newest events to look at */
  count: number;
}
type CheckNewestEntriesReply = { kind: 'checked'; behind: boolean };
const readCheckNewestEntriesReply = (reply: unknown[]): CheckNewestEntriesReply => {
  switch (reply[0]) {
    case 'CHECKED':
      return { kind: 'checked', behind: reply[1] === '1' };
    default:
      throw unexpectedReply('check-newest-entries', reply);
  }
};

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

interface ReadIndexInput {
  /** its name */
  index: string;
  /** percent-encoded */
  org: string;
  /** percent-encoded; nothing is read if this org has such an index too */
  other?: string | undefined;
  by: 'lex' | 'score';
  isDown: boolean;
  /** as in ZRANGE */
  from: string;
  /** as in ZRANGE; ids that begin with `id_prefix` if it is empty */
  to: string;
  /** how many entries to read */
  count: number;
  /** how many assistants to return at most */
  wanted: number;
  /** of the entry after which to read; those of this score up to it come again */
  afterScore?: number | undefined;
  afterId?: string | undefined;
  /** only ids that begin so */
  idPrefix?: string | undefined;
  /** only those that are uncertain */
  isUncertain: boolean;
  /** only keys that were made before this moment, in ms, or may have been */
  keyBefore?: number | undefined;
}
type ReadIndexReply =
  /** the other org has such an index, the index has another type, an entry is not as Rekey writes it, or too many have one score */
  | { kind: 'other' }
  /** how many entries were examined; whether they were the last; the place of the last one; of each assistant seven fields of its hash, its id and its score, in lines: one text is read faster than nine */
  | {
      kind: 'read';
      examined: number;
      isEnd: boolean;
      lastScore: string | undefined;
      lastId: string | undefined;
      found: string[];
    };
const readReadIndexReply = (reply: unknown[]): ReadIndexReply => {
  switch (reply[0]) {
    case 'OTHER':
      return { kind: 'other' };
    case 'READ':
      return {
        kind: 'read',
        examined: Number(reply[1]),
        isEnd: reply[2] === '1',
        lastScore: reply[3] === '' ? undefined : String(reply[3]),
        lastId: reply[4] === '' ? undefined : String(reply[4]),
        found: reply.slice(5).map(String),
      };
    default:
      throw unexpectedReply('read-index', reply);
  }
};

/**
 * The commands of listing/commands, each with named arguments and a reply that tells its kinds apart.
 */
export const listingCommands = (run: RunCommand) => ({
  /**
   * Names the orgs whose indexes do not have the sizes that they should have.
   *
   * Keeps: it only reads, the sizes of an org at one moment.
   */
  checkIndexSizes: async (input: CheckIndexSizesInput): Promise<CheckIndexSizesReply> =>
    readCheckIndexSizesReply(
      await run(
        'check-index-sizes',
        [input.state],
        input.items.flatMap((one) => [one.org]),
      ),
    ),
  /**
   * Whether the indexes have what the newest events publish. A worker of a version without these indexes
   * commits beside them: their sizes stay right, but their entries by age and by change are old.
   *
   * Keeps: it only reads. Events are read one at a time, and none after a very long one: Redis copies each.
   */
  checkNewestEntries: async (input: CheckNewestEntriesInput): Promise<CheckNewestEntriesReply> =>
    readCheckNewestEntriesReply(await run('check-newest-entries', [input.events], [input.count])),
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
  /**
   * Reads a part of an index of one org, and what the hashes of the assistants that it names say. It leaves out
   * assistants that a filter excludes for certain; the caller judges all others.
   *
   * Keeps: it only reads, all of it at one moment: an entry that its hash does not agree with is wrong, and was
   * not moved meanwhile.
   *
   * It asks for no right to write: a gateway needs none to list.
   */
  readIndex: async (input: ReadIndexInput): Promise<ReadIndexReply> =>
    readReadIndexReply(
      await run(
        'read-index',
        [],
        [
          input.index,
          input.org,
          input.other ?? '',
          input.by,
          input.isDown ? '1' : '',
          input.from,
          input.to,
          input.count,
          input.wanted,
          input.afterScore ?? '',
          input.afterId ?? '',
          input.idPrefix ?? '',
          input.isUncertain ? '1' : '',
          input.keyBefore ?? '',
        ],
      ),
    ),
});

/* Written by `npm run generate` from the headers of the Lua commands. Do not edit. */
import { unexpectedReply, type RunCommand } from '../scripts/run.ts';

interface ArchiveHoldInput {
  lock: string;
  report: string;
  token: string;
  leaseMs: number;
  /** the signed report; absent if there is nothing to note */
  text?: string | undefined;
}
type ArchiveHoldReply =
  | { kind: 'held' }
  /** another worker has the lock */
  | { kind: 'other' };
const readArchiveHoldReply = (reply: unknown[]): ArchiveHoldReply => {
  switch (reply[0]) {
    case 'HELD':
      return { kind: 'held' };
    case 'OTHER':
      return { kind: 'other' };
    default:
      throw unexpectedReply('archive-hold', reply);
  }
};

interface ArchiveReadInput {
  stream: string;
  /** of the holder of the lock */
  token: string;
  /** where to begin: an id, `(` and an id, `-` or `+` */
  from: string;
  /** towards older entries */
  back: boolean;
  /** how many entries to read */
  count: number;
  /** stop once they have as many bytes */
  chars: number;
  /** the bytes of the longest entry that is returned; one of very many fields is not */
  longest: number;
}
type ArchiveReadReply =
  /** the length of the stream; the time of Redis; whether it stopped early; and of each entry the id, the bytes, the number of fields and values, and these; or instead of them `0` and a digest (the SHA-1 of the SHA-1 of each, in hexadecimal) */
  | { kind: 'read'; length: number; nowMs: number; more: boolean; entries: string[] }
  /** another worker has the lock */
  | { kind: 'lost' };
const readArchiveReadReply = (reply: unknown[]): ArchiveReadReply => {
  switch (reply[0]) {
    case 'READ':
      return {
        kind: 'read',
        length: Number(reply[1]),
        nowMs: Number(reply[2]),
        more: reply[3] === '1',
        entries: reply.slice(4).map(String),
      };
    case 'LOST':
      return { kind: 'lost' };
    default:
      throw unexpectedReply('archive-read', reply);
  }
};

interface ArchiveTrimInput {
  stream: string;
  /** of the holder of the lock */
  token: string;
  /** the id of the last archived entry */
  through: string;
  /** about how many entries to keep */
  keep: number;
  /** give up if more than this, which is at most `keep`, are not archived */
  slack: number;
  /** or if they have more bytes */
  chars: number;
}
type ArchiveTrimReply =
  | { kind: 'trimmed'; removed: number }
  /** too much is not archived, or the last archived entry is not in the stream */
  | { kind: 'behind' }
  /** another worker has the lock */
  | { kind: 'lost' };
const readArchiveTrimReply = (reply: unknown[]): ArchiveTrimReply => {
  switch (reply[0]) {
    case 'TRIMMED':
      return { kind: 'trimmed', removed: Number(reply[1]) };
    case 'BEHIND':
      return { kind: 'behind' };
    case 'LOST':
      return { kind: 'lost' };
    default:
      throw unexpectedReply('archive-trim', reply);
  }
};

/**
 * The commands of archive/commands, each with named arguments and a reply that tells its kinds apart.
 */
export const archiveCommands = (run: RunCommand) => ({
  /**
   * Takes the lock under which one worker archives, or renews it, and notes what that worker reports.
   *
   * Keeps: one holder at a time, as Redis knows. The files of the archive do not depend on it.
   */
  archiveHold: async (input: ArchiveHoldInput): Promise<ArchiveHoldReply> =>
    readArchiveHoldReply(
      await run('archive-hold', [input.lock, input.report], [input.token, input.leaseMs, input.text ?? '']),
    ),
  /**
   * Reads a stream that is archived, in one direction, for the worker that archives.
   *
   * Keeps: only the holder of the lock reads; what another client has written there costs a bounded number of
   * bytes, since the text of an entry that is too long does not leave Redis.
   */
  archiveRead: async (input: ArchiveReadInput): Promise<ArchiveReadReply> =>
    readArchiveReadReply(
      await run(
        'archive-read',
        [input.stream],
        [input.token, input.from, input.back ? '1' : '', input.count, input.chars, input.longest],
      ),
    ),
  /**
   * Trims a stream behind the archive.
   *
   * Keeps: no entry after `through` is removed, and none of a stream that ends before it: that is another one.
   * Only the holder of the lock trims.
   */
  archiveTrim: async (input: ArchiveTrimInput): Promise<ArchiveTrimReply> =>
    readArchiveTrimReply(
      await run(
        'archive-trim',
        [input.stream],
        [input.token, input.through, input.keep, input.slack, input.chars],
      ),
    ),
});

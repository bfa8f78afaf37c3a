import { z } from 'zod';

const Position = z.string().regex(/^\d{1,20}-\d{1,20}$/);
const Count = z.int().nonnegative();
const OfStreams = <T extends z.ZodType>(value: T) => z.object({ events: value, activity: value });
const Word = z.string().regex(/^[A-Za-z0-9._-]{1,100}$/);

/** What the worker that archives reports about every second. Signed, since streams are trimmed by it. */
export const ArchiveReport = z.object({
  ledger: z.string().max(100),
  /** The id of the archive: another one is another folder. */
  archive: Word,
  /** By the clock of Redis, in ms since 1970. */
  at: Count,
  /** The process. */
  by: Word,
  /** The last archived entries. */
  positions: OfStreams(Position),
  /** How many entries after them were in the streams, and how long these were in all. */
  behind: OfStreams(Count),
  lengths: OfStreams(Count),
  /** How many entries may wait for the archive before they are trimmed. */
  max_behind: Count,
  /** The last closed segment, 0 if there is none, and the SHA-256 of its digest file. */
  number: Count,
  digest: z.string().max(64).optional(),
  /** Since when (ms) and why nothing is archived; a code of the file system, or a word. */
  problem: z.object({ code: Word, since: Count, message: z.string().max(300) }).optional(),
  /** The last gap in the archive: entries between these positions may be missing. */
  gap: z
    .object({
      at: Count,
      stream: z.enum(['events', 'activity']),
      after: Position,
      before: Position,
      missing: Count.nullable(),
    })
    .optional(),
});
export type ArchiveReport = z.infer<typeof ArchiveReport>;

/** What the status of the system shows of the archive. Times are Redis time, in ms since 1970. */
export interface ArchiveStatus {
  archiveId: string;
  /** The process that archives. */
  by: string;
  /** When that was last known. */
  reportedMs: number;
  /** The last archived entries. */
  positions: { events: string; activity: string };
  /** How many entries are not archived, and how many may be. */
  waiting: { events: number; activity: number };
  maxWaiting: number;
  /** The last closed segment, 0 if there is none, and the SHA-256 of its digest file. */
  segment: number;
  digest?: string;
  /** Why nothing is archived. */
  problem?: string;
  /** When the last gap was found. */
  gapMs?: number;
}

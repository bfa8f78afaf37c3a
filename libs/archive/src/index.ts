export { ArchiveError } from './archive-error.ts';
export { archivedStreams, type ArchivedStream } from './format/names.ts';
export { START, isPosition } from './format/position.ts';
export {
  entryLine,
  isMisread,
  numberInLine,
  type EventNumber,
  type StreamEntry,
} from './format/entry-line.ts';
export type { ArchiveVerifier } from './format/digest.ts';
export type { FileSystem } from './files/folder.ts';
export { Archive, type ArchiveItem, type ArchiveOptions } from './writer/archive.ts';
export { lastLine, newestArchived } from './writer/look-up.ts';
export type { Control } from './format/line-kind.ts';
export { MAX_BREAKS, verifyArchive, type VerifyReport } from './verify/verify.ts';

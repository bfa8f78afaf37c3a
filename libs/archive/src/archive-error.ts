/**
 * - `failed`: the file system refused something; it may succeed later.
 * - `refused`: the folder, or what is in it, is not to be written to. Needs an operator.
 * - `superseded`: another writer has taken over; the files are to be read anew.
 */
type ArchiveFault = 'failed' | 'refused' | 'superseded';

/** Messages name files of the archive and codes of the system; never what an entry contains. */
export class ArchiveError extends Error {
  readonly fault: ArchiveFault;
  /** Of the system, like ENOSPC. */
  readonly code: string | undefined;

  constructor(fault: ArchiveFault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ArchiveError';
    this.fault = fault;
    this.code = (options?.cause as NodeJS.ErrnoException | undefined)?.code;
  }
}

/**
 * What a worker may write about one assistant. Every write names the epoch, and is refused if another holder
 * has taken the assistant since.
 */
export interface Hold {
  orgId: string;
  assistantId: string;
  /** Absent for a check. */
  rotationId?: string;
  /** The bulk rotation that it is a part of. */
  bulkId?: string;
  /** Rises for each assistant, and serves as the version of the key that is read or made under it. */
  epoch: number;
  /** Redis time at which it was taken, in ms since 1970. */
  atMs: number;
  /**
   * Of the last version published before: a fingerprint, `no-key` or `deleted`. Both are undefined if none
   * was published.
   */
  stateBefore?: string;
  versionBefore?: number;
  /** Consumers were told that it is in doubt, and no version has been published since. */
  uncertain: boolean;
  /** Its record was too long to be read when it was last read. */
  tooLarge?: true;
  /** The org id that the last version was published under. Only of a check. */
  publishedOrgId?: string;
}

/** The key before a hold, as a command replies it. */
export const keyBefore = (
  state: string | undefined,
  version: number | undefined,
): Pick<Hold, 'stateBefore' | 'versionBefore'> =>
  version === undefined ? {} : { stateBefore: state ?? '', versionBefore: version };

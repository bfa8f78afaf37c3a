/** How an archive can be broken. Contracts: scripts match on them. */
export type BreakKind =
  /** Bytes of a digest, or of its signature, are not as they were signed. */
  | 'digest-changed'
  /** A digest is signed with a key that was not given. */
  | 'unknown-key'
  | 'digest-missing'
  | 'segment-missing'
  /** A digest or segment that does not belong where it is. */
  | 'segment-inserted'
  | 'segments-reordered'
  /** Files of two archives are in the folder. */
  | 'two-archives'
  /** A segment is not as it was signed. */
  | 'line-changed'
  | 'line-missing'
  | 'line-inserted'
  | 'lines-reordered'
  /** The archive ends before a position or a digest that it had. */
  | 'cut-end'
  /** It does not contain a position that lies within it. */
  | 'position-missing'
  /** A digest that is signed does not describe its segment: a defect of Rekey. */
  | 'inconsistent'
  /** There is nothing to verify. */
  | 'empty';

export interface Break {
  kind: BreakKind;
  /** The file; empty if it is the archive as a whole. */
  file: string;
  /** The lines between which it lies, from 1, and the last positions before them. */
  lines?: { from: number; to: number };
  message: string;
}

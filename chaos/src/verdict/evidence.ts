import type { KeyEvent, RotationState } from '@rekey/schema';

/** A change of a key, as the simulator recorded it. */
export interface Change {
  /** Null if the assistant was deleted. */
  key: string | null;
  atMs: number;
  /**
   * `denied`: by a POST that was answered as if it had been refused, so that no client could know of it.
   * `restored`: upstream returned to an earlier state. A key may therefore occur in a history more than once.
   */
  by: 'start' | 'request' | 'denied' | 'hand' | 'removed' | 'restored';
}

/** The outcome of a rotation that was accepted. */
export interface Outcome {
  state: RotationState;
  code?: string;
  assistantId?: string;
  /** When the rotation was accepted: ms since 1970. */
  acceptedMs?: number;
  /** The key version that it ended with. Unknown for a rotation of a bulk. */
  version?: number;
}

/** What `rekey status --check` answered at a moment. */
export interface StatusSample {
  atMs: number;
  needsOperator: boolean;
}

export interface Published {
  event: KeyEvent;
  /** When the event was added to the stream: ms since 1970. */
  atMs: number;
}

export interface Evidence {
  /** The changes of each assistant, from its first key on. */
  history: Record<string, Change[]>;
  /** Every event of the stream, in stream order. */
  published: Published[];
  /** The outcome of each accepted rotation. Undefined if the ledger does not know the rotation. */
  rotations: (Outcome | undefined)[];
  /**
   * Present if each assistant was to be rotated once: the rotations that the ledger keeps as SUCCEEDED. It
   * does not keep rotations of a bulk whose first request was answered.
   */
  succeededOnce?: { id: string; assistantId: string }[];
  counts: { rotate: number; get: number; list: number; concurrentRotates: number };
  /** Upstream requests made by sweeps. */
  sweepRequests: number;
  orgOf: (assistantId: string) => string;
  /** How many outcomes of an org may be open at once. */
  boundOf: (orgId: string) => number;
  fingerprint: (key: string) => string;
  /** False for an assistant of a foreign org that the API key showed for a time. */
  isOurs?: (assistantId: string) => boolean;
  statusSamples?: StatusSample[];
  /**
   * For how long a published key may be wrong without a word from status: one interval of sweeps, and the
   * time of a sweep and its reads.
   */
  wrongForMs?: number;
  /**
   * For how long status has to have named nothing until that counts. The end of a late sweep ends what status
   * said of it, and a removal that the sweep found is published once a later read confirms it.
   */
  clearForMs?: number;
  /** How long after an assistant was last gone its removal may be published. */
  removedWithinMs?: number;
  /** Of a completed bulk rotation of all assistants: how many it left out. */
  leftOut?: number;
  /** How often a worker that could not write its log did not work, or did not end on SIGTERM. */
  stuckByLog?: number;
}

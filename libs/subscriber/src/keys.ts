import type { EventEmitter } from 'node:events';

/** Any text, without losing the completion of the known values in editors. */
type AnyText = string & Record<never, never>;

/** How Rekey learned of a key. A later version of Rekey may know more causes. */
export type Cause = 'rotation' | 'reconciliation' | 'drift' | 'import' | 'rollback' | AnyText;

/** Why an assistant has no key. A later version of Rekey may know more reasons. */
export type Removal = 'no-key' | 'deleted' | AnyText;

/** An assistant whose key may be used. */
export interface HeldKey {
  state: 'held';
  assistantId: string;
  orgId: string;
  /** Rises with each new key. */
  version: number;
  secretKey: string;
  cause: Cause | undefined;
  /**
   * RFC 3339, by the Redis clock. For people: unlike everything else here, no proof covers it.
   */
  updatedAt: string;
  /** The answer to a rotation was lost: Invent may reject this key until the next version arrives. */
  uncertain: boolean;
}

/** An assistant that no longer has a key: nothing can be signed. */
export interface RemovedKey {
  state: 'removed';
  assistantId: string;
  orgId: string;
  version: number;
  removal: Removal;
  updatedAt: string;
  /** The answer to a rotation was lost: the assistant may have a key again. */
  uncertain: boolean;
}

/**
 * An assistant whose current record is newer than the held key and not sealed for this consumer. The key may
 * no longer be in force, so nothing is signed with it. A record that this consumer can open ends this state.
 */
export interface UnreadableKey {
  state: 'unreadable';
  assistantId: string;
  /** From the last record that could be opened. */
  orgId: string;
  version: number;
  updatedAt: string;
  uncertain: boolean;
  /** The version that the current record claims. Nothing proves it. */
  claimedVersion: number;
}

export interface KeyEvent extends HeldKey {
  /**
   * The assistant as Invent returned it, with every field. The text is parsed by this call and is not kept:
   * call it while the event is handled.
   */
  record(): Record<string, unknown>;
}

export interface RemovedEvent {
  assistantId: string;
  orgId: string;
  version: number;
  /** `withdrawn`: this consumer may no longer read the assistant. */
  removal: Removal | 'withdrawn';
}

export interface Refusal {
  /** As the event claims. Nothing proves it. */
  assistantId: string;
  version: number;
  why: string;
}

/** Why the snapshot was taken. */
export type SnapshotReason = 'start' | 'gap' | 'trimmed' | 'other-redis' | 'changed' | 'reinstated' | 'clock';

export interface SnapshotEvent {
  reason: SnapshotReason;
  /** The number of keys that are held now. */
  keys: number;
  tookMs: number;
}

export interface RevokedEvent {
  /**
   * The consumer has no entry, is not ACTIVE, its new grant does not open with the key file, or its entry has
   * an older grant than the one that is held.
   */
  reason: 'not-registered' | 'not-ready' | 'wrong-key-file' | 'old-grant';
  message: string;
}

/** How far this process has come, and how far it may be behind. */
export interface Freshness {
  /** `behindMs` is not more than `staleAfterMs`, and the consumer is not revoked. */
  upToDate: boolean;
  /**
   * Everything that was published longer ago than this has been applied. By a clock that does not jump. Rises
   * to about 500 while nothing is published.
   */
  behindMs: number;
  /** For how long the keys have been stale; undefined if they are not. */
  staleForMs: number | undefined;
  connected: boolean;
  /** Why a snapshot is due or being taken. Keys stay usable meanwhile. */
  snapshotDue: SnapshotReason | undefined;
  /**
   * This consumer was removed from Rekey, or cannot open new records. It keeps the held keys, and gets no new
   * ones.
   */
  revoked: boolean;
  /** The held keys are those of the option `restore`: no snapshot was taken yet. */
  restored: boolean;
  /** Redis accepts the acknowledgements. */
  acknowledging: boolean;
  /** The stream entry up to which everything has been applied, and its number. */
  position: string;
  seq: number;
  /** The name under which this process acknowledges. */
  instance: string;
  /** The current fault. */
  fault: string | undefined;
}

export interface KeysEvents {
  /** A new version. It may have the same key as before, which is then no longer uncertain. */
  key: [KeyEvent];
  removed: [RemovedEvent];
  /** The held key may have been replaced. It stays in use until the next version. */
  uncertain: [HeldKey | RemovedKey | UnreadableKey];
  /** A snapshot shows that the assistant is no longer uncertain, and has no new version. */
  certain: [HeldKey | RemovedKey | UnreadableKey];
  /**
   * The current record is newer than the held key and not sealed for this consumer. Nothing is signed for the
   * assistant until a `key` event.
   */
  unreadable: [UnreadableKey];
  /** An event that is not from Rekey or cannot be read. It changed nothing. */
  refused: [Refusal];
  snapshot: [SnapshotEvent];
  stale: [Freshness];
  fresh: [Freshness];
  /**
   * The consumer keeps and signs with the held keys, and gets no new ones. A snapshot with the reason
   * `reinstated` ends this.
   */
  revoked: [RevokedEvent];
}

/** The current keys of all assistants that a consumer may read. */
export interface Keys extends EventEmitter<KeysEvents> {
  /** Undefined if the assistant is unknown. */
  current(assistantId: string): HeldKey | RemovedKey | UnreadableKey | undefined;
  /**
   * HMAC-SHA256 of the user id under the assistant's key, in hex: Invent's `user_hash`.
   * Throws SubscribeError with UNKNOWN_ASSISTANT, KEY_REMOVED, NOT_READABLE_ANY_MORE or CLOSED.
   */
  signUserHash(assistantId: string, userId: string): string;
  /** The same, with the version of the signing key. */
  signUserHashWithVersion(
    assistantId: string,
    userId: string,
  ): { userHash: string; version: number; uncertain: boolean };
  freshness(): Freshness;
  /**
   * Events refused since the last snapshot, unreadable assistants, and records of the consumer's orgs that
   * are not sealed for it: the count, and the last 20.
   */
  readonly unapplied: { count: number; last: readonly Refusal[] };
  /** Events refused since `subscribe`; snapshots do not reset it. The count, and the first 20. */
  readonly refused: { count: number; first: readonly Refusal[] };
  /** The number of assistants with a held key. */
  readonly size: number;
  assistantIds(): IterableIterator<string>;
  /** Announces the end to Rekey, closes the connections and forgets all keys. Safe to call twice. */
  close(): Promise<void>;
}

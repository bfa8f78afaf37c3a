import type { EventEmitter } from 'node:events';

/** Keeps what an editor completes of a union that is open to any text. */
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
   * RFC 3339, by the clock of Redis. For people: unlike everything else here it stands outside of what Rekey
   * proves.
   */
  updatedAt: string;
  /** The answer to a rotation was lost: this key may be refused until the next version comes. */
  uncertain: boolean;
}

/** An assistant that has no key any more: there is nothing to sign with. */
export interface RemovedKey {
  state: 'removed';
  assistantId: string;
  orgId: string;
  version: number;
  removal: Removal;
  updatedAt: string;
  /** As of a held key: it may have one again. */
  uncertain: boolean;
}

/**
 * An assistant whose current record is not sealed for this consumer, although it is newer than the key that
 * was held: that key may be dead, and is no longer signed with. A record that this consumer can open again
 * ends this.
 */
export interface UnreadableKey {
  state: 'unreadable';
  assistantId: string;
  /** Of the last record that could be opened. */
  orgId: string;
  version: number;
  updatedAt: string;
  uncertain: boolean;
  /** The version that the current record claims; nothing proves it. */
  claimedVersion: number;
}

export interface KeyEvent extends HeldKey {
  /**
   * The assistant as Invent answered it, every field, parsed when it is called. It is not kept: call it while
   * the event is handled.
   */
  record(): Record<string, unknown>;
}

export interface RemovedEvent {
  assistantId: string;
  orgId: string;
  version: number;
  /** `withdrawn`: it is no longer among the records that this consumer may read. */
  removal: Removal | 'withdrawn';
}

export interface Refusal {
  /** As the event says; nobody proves it. */
  assistantId: string;
  version: number;
  why: string;
}

/** Why the snapshot was taken. */
export type SnapshotReason = 'start' | 'gap' | 'trimmed' | 'other-redis' | 'changed' | 'reinstated' | 'clock';

export interface SnapshotEvent {
  reason: SnapshotReason;
  /** How many keys are held now. */
  keys: number;
  tookMs: number;
}

export interface RevokedEvent {
  /** It has no entry; it is not ACTIVE; or its new grant does not open with the key file. */
  reason: 'not-registered' | 'not-ready' | 'wrong-key-file';
  message: string;
}

/** How far this process has come, and how far it may be behind. */
export interface Freshness {
  /**
   * It has applied all that was published up to `behindMs` ago, and that is not longer than `staleAfterMs`.
   */
  upToDate: boolean;
  /**
   * Whatever was published earlier than that has been applied. By a clock that does not jump. Rises to about
   * 500 in quiet times.
   */
  behindMs: number;
  /** For how long it has been stale; undefined where it is not. */
  staleForMs: number | undefined;
  connected: boolean;
  /** A snapshot is due or being taken: keys stay usable meanwhile. */
  snapshotDue: SnapshotReason | undefined;
  /**
   * This consumer was removed from Rekey, or can open nothing new. It goes on with what it holds, and gets no
   * new keys.
   */
  revoked: boolean;
  /** Redis takes the acknowledgements. */
  acknowledging: boolean;
  /** The id of the last entry of the stream up to which everything is applied, and its number. */
  position: string;
  seq: number;
  /** Under which name this process acknowledges. */
  instance: string;
  /** What it is held up by. */
  fault: string | undefined;
}

export interface KeysEvents {
  /** A new version; or the same key as before, whose uncertainty is over. */
  key: [KeyEvent];
  removed: [RemovedEvent];
  /** The key in hand may have been replaced: it is used until it is known. */
  uncertain: [HeldKey | RemovedKey | UnreadableKey];
  /** A snapshot knows of no doubt any more, and of no new version. */
  certain: [HeldKey | RemovedKey | UnreadableKey];
  /**
   * Its current record is newer than the key that was held, and not sealed for this consumer: it is no longer
   * signed for, until a `key` comes.
   */
  unreadable: [UnreadableKey];
  /** Something that does not come from Rekey, or cannot be read. Nothing was changed by it. */
  refused: [Refusal];
  snapshot: [SnapshotEvent];
  stale: [Freshness];
  fresh: [Freshness];
  /**
   * It keeps and signs with what it holds, and gets nothing new. A snapshot with the reason `reinstated` ends
   * it.
   */
  revoked: [RevokedEvent];
}

/** The keys of all assistants that a consumer may read, as of now. */
export interface Keys extends EventEmitter<KeysEvents> {
  /** undefined: nothing is known of such an assistant. */
  current(assistantId: string): HeldKey | RemovedKey | UnreadableKey | undefined;
  /**
   * HMAC-SHA256 of the user id under the assistant's key, in hex: Invent's `user_hash`.
   * Throws SubscribeError with UNKNOWN_ASSISTANT, KEY_REMOVED, NOT_READABLE_ANY_MORE or CLOSED.
   */
  signUserHash(assistantId: string, userId: string): string;
  /** The same, with the version that it was signed under. */
  signUserHashWithVersion(
    assistantId: string,
    userId: string,
  ): { userHash: string; version: number; uncertain: boolean };
  freshness(): Freshness;
  /**
   * What was refused since the last snapshot, and what cannot be read any more: how many, and the last 20.
   */
  readonly unapplied: { count: number; last: readonly Refusal[] };
  /**
   * What was refused since this process subscribed, whatever snapshots came in between: how many, and the
   * first 20.
   */
  readonly refused: { count: number; first: readonly Refusal[] };
  /** Of how many assistants a key is held. */
  readonly size: number;
  assistantIds(): IterableIterator<string>;
  /** Takes its leave of Rekey, closes its connections, and forgets all keys. Safe to call twice. */
  close(): Promise<void>;
}

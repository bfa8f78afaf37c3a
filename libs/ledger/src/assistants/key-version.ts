import {
  KEY_REMOVED,
  KEY_ROTATED,
  KEY_UNCERTAIN,
  type Cause,
  type ErrorCode,
  type Removal,
} from '@rekey/schema';
import type { Hold } from './hold.ts';

/** The content of an event: an envelope as JSON text, and the revision of the consumers it was sealed for. */
export interface Sealed {
  envelope: string;
  /** Empty: whoever they are by now. */
  revision: string;
}

export interface KeyVersion {
  /** The key's fingerprint, or why there is none. */
  key: { fingerprint: string } | { removal: Removal };
  sealed: Sealed;
  cause: Cause;
  /** Redis time, in ms since 1970. */
  updatedMs: number;
  /**
   * The result for the rotation: it ends; its key is found, but the landing window is still open; it
   * continues; or it fails with a code.
   */
  rotation: 'ends' | 'satisfied' | 'continues' | { fails: ErrorCode };
  /**
   * Set if the key was read, and is not from the response to a POST: when the read began (Redis time), and
   * how far reads may lag behind.
   */
  read?: { beganMs: number; lagMs: number };
  /**
   * Of a response to a POST: whether its record was changed since the POST left, or before. Of what a
   * rotation reads: `before` if it was last changed before the rotation began.
   */
  noted?: 'since' | 'before';
  /**
   * When another assistant of the org was read with its key (Redis time). That this one has no key is
   * published only if it was read after that.
   */
  witnessedMs?: number;
  /** Requests another check of the assistant after this time, and not before. */
  checkAgainInMs?: number;
}

export type CommitResult =
  /** `entry`: of the event stream. */
  | { kind: 'committed'; seq: number; entry: string }
  | { kind: 'already'; seq: number }
  /** `old`: the response to a POST has an earlier key, which proves nothing about the POST. */
  | { kind: 'refused' | 'old'; publishedVersion: number }
  /**
   * The read shows a superseded key. Once enough reads agree it is `confirmed`: commit again, with the cause
   * `rollback`.
   */
  | { kind: 'stale'; publishedVersion: number; retryInMs: number }
  | { kind: 'confirmed' }
  /** The key is in force, but older than the rotation: commit again, as one that continues. */
  | { kind: 'before' }
  /** `unconfirmed`: the absence of a key is published only if a later read confirms it. */
  | { kind: 'doubted' | 'unconfirmed'; retryInMs: number }
  /**
   * Reads agree that there is no key. It is published if the next read confirms it, after another assistant
   * of the org, this one, was read with its key.
   */
  | { kind: 'unwitnessed'; witness: string }
  /**
   * Too much of the org has changed: no such change is published until reads agree with the ledger again, or
   * an operator decides.
   */
  | { kind: 'withheld'; code: ErrorCode }
  /** Consumers were added or removed since it was sealed: nothing was written. Seal it again. */
  | { kind: 'other-recipients' };

const envelopeOf = (
  { orgId, assistantId }: Pick<Hold, 'orgId' | 'assistantId'>,
  type: string,
  id: string,
  time: string,
) => ({
  specversion: '1.0',
  id,
  source: `/orgs/${encodeURIComponent(orgId)}/assistants/${encodeURIComponent(assistantId)}`,
  type,
  subject: assistantId,
  time,
  datacontenttype: 'application/json',
});

/**
 * An event's JSON in two halves. The command that publishes it adds its numbers `seq` and `run` between them.
 */
interface EventHalves {
  head: string;
  tail: string;
}
const inHalves = (head: object, data: object, { envelope }: Sealed): EventHalves => ({
  head: `${JSON.stringify(head).slice(0, -1)},"data":{"seq":`,
  tail: `,${JSON.stringify(data).slice(1, -1)},"sealed":${envelope}}}`,
});

/** The event of a key version, in halves. */
export const versionEvent = (
  hold: Pick<Hold, 'orgId' | 'assistantId' | 'epoch' | 'rotationId' | 'bulkId'>,
  { key, sealed, cause, updatedMs }: Pick<KeyVersion, 'key' | 'sealed' | 'cause' | 'updatedMs'>,
): EventHalves => {
  const { epoch, rotationId = null, bulkId = null } = hold;
  const time = new Date(updatedMs).toISOString();
  const common = {
    version: epoch,
    cause,
    rotation_id: rotationId,
    bulk_rotation_id: bulkId,
    updated_at: time,
  };
  if ('removal' in key)
    return inHalves(
      envelopeOf(hold, KEY_REMOVED, String(epoch), time),
      { ...common, removal: key.removal, fingerprint: null },
      sealed,
    );
  return inHalves(
    envelopeOf(hold, KEY_ROTATED, String(epoch), time),
    { ...common, fingerprint: key.fingerprint },
    sealed,
  );
};

/** The event that puts the published key of an assistant in doubt, in halves. */
export const uncertainEvent = (hold: Hold, sealed: Sealed): EventHalves => {
  const { epoch, rotationId = null, bulkId = null, versionBefore } = hold;
  const time = new Date(hold.atMs).toISOString();
  return inHalves(
    envelopeOf(hold, KEY_UNCERTAIN, `uncertain-${epoch}`, time),
    { version: versionBefore ?? null, rotation_id: rotationId, bulk_rotation_id: bulkId },
    sealed,
  );
};

import { randomBytes } from 'node:crypto';
import type { Grant } from '@rekey/sealing';
import type { RevokedEvent } from '../keys.ts';
import { NOWHERE, type Place, type Session } from '../source/source.ts';

/** The consumer's entry in Redis, and the keys of its grant. */
export interface Enrolment {
  text: string;
  orgs: string[];
  recipient: Grant;
  /** Signs the text of an acknowledgement; absent if Rekey is an earlier one, which expects no signature. */
  sign?: ((ack: string) => string) | undefined;
}

/** What the parts of the follower share. */
export interface FollowState {
  /** The name under which this process acknowledges. */
  readonly instance: string;
  session: Session | undefined;
  /** The session of which it is known whether its Redis is the one of before. */
  recognised: Session | undefined;
  enrolment: Enrolment | undefined;
  /** The place up to which the stream has been read. */
  reading: Place | undefined;
  /** The place up to which everything has been applied. It does not move while a snapshot is due. */
  position: Place;
  /** The digest of the orgs by which it has been applied; undefined until a snapshot for these has ended. */
  appliedOrgs: string | undefined;
  /**
   * The place up to which the gate has been passed, and the orgs by which everything up to there has been
   * applied. A new object for each change: a run of the gate that began with another one confirms nothing.
   */
  confirmed: { position: Place; appliedOrgs: string | undefined };
  /** The last entry read whose id is ahead of the clock of Redis: events with lower ids may still follow. */
  aheadId: string | undefined;
  /** Another Redis process answers, and the run of its published records is not known yet. */
  isRunUnknown: boolean;
  /** The id of the Redis process, if this user of Redis may read it. */
  runId: string | undefined;
  /** The first snapshot has been taken. */
  ready: boolean;
  /** The held keys are those that the service has given, and no snapshot was taken yet. */
  restored: boolean;
  revoked: (RevokedEvent & { sinceMs: number }) | undefined;
  /** The last error, until the follower makes progress. */
  fault: unknown;
  /** Redis accepts the acknowledgements. */
  acknowledging: boolean;
  /** How many were made. */
  acknowledgements: number;
}

export const createState = (): FollowState => ({
  instance: randomBytes(6).toString('hex'),
  session: undefined,
  recognised: undefined,
  enrolment: undefined,
  reading: undefined,
  position: NOWHERE,
  appliedOrgs: undefined,
  confirmed: { position: NOWHERE, appliedOrgs: undefined },
  aheadId: undefined,
  isRunUnknown: false,
  runId: undefined,
  ready: false,
  restored: false,
  revoked: undefined,
  fault: undefined,
  acknowledging: false,
  acknowledgements: 0,
});

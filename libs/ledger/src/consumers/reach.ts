import { isBefore, orgsDigest, type AcknowledgementState } from '@rekey/schema';
import type { SeenConsumer } from '../registry/believed.ts';
import type { ConsumerInstance } from './heard-instances.ts';

export interface AssistantVersion {
  assistantId: string;
  version: number;
}

/** What is known about the live instances of a consumer. */
interface LiveInstances {
  live: ConsumerInstance[];
  /** It has signed an acknowledgement: an unsigned one can delay, and cannot give, what is acknowledged. */
  proves: boolean;
  /** There may be further instances, which are not known. */
  isIncomplete: boolean;
  /** What the entry that is believed says: the grant that they should hold, and the orgs to act by. */
  believed: BelievedEntry | undefined;
}

export type BelievedEntry = Pick<SeenConsumer, 'storedOrgs'> & {
  consumer: Pick<SeenConsumer['consumer'], 'grant_kid' | 'orgs'>;
};

/** `sent_ms` may be as old as an answer of Redis takes. */
const AHEAD_MS = 1000;

/**
 * Whether the position is later than the time of sending. Events can still be published before it, if another
 * client of Redis has added an entry of the future and removed it again.
 */
const isAhead = ({ position, sent_ms: sentMs, heardMs }: ConsumerInstance): boolean =>
  Number(position.split('-')[0]) > (sentMs ?? heardMs) + AHEAD_MS;

/** Whether it acts by another entry than the one that is believed. Earlier consumers say less. */
const hasOtherEntry = (
  { kid, orgs_sha256: orgs }: ConsumerInstance,
  believed: BelievedEntry | undefined,
): boolean =>
  believed !== undefined &&
  ((believed.consumer.grant_kid !== undefined && kid !== undefined && kid !== believed.consumer.grant_kid) ||
    (orgs !== undefined && (orgs !== orgsDigest(believed.storedOrgs) || lacksName(believed))));

/**
 * A consumer acts by the orgs as its entry names them: `c`, until a worker has added the real name. Before
 * that, it does not read what is published under that name.
 */
const lacksName = ({ consumer, storedOrgs }: BelievedEntry): boolean =>
  consumer.orgs.some((orgId) => !storedOrgs.includes(orgId));

/** Whether a consumer has applied an entry; for a version of an assistant, also whether it could. */
export const reachOf = (
  { live, proves, isIncomplete, believed }: LiveInstances,
  entry: string,
  version: AssistantVersion | undefined,
): AcknowledgementState => {
  if (!live.some(({ proved }) => proved || !proves)) return isIncomplete ? 'UNAPPLIED' : 'GONE';
  if (live.some(({ position }) => isBefore(position, entry))) return 'PENDING';
  const lacks = ({ unapplied: { count, first } }: ConsumerInstance): boolean =>
    version
      ? // Instances name only the first events that they could not apply: it may be one of the others.
        count > first.length ||
        first.some((one) => one.assistant_id === version.assistantId && one.version >= version.version)
      : count > 0;
  const isUnapplied = (one: ConsumerInstance) => isAhead(one) || hasOtherEntry(one, believed) || lacks(one);
  return isIncomplete || live.some(isUnapplied) ? 'UNAPPLIED' : 'ACKNOWLEDGED';
};

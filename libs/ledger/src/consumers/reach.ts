import { isBefore, type AcknowledgementState } from '@rekey/schema';
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
  /** The kid of the grant that they should hold, if that is known. */
  grantKid: string | undefined;
}

/** Whether a consumer has applied an entry; for a version of an assistant, also whether it could. */
export const reachOf = (
  { live, proves, isIncomplete, grantKid }: LiveInstances,
  entry: string,
  version: AssistantVersion | undefined,
): AcknowledgementState => {
  if (!live.some(({ proved }) => proved || !proves)) return 'GONE';
  if (live.some(({ position }) => isBefore(position, entry))) return 'PENDING';
  const isUnapplied = ({ unapplied: { count, first }, kid = grantKid }: ConsumerInstance): boolean =>
    // Without a kid: a consumer of an earlier version.
    (grantKid !== undefined && kid !== grantKid) ||
    (version
      ? // Instances name only the first events that they could not apply: it may be one of the others.
        count > first.length ||
        first.some((one) => one.assistant_id === version.assistantId && one.version >= version.version)
      : count > 0);
  return isIncomplete || live.some(isUnapplied) ? 'UNAPPLIED' : 'ACKNOWLEDGED';
};

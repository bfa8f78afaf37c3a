import type { ConsumerPositions, Consumers, Ledger } from '@rekey/ledger';
import { isEnded, type AcknowledgementState, type Rotation } from '@rekey/schema';

/** What happened to a rotation, in the words of the contract. */
interface TimelineStep {
  kind: 'ACCEPTED' | 'CLAIMED' | 'SENT' | 'UNKNOWN' | 'READ' | 'PUBLISHED' | 'ENDED' | 'ACKNOWLEDGED';
  /** In ms since 1970; undefined if it is unknown, or has not happened. */
  ms?: number | undefined;
  consumer?: string;
  state?: AcknowledgementState;
}

export interface TimelineDeps {
  ledger: Pick<Ledger, 'listing'>;
  consumers: Pick<Consumers, 'acknowledgedMs'>;
  positions: Pick<ConsumerPositions, 'instancesOf'>;
}

const timeOf = (entry: string | undefined): number | undefined =>
  entry === undefined ? undefined : Number(entry.split('-')[0]);

/** A worker reckons when a rotation ends, and may be a few ms early. */
const endOf = ({ endedMs, entry }: Rotation): number | undefined =>
  endedMs === undefined ? undefined : Math.max(endedMs, timeOf(entry) ?? 0);

/** The steps of a rotation that are known, in the order in which they happened. */
export const timelineOf = async (
  { ledger, consumers, positions }: TimelineDeps,
  rotation: Rotation,
  states: readonly { consumer: string; state: AcknowledgementState }[],
): Promise<TimelineStep[]> => {
  const { sentMs, unknownMs, readMs } = await ledger.listing.rotationTimes(rotation.id);
  const { entry } = rotation;
  const liveOf = (consumer: string): string[] =>
    positions
      .instancesOf(consumer)
      .filter(({ live }) => live)
      .map(({ instance }) => instance);
  const steps: TimelineStep[] = [
    { kind: 'ACCEPTED', ms: rotation.createdMs },
    { kind: 'CLAIMED', ms: rotation.startedMs },
    { kind: 'SENT', ms: sentMs },
    { kind: 'UNKNOWN', ms: unknownMs },
    { kind: 'READ', ms: readMs },
    { kind: 'PUBLISHED', ms: timeOf(entry) },
    { kind: 'ENDED', ms: isEnded(rotation.state) ? endOf(rotation) : undefined },
  ];
  const known = steps.filter(({ ms }) => ms !== undefined);
  const acknowledged = await Promise.all(
    states.map(async ({ consumer, state }): Promise<TimelineStep> => {
      const ms =
        state === 'ACKNOWLEDGED' && entry !== undefined
          ? await consumers.acknowledgedMs(consumer, entry, liveOf(consumer))
          : undefined;
      return { kind: 'ACKNOWLEDGED', ms, consumer, state };
    }),
  );
  // The order of steps of the same millisecond stays.
  return [...known, ...acknowledged].toSorted((a, b) => (a.ms ?? Infinity) - (b.ms ?? Infinity) || 0);
};

/**
 * Whether a consumer has applied an event. GONE: no instance of it is live. UNAPPLIED: an instance could not
 * apply it, or it is unknown whether it could.
 */
export type AcknowledgementState = 'ACKNOWLEDGED' | 'PENDING' | 'GONE' | 'UNAPPLIED';

/**
 * Whether an event counts as acknowledged: by all named consumers or, if none is named, by all live ones. At
 * least one consumer must have applied it.
 */
export const isAcknowledged = (
  acknowledgements: readonly { consumer: string; state: string }[],
  named: readonly string[] = [],
): boolean =>
  acknowledgements.some(
    ({ consumer, state }) => state === 'ACKNOWLEDGED' && (named.length === 0 || named.includes(consumer)),
  ) &&
  named.every((name) => acknowledgements.some(({ consumer }) => consumer === name)) &&
  !acknowledgements.some((one) => isOutstanding(one, named));

/**
 * Whether the acknowledgement of a consumer is still missing for an event to count as acknowledged. Named
 * consumers are required whether they are live or not; if none is named, all live ones are.
 */
export const isOutstanding = (
  { consumer, state }: { consumer: string; state: string },
  named: readonly string[] = [],
): boolean =>
  named.length > 0
    ? named.includes(consumer) && state !== 'ACKNOWLEDGED'
    : state === 'PENDING' || state === 'UNAPPLIED';

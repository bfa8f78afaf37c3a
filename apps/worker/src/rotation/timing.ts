export interface RotateTiming {
  /** The deadline of one upstream request. */
  requestTimeoutMs: number;
  /**
   * A POST leaves within this time of requesting the claim, or not at all: a worker that was suspended in
   * between sends nothing.
   */
  sendWithinMs: number;
  /** The part of a claim's lease that is left for everything except the upstream's answer. */
  leaseMarginMs: number;
  /** How long after its start a POST that seemed lost may still take effect. */
  landingWindowMs: number;
  /** How far reads may lag behind the key in force. */
  readLagMs: number;
  /**
   * A read that shows no key is believed only this long after the landing window: an Invent that shows none
   * for a moment must not close intents.
   */
  confirmAfterMs: number;
  /** For how long after its first attempt a rotation that is certainly not done is retried. */
  retryForMs: number;
}

/** How long a claim keeps other workers away. */
export const leaseMs = ({ sendWithinMs, requestTimeoutMs, leaseMarginMs }: RotateTiming): number =>
  sendWithinMs + requestTimeoutMs + leaseMarginMs;

/** How long after the claim the POST may still take effect, or a read may still not show it. */
export const windowMs = ({
  sendWithinMs,
  landingWindowMs,
  readLagMs,
}: Pick<RotateTiming, 'sendWithinMs' | 'landingWindowMs' | 'readLagMs'>): number =>
  sendWithinMs + landingWindowMs + readLagMs;

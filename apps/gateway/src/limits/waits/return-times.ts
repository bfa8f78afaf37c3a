export interface ReturnPace {
  /** How many callers are asked to come back in each second. */
  perSecond: number;
  atLeastMs: number;
  /** If more callers are refused than can come back within this time, they come back faster. */
  atMostMs: number;
}

/** The status of a refusal is made once for each time that it may name: they are few. */
const STEP_MS = 20;
/** The subjects that are remembered; then the one that was refused least recently is forgotten. */
const MAX_SUBJECTS = 10_000;

/** Without fractions of a ms: the difference of two times may exceed what was added by the last digit. */
const inSteps = (ms: number): number => Math.ceil(Math.floor(ms) / STEP_MS) * STEP_MS;

/**
 * When callers that were refused are to come back: one after the other at an even pace, so that callers that
 * were refused together do not return together. Each subject has a pace of its own. Callers for whom the
 * longest time is too short come back at random in its second half.
 */
export class ReturnTimes {
  private readonly pace: ReturnPace;
  private readonly nowMs: () => number;
  private readonly random: () => number;
  /** When the last caller of a subject comes back. */
  private readonly lastMs = new Map<string, number>();

  constructor(
    pace: ReturnPace,
    nowMs: () => number = () => performance.now(),
    random: () => number = Math.random,
  ) {
    this.pace = pace;
    this.nowMs = nowMs;
    this.random = random;
  }

  /** In ms from now. */
  nextMs(subject = ''): number {
    const { perSecond, atLeastMs, atMostMs } = this.pace;
    const now = this.nowMs();
    const nextMs = Math.max((this.lastMs.get(subject) ?? 0) + 1000 / perSecond, now + atLeastMs);
    if (nextMs > now + atMostMs) return inSteps(atMostMs * (1 - this.random() / 2));
    this.lastMs.delete(subject);
    this.lastMs.set(subject, nextMs);
    if (this.lastMs.size > MAX_SUBJECTS) this.lastMs.delete(this.lastMs.keys().next().value!);
    return inSteps(nextMs - now);
  }
}

/** How often something may happen, and how often at once after a pause. */
export interface Rate {
  perSecond: number;
  atOnce: number;
}

/** The subjects of which a rate is remembered; then the one that acted least recently is forgotten. */
const MAX_SUBJECTS = 10_000;

/**
 * Limits how often each subject may do something. It remembers one number for each of them: the time at which
 * everything that the subject has done would be done at an even pace (the generic cell rate algorithm). How
 * many subjects there are is not known, so the oldest are forgotten: one of them may then do again as many
 * things at once as a new one.
 */
export class RateLimits {
  private readonly paceMs: number;
  private readonly burstMs: number;
  private readonly nowMs: () => number;
  private readonly evenMs = new Map<string, number>();
  /** The last entry of the map. */
  private newest: string | undefined;

  constructor({ perSecond, atOnce }: Rate, nowMs: () => number = () => performance.now()) {
    this.paceMs = 1000 / perSecond;
    this.burstMs = this.paceMs * (atOnce - 1);
    this.nowMs = nowMs;
  }

  /** 0 if the subject may act now, which then counts; otherwise after how many whole ms it may. */
  take(subject: string): number {
    const nowMs = this.nowMs();
    const evenMs = Math.max(this.evenMs.get(subject) ?? 0, nowMs);
    const waitMs = evenMs - nowMs - this.burstMs;
    this.remember(subject, waitMs > 0 ? evenMs : evenMs + this.paceMs);
    return Math.max(Math.ceil(waitMs), 0);
  }

  /** What the subject took last does not count. */
  giveBack(subject: string): void {
    const evenMs = this.evenMs.get(subject);
    if (evenMs !== undefined) this.evenMs.set(subject, evenMs - this.paceMs);
  }

  /** For tests: how many subjects are remembered. */
  get size(): number {
    return this.evenMs.size;
  }

  private remember(subject: string, evenMs: number): void {
    // A map that loses its only entry makes a new table, which a single caller would cost with each call.
    if (subject !== this.newest) this.evenMs.delete(subject);
    this.newest = subject;
    this.evenMs.set(subject, evenMs);
    if (this.evenMs.size > MAX_SUBJECTS) this.evenMs.delete(this.evenMs.keys().next().value!);
  }
}

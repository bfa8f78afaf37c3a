/** What ends when its time is up. */
interface TimeLimited {
  onTimeUp(): void;
}

/** Limits that are reached within this time share a timer. */
const STEP_MS = 20;

interface Step {
  timer: NodeJS.Timeout;
  limited: Set<TimeLimited>;
}

/** Time limits of tens of thousands of calls: a timer of Node for each would take 300 bytes. */
export class TimeLimits {
  private readonly steps = new Map<number, Step>();

  /** Calls back after the time, at most a step later. Returns what `remove` needs. */
  add(limited: TimeLimited, ms: number): number {
    const atMs = Math.ceil((performance.now() + Math.max(ms, 0)) / STEP_MS) * STEP_MS;
    const step = this.steps.get(atMs) ?? this.begin(atMs);
    step.limited.add(limited);
    return atMs;
  }

  remove(limited: TimeLimited, atMs: number): void {
    const step = this.steps.get(atMs);
    if (!step?.limited.delete(limited) || step.limited.size > 0) return;
    clearTimeout(step.timer);
    this.steps.delete(atMs);
  }

  private begin(atMs: number): Step {
    const limited = new Set<TimeLimited>();
    // A timer cuts fractions off: it would come before its time.
    const inMs = Math.ceil(atMs - performance.now());
    const timer = setTimeout(() => {
      this.steps.delete(atMs);
      for (const one of limited) one.onTimeUp();
    }, inMs);
    const step = { timer, limited };
    this.steps.set(atMs, step);
    return step;
  }
}

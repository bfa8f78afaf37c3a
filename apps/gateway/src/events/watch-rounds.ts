/** A round of messages takes at most this share of the time of the gateway. */
const SHARE = 1 / 10;
const SHORTEST_MS = 5;
const LONGEST_MS = 100;

/** One watch that waits to be woken. */
export class Waiter {
  private resolve: (() => void) | undefined;
  private signal: AbortSignal | undefined;

  readonly wake = (): void => {
    const { resolve } = this;
    this.resolve = undefined;
    resolve?.();
  };

  /** Resolves when it is woken, or the signal aborts, which is the same at each call. */
  until(signal: AbortSignal): Promise<void> {
    if (this.signal === undefined) signal.addEventListener('abort', this.wake);
    this.signal = signal;
    return new Promise((resolve) => {
      this.resolve = resolve;
      if (signal.aborted) this.wake();
    });
  }

  end(): void {
    this.signal?.removeEventListener('abort', this.wake);
  }
}

/**
 * Wakes watches in rounds. Each wake sends a message, whatever it contains: after a round that took long,
 * because many watch, the next one begins later, and its messages contain more. If nothing was sent for a
 * moment, the next round begins at once.
 */
export class WatchRounds {
  private readonly due = new Set<() => void>();
  private readonly afterRound: (done: () => void) => void;
  private restUntilMs = -Infinity;
  private timer: NodeJS.Timeout | undefined;

  /**
   * `afterRound` calls back once the messages of a round have left: they are written at the end of a turn of
   * the event loop.
   */
  constructor(afterRound = (done: () => void): void => void setImmediate(() => setImmediate(done))) {
    this.afterRound = afterRound;
  }

  /** Wakes these in the next round. */
  add(wakes: Iterable<() => void>): void {
    for (const wake of wakes) this.due.add(wake);
    this.begin();
  }

  remove(wake: () => void): void {
    this.due.delete(wake);
  }

  /** Wakes at once all that are to be woken. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.run();
  }

  private begin(): void {
    if (this.due.size === 0 || this.timer !== undefined) return;
    const restMs = this.restUntilMs - performance.now();
    if (restMs <= 0) return this.run();
    this.timer = setTimeout(() => {
      this.timer = undefined;
      // The round before has turned out to take longer.
      this.begin();
    }, Math.ceil(restMs));
  }

  private run(): void {
    const beganMs = performance.now();
    this.restUntilMs = beganMs + SHORTEST_MS;
    const woken = [...this.due];
    this.due.clear();
    for (const wake of woken) wake();
    this.afterRound(() => {
      const restMs = (performance.now() - beganMs) / SHARE;
      this.restUntilMs = beganMs + Math.min(Math.max(restMs, SHORTEST_MS), LONGEST_MS);
    });
  }
}

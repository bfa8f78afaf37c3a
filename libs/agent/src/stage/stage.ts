/**
 * Work that is due after changes: never two runs at once, and one run for all changes before it. A run that
 * fails is repeated.
 */
interface Stage {
  /** Something has changed. */
  request(): void;
  /** Something else has changed: the quiet period begins again, if a run is due. */
  touch(): void;
  /**
   * Resolves when a run that began after every request so far has succeeded. Rejects when a run has failed
   * since the call.
   */
  settled(): Promise<void>;
  readonly failure: { why: string; sinceMs: number } | undefined;
  /** Since when what it shows is behind; undefined if no run is due. */
  readonly dueSinceMs: number | undefined;
  /** Ends it: what is running ends by itself, and nothing else begins. */
  close(): Promise<void>;
}

interface StageOptions {
  run(): Promise<void>;
  /** A run waits until nothing was requested for `quietMs`, at most `mostMs` after the first request. */
  quietMs?(): number;
  mostMs?: number;
  /** When the next run may begin, after one that has succeeded. */
  restUntilMs?(): number;
  /** While this holds, a run waits for a `touch`, though no longer than `mostMs`. */
  isBlocked?(): boolean;
  /** Since when a run that begins now would be behind, or what it shows when a first one is requested. */
  behindSinceMs?(): number;
  /** Another reason than that of the run before. */
  onFailure(why: string): void;
  onAttemptFailed?(): void;
  whyOf(error: unknown): string;
}

const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 5000;

interface Waiter {
  wanted: number;
  resolve(): void;
  reject(error: Error): void;
}

const createWaiters = () => {
  let waiters: Waiter[] = [];
  const end = (isEnded: (waiter: Waiter) => boolean, how: (waiter: Waiter) => void): void => {
    const ended = waiters.filter(isEnded);
    waiters = waiters.filter((waiter) => !ended.includes(waiter));
    ended.forEach(how);
  };
  return {
    add: (wanted: number): Promise<void> =>
      new Promise((resolve, reject) => void waiters.push({ wanted, resolve, reject })),
    resolveUpTo: (done: number): void =>
      end(
        ({ wanted }) => wanted <= done,
        ({ resolve }) => resolve(),
      ),
    reject: (why: string): void =>
      end(
        () => true,
        ({ reject }) => reject(new Error(why)),
      ),
  };
};

export const createStage = (options: StageOptions): Stage => {
  const { run, mostMs = 0, isBlocked = () => false, onFailure, whyOf } = options;
  let wanted = 0;
  let done = 0;
  let firstMs = 0;
  let lastMs = 0;
  let behindSinceMs = 0;
  let notBeforeMs = -Infinity;
  let retryMs = FIRST_RETRY_MS;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let failure: Stage['failure'];
  let closed = false;
  const waiters = createWaiters();

  const runOnce = async (): Promise<void> => {
    const target = wanted;
    const beganMs = performance.now();
    const showsUntilMs = options.behindSinceMs?.() ?? beganMs;
    try {
      await run();
      // What was requested meanwhile is due, and nothing before that.
      [done, behindSinceMs] = [target, showsUntilMs];
      firstMs = performance.now();
      notBeforeMs = options.restUntilMs?.() ?? firstMs;
      [failure, retryMs] = [undefined, FIRST_RETRY_MS];
      waiters.resolveUpTo(done);
    } catch (error) {
      const why = whyOf(error);
      options.onAttemptFailed?.();
      if (failure?.why !== why) onFailure(why);
      failure = { why, sinceMs: failure?.sinceMs ?? performance.now() };
      notBeforeMs = performance.now() + retryMs;
      retryMs = Math.min(2 * retryMs, LONGEST_RETRY_MS);
      waiters.reject(why);
    }
  };
  const schedule = (): void => {
    if (closed || running || done === wanted) return;
    clearTimeout(timer);
    const latestMs = firstMs + mostMs;
    const quietUntilMs = isBlocked() ? latestMs : lastMs + (options.quietMs?.() ?? 0);
    const dueMs = Math.max(Math.min(quietUntilMs, latestMs), notBeforeMs);
    const begin = (): void => {
      running = runOnce().finally(() => {
        running = undefined;
        schedule();
      });
    };
    const waitMs = dueMs - performance.now();
    if (waitMs <= 0) begin();
    else timer = setTimeout(schedule, Math.ceil(waitMs));
  };

  return {
    request: () => {
      lastMs = performance.now();
      if (done === wanted) [firstMs, behindSinceMs] = [lastMs, options.behindSinceMs?.() ?? lastMs];
      wanted += 1;
      schedule();
    },
    touch: () => {
      lastMs = performance.now();
      schedule();
    },
    settled: () => (done === wanted ? Promise.resolve() : waiters.add(wanted)),
    get failure() {
      return failure;
    },
    get dueSinceMs() {
      return done === wanted ? undefined : behindSinceMs;
    },
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await running;
      waiters.reject('the agent ends');
    },
  };
};

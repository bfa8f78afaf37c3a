/** What the launcher has to release before it ends: last in, first out. */
export interface Lifecycle {
  defer(release: () => unknown): void;
  /** Releases everything once, then ends the process. */
  stop(code: number): Promise<void>;
  isStopping(): boolean;
  /** Never resolves while the launcher stops: no further part starts. */
  unlessStopping(): Promise<void>;
}

export const createLifecycle = (): Lifecycle => {
  const releases: (() => unknown)[] = [];
  let stopping = false;
  return {
    defer: (release) => releases.push(release),
    stop: async (code) => {
      if (stopping) return;
      stopping = true;
      // A part that starts meanwhile is stopped too.
      for (let last = releases.pop(); last; last = releases.pop()) await last();
      process.exit(code);
    },
    isStopping: () => stopping,
    unlessStopping: () => (stopping ? new Promise(() => {}) : Promise.resolve()),
  };
};

/** The signals that end a process in order: from a supervisor, Ctrl-C, and a closed terminal. */
const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/**
 * Ctrl-C reaches a process twice: from the terminal, and from npm, which forwards it. The end of a terminal
 * does too: from the kernel, and from the shell.
 */
const ONE_REQUEST_MS = 1000;

/** Calls `stop` at the first stop signal, and `exitAtOnce` at one that follows a second or more later. */
export const onStopSignal = (stop: (signal: NodeJS.Signals) => void, exitAtOnce: () => void): void => {
  let firstMs: number | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    if (firstMs === undefined) {
      firstMs = performance.now();
      stop(signal);
    } else if (performance.now() - firstMs >= ONE_REQUEST_MS) {
      exitAtOnce();
    }
  };
  for (const signal of STOP_SIGNALS) process.on(signal, onSignal);
};

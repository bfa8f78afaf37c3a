/** Repeats a chore, with a pause between two runs. `close` waits for a run that has begun. */
export const every = (
  pauseMs: number,
  chore: () => Promise<void>,
  onError: (error: unknown) => void,
): { close(): Promise<void> } => {
  let closed = false;
  let running: Promise<void> | undefined;
  const run = () => {
    running = chore()
      .catch(onError)
      .finally(() => {
        if (!closed) timer = setTimeout(run, pauseMs);
      });
  };
  let timer = setTimeout(run, pauseMs);
  return {
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await running;
    },
  };
};

/** Does a chore again and again, with a pause in between, until closed. `wake` ends the pause. */
export const every = (pauseMs: number, chore: () => Promise<void>, onError: (error: unknown) => void): { wake(): void; close(): Promise<void> } => {
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let woken = false;
  const run = () => {
    timer = undefined;
    woken = false;
    running = chore()
      .catch(onError)
      .finally(() => {
        running = undefined;
        if (!closed) timer = setTimeout(run, woken ? 0 : pauseMs);
      });
  };
  timer = setTimeout(run, pauseMs);
  return {
    wake: () => {
      woken = true;
      if (timer === undefined || closed) return;
      clearTimeout(timer);
      run();
    },
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await running;
    },
  };
};

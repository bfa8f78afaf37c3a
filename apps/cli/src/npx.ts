const LOOK_EVERY_MS = 500;
/** As of a process that SIGTERM has ended. */
const TERMINATED = 143;

/** npx has a shell before the command, and passes a signal to that alone: a command that follows something would stay when npx was ended. */
export const endWithNpx = (): void => {
  if (process.env['npm_lifecycle_event'] !== 'npx') return;
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) process.exit(TERMINATED);
  }, LOOK_EVERY_MS).unref();
};

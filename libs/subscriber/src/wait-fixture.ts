import type { Keys, KeysEvents } from './keys.ts';

/** Resolves when a condition holds. Polls, for conditions that no event announces. */
export const until = async (
  holds: () => boolean | Promise<boolean>,
  what: string,
  withinMs = 15_000,
): Promise<void> => {
  const deadline = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

/** Resolves with the next event of this name. The spec may also leave it pending. */
export const next = <E extends keyof KeysEvents>(
  keys: Keys,
  event: E,
  withinMs = 15_000,
): Promise<KeysEvents[E][0]> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`no event ${event} within ${withinMs} ms`)),
      withinMs,
    ).unref();
    keys.once(event, ((what: KeysEvents[E][0]) => {
      clearTimeout(timer);
      resolve(what);
    }) as never);
  });

export interface Followed {
  /** Since when what was read is refused, in ms since 1970. */
  refusedSinceMs(): number | undefined;
  close(): void;
}

interface FollowOptions<Refusal extends Error> {
  everyMs?: number | undefined;
  /**
   * Reads, and puts in force what has changed. What it throws leaves in force what was before. `false` if
   * what it read may be incomplete: it looks again soon.
   */
  look: () => boolean;
  /** What `look` has thrown, as an operator reads it. */
  refusalOf: (thrown: unknown) => Refusal;
  /** Called once for each different message, if it is the same at two looks. */
  onRefused: (refusal: Refusal) => void;
}

/** Within this time a changed file is noticed. */
const LOOK_EVERY_MS = 1000;

/** Somebody who writes a file is done, or writes on, within this time. */
const SETTLE_MS = 100;

/** Whether what was read is the same as what was read before it: a file that is being written is not. */
export const createSettling = <Read>(isSame: (one: Read, other: Read) => boolean) => {
  let before: Read | undefined;
  return (read: Read): boolean => {
    const isSettled = before !== undefined && isSame(before, read);
    before = read;
    return isSettled;
  };
};

/** Looks once, and throws what that throws; then again and again, and no longer throws. */
export const follow = <Refusal extends Error>({
  everyMs = LOOK_EVERY_MS,
  look,
  refusalOf,
  onRefused,
}: FollowOptions<Refusal>): Followed => {
  let refused: { message: string; sinceMs: number } | undefined;
  /** A complaint that was not made yet: a file that is being written is often no file that can be used. */
  let doubted: string | undefined;
  let soon: NodeJS.Timeout | undefined;
  const lookSoon = (): void => {
    soon = setTimeout(lookAgain, Math.min(SETTLE_MS, everyMs)).unref();
  };
  const complain = (refusal: Refusal): void => {
    const { message } = refusal;
    const isNew = refused?.message !== message;
    if (isNew && doubted !== message) {
      doubted = message;
      lookSoon();
      return;
    }
    refused = { message, sinceMs: refused?.sinceMs ?? Date.now() };
    if (isNew) onRefused(refusal);
  };
  const lookAgain = (): void => {
    soon = undefined;
    try {
      if (!look()) return lookSoon();
      refused = undefined;
      doubted = undefined;
    } catch (thrown) {
      complain(refusalOf(thrown));
    }
  };
  look();
  // A look that is to come soon must not come sooner.
  const timer = setInterval(() => soon ?? lookAgain(), everyMs).unref();
  const close = (): void => {
    clearInterval(timer);
    clearTimeout(soon);
  };
  return { refusedSinceMs: () => refused?.sinceMs, close };
};

export interface Followed {
  /** Since when what was read is refused, in ms since 1970. */
  refusedSinceMs(): number | undefined;
  close(): void;
}

interface FollowOptions<Refusal extends Error> {
  everyMs?: number | undefined;
  /** Reads, and puts in force what has changed. What it throws leaves in force what was before. */
  look: () => void;
  /** What `look` has thrown, as an operator reads it. */
  refusalOf: (thrown: unknown) => Refusal;
  /** Called once for each different message. */
  onRefused: (refusal: Refusal) => void;
}

/** Within this time a changed file is noticed. */
const LOOK_EVERY_MS = 1000;

/** Looks once, and throws what that throws; then again and again, and no longer throws. */
export const follow = <Refusal extends Error>({
  everyMs = LOOK_EVERY_MS,
  look,
  refusalOf,
  onRefused,
}: FollowOptions<Refusal>): Followed => {
  let refused: { message: string; sinceMs: number } | undefined;
  look();
  const timer = setInterval(() => {
    try {
      look();
      refused = undefined;
    } catch (thrown) {
      const refusal = refusalOf(thrown);
      const isNew = refused?.message !== refusal.message;
      refused = { message: refusal.message, sinceMs: refused?.sinceMs ?? Date.now() };
      if (isNew) onRefused(refusal);
    }
  }, everyMs);
  timer.unref();
  return { refusedSinceMs: () => refused?.sinceMs, close: () => clearInterval(timer) };
};

import { statSync } from 'node:fs';

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
  /** The files that it reads. */
  paths: readonly string[];
  /** Called once for each different message, if it is the same at two looks, and the files are, too. */
  onRefused: (refusal: Refusal) => void;
}

/** Within this time a changed file is noticed. */
const LOOK_EVERY_MS = 1000;

/** Somebody who writes a file is done, or writes on, within this time. */
const SETTLE_MS = 100;
/** After this time, a fault is reported even if the file has changed at every look. */
const DOUBTED_FOR_MS = 5000;

/** Differs after each change of a file. Of one that is written again and again, two looks can be alike. */
const stateOf = (path: string): string => {
  try {
    const { ino, size, mtimeNs } = statSync(path, { bigint: true });
    return `${ino} ${size} ${mtimeNs}`;
  } catch {
    return '';
  }
};

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
  paths,
  onRefused,
}: FollowOptions<Refusal>): Followed => {
  let refused: { message: string; sinceMs: number } | undefined;
  /** A complaint that was not made yet: a file that is being written is often no file that can be used. */
  let doubted: { message: string; state: string; sinceMs: number } | undefined;
  let soon: NodeJS.Timeout | undefined;
  const lookSoon = (): void => {
    soon = setTimeout(lookAgain, Math.min(SETTLE_MS, everyMs)).unref();
  };
  const isSure = (message: string): boolean => {
    const state = paths.map(stateOf).join('\n');
    const before = doubted?.message === message ? doubted : undefined;
    const sinceMs = before?.sinceMs ?? performance.now();
    doubted = { message, state, sinceMs };
    return before?.state === state || performance.now() - sinceMs >= DOUBTED_FOR_MS;
  };
  const complain = (refusal: Refusal): void => {
    const { message } = refusal;
    const isNew = refused?.message !== message;
    if (isNew && !isSure(message)) return lookSoon();
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

/** A caller that was refused because of a limit of its own. */
export interface LimitedCaller {
  /** Its name, or the address group that failed authentications came from. */
  caller: string;
  limit: string;
  /** How many of its calls were refused since `sinceMs`, without a minute between two of them. */
  refused: number;
  /** In ms since 1970. */
  sinceMs: number;
  lastMs: number;
}

/** Those that are remembered; then the one that was refused least recently is forgotten. */
const MAX_CALLERS = 1000;
/** A caller that was not refused for this time is no longer at its limit. */
const AT_LIMIT_FOR_MS = 60_000;

/** Remembers who is at a limit, in bounded memory. */
export class LimitedCallers {
  /** The one that was refused least recently first. */
  private readonly callers = new Map<string, LimitedCaller>();
  private readonly nowMs: () => number;

  constructor(nowMs: () => number = Date.now) {
    this.nowMs = nowMs;
  }

  note(limit: string, caller: string): void {
    const key = `${limit} ${caller}`;
    const nowMs = this.nowMs();
    const known = this.callers.get(key);
    const isSame = known !== undefined && this.isAtLimit(known, nowMs);
    const one = isSame ? known : { caller, limit, refused: 0, sinceMs: nowMs, lastMs: nowMs };
    one.refused += 1;
    one.lastMs = nowMs;
    this.callers.delete(key);
    this.callers.set(key, one);
    if (this.callers.size > MAX_CALLERS) this.callers.delete(this.callers.keys().next().value!);
  }

  /** Those that are at a limit, the one that was refused most often first. */
  list(): LimitedCaller[] {
    const nowMs = this.nowMs();
    for (const [key, one] of this.callers) {
      if (this.isAtLimit(one, nowMs)) break;
      this.callers.delete(key);
    }
    return [...this.callers.values()].toSorted((a, b) => b.refused - a.refused);
  }

  private isAtLimit({ lastMs }: LimitedCaller, nowMs: number): boolean {
    return nowMs - lastMs < AT_LIMIT_FOR_MS;
  }
}

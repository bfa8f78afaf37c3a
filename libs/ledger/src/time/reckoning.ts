/** The two clocks of a process. */
export interface OwnClock {
  /** Monotonic, in ms. */
  nowMs(): number;
  /** The wall clock of this host, in ms since 1970. */
  wallMs(): number;
}

/** A moment of Redis, and when this process heard of it, by its monotonic clock. */
interface Anchor {
  redisMs: number;
  heardMs: number;
}

/** What one look at the clock of Redis has found. */
export interface Reading extends Anchor {
  sentMs: number;
  /** Up to when the clock ran as expected, as the ledger keeps it. */
  past: number | undefined;
  /** By how much the clock has jumped, if the ledger has noted that. */
  jump: number | undefined;
}

interface ReckoningOptions {
  clock: OwnClock;
  /** By how much Redis may differ from what is expected. */
  toleranceMs: number;
  everyMs: number;
  settleMs: number;
  wallToleranceMs: number;
}

/** A clock that has jumped is considered only after this many looks of other processes. */
const LOOKS_TO_BE_MISSED = 3;

/** What a process expects of the clock of Redis, from a moment that it trusts and its own monotonic clock. */
export class Reckoning {
  private trusted: Anchor | undefined;
  /** While the clock is in doubt: its present time, and since when it has run evenly. */
  private candidate: (Anchor & { sinceMs: number }) | undefined;
  /** Of the jump that the ledger knows of. */
  private knownOffsetMs = 0;
  private readonly options: ReckoningOptions;
  /** By how much Redis may be ahead of what the ledger keeps. */
  readonly aheadMs: number;

  constructor(options: ReckoningOptions) {
    this.options = options;
    this.aheadMs = options.toleranceMs + LOOKS_TO_BE_MISSED * options.everyMs;
  }

  get isTrusting(): boolean {
    return this.trusted !== undefined;
  }

  /** What Redis should say now, if this process trusts a moment. */
  trustedMs(atMs: number): number | undefined {
    return this.trusted && computeMs(this.trusted, atMs);
  }

  /** What commands are told; until a moment is trusted, it comes from the candidate. */
  expectedMs(): number | undefined {
    const nowMs = this.options.clock.nowMs();
    if (this.trusted) return computeMs(this.trusted, nowMs);
    return this.candidate && computeMs(this.candidate, nowMs) - this.knownOffsetMs;
  }

  /** Whether Redis is as this process expects. */
  isExpected(reading: Reading): boolean {
    return this.trusted !== undefined && this.isFrom(this.trusted, reading);
  }

  /** Whether Redis has run evenly since the candidate was taken. */
  isCandidate(reading: Reading): boolean {
    return this.candidate !== undefined && this.isFrom(this.candidate, reading);
  }

  /**
   * Redis is as it should be. The anchor follows it, because clocks do not run equally fast; not if the
   * response was slow.
   */
  follow({ redisMs, sentMs, heardMs }: Reading): void {
    if (heardMs - sentMs <= this.options.toleranceMs / 4) this.trusted = { redisMs, heardMs };
    this.candidate = undefined;
    this.knownOffsetMs = 0;
  }

  /** From now on this process trusts the candidate. */
  trustCandidate(): void {
    this.trusted = this.candidate;
  }

  /** Redis is not as expected. Returns whether its clock has run evenly for long enough to be trusted. */
  consider(reading: Reading): boolean {
    const { redisMs, heardMs, jump } = reading;
    if (!this.candidate || !this.isFrom(this.candidate, reading))
      this.candidate = { redisMs, heardMs, sinceMs: heardMs };
    const agrees = this.agreesWithHost(redisMs);
    this.knownOffsetMs = this.trusted || agrees ? 0 : (jump ?? 0);
    return agrees && heardMs - this.candidate.sinceMs >= this.evenForMs(reading);
  }

  /** Whether Redis and the wall clock of this host agree. */
  agreesWithHost(redisMs: number): boolean {
    return Math.abs(redisMs - this.options.clock.wallMs()) <= this.options.wallToleranceMs;
  }

  private isFrom(anchor: Anchor, { redisMs, sentMs, heardMs }: Reading): boolean {
    const { toleranceMs } = this.options;
    return (
      redisMs >= computeMs(anchor, sentMs) - toleranceMs &&
      redisMs <= computeMs(anchor, heardMs) + toleranceMs
    );
  }

  /** For how long a clock that is not the expected one has to run evenly before it is trusted. */
  private evenForMs({ redisMs, past, jump }: Reading): number {
    const { toleranceMs, settleMs, everyMs } = this.options;
    const isVouchedFor =
      past !== undefined &&
      jump === undefined &&
      redisMs <= past + this.aheadMs &&
      redisMs >= past - toleranceMs;
    // Another process trusts it.
    if (isVouchedFor) return 0;
    if (this.trusted || jump !== undefined || (past !== undefined && redisMs < past)) return settleMs;
    // Either no process has run for a while; or the clock has just jumped, and others are about to note that.
    return past === undefined ? 0 : LOOKS_TO_BE_MISSED * everyMs;
  }
}

const computeMs = ({ redisMs, heardMs }: Anchor, atMs: number): number => redisMs + atMs - heardMs;

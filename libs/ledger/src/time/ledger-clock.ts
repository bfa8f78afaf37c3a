import type { Redis } from 'ioredis';
import { expectOf } from './expected-time.ts';
import { readJump } from './clock-jump.ts';
import { connectLedger } from '../connection.ts';
import { timeCommands } from './commands.generated.ts';

/** The two clocks of a process. */
export interface OwnClock {
  /** Monotonic, in ms. */
  nowMs(): number;
  /** The wall clock of this host, in ms since 1970. */
  wallMs(): number;
}

export interface ClockDoubt {
  /**
   * By how much Redis is ahead of what was expected of it, or of the wall clock of this host where nothing
   * was.
   */
  offsetMs: number;
  /**
   * `jumped`: against what this process expects and against the ledger's own past. `alone`: against what this
   * process alone expects. `disagrees`: with the wall clock of this host. `new`: this process has only just
   * begun to look.
   */
  why: 'jumped' | 'alone' | 'disagrees' | 'new';
}

/**
 * Watches the clock of Redis, from which versions, leases and landing windows are reckoned. What Redis should
 * say is reckoned from a moment at which it was right, and from the time that has passed since by a clock
 * that nobody sets. Every command is told (`now_us` in prelude.lua), so that none draws a version in the
 * first moment of a jump either; a look every second finds out what has happened, and when it is over.
 */
export interface LedgerClock {
  /** Looks once. Rejects where Redis is away. */
  look(): Promise<void>;
  /** Looks again and again; returns how to stop that. */
  start(onError: (error: unknown) => void): () => void;
  /** Why nothing is claimed at present; undefined where the clock of Redis is as it should be. */
  doubt(): ClockDoubt | undefined;
  /** Has the commands of one more connection to the same Redis told what is expected. */
  watch(redis: Redis): void;
}

export interface LedgerClockOptions {
  redis: Redis;
  prefix: string;
  clock?: OwnClock;
  /** Tells this process from others. */
  name: string;
  /** Whoever only reads the clock (a gateway) notes nothing in the ledger. */
  notes?: boolean;
  /** By how much Redis may differ from what is expected. Less than a landing window. */
  toleranceMs?: number;
  /** How often `look` is called. */
  everyMs?: number;
  /**
   * A clock that has jumped and stays where it is, and that agrees with the wall clock of this host, is the
   * right one after this time: when whatever was under way before the jump is over by any clock.
   */
  settleMs?: number;
  /**
   * By how much the wall clock of this host may differ from Redis: far less than the day that consumers
   * accept.
   */
  wallToleranceMs?: number;
  /** `before`: what was in doubt until now. */
  onChange?: (doubt: ClockDoubt | undefined, before: ClockDoubt | undefined) => void;
}

const systemClocks: OwnClock = { nowMs: () => performance.now(), wallMs: () => Date.now() };

/** A moment of Redis, and when it was heard by the monotonic clock of this process. */
interface Anchor {
  redisMs: number;
  heardMs: number;
}

export const LOOK_EVERY_MS = 1000;
/** See LATE_MS in prelude.lua. */
const LATE_MS = 60_000;
const LOOKS_TO_BE_MISSED = 3;

export const createLedgerClock = ({
  redis,
  prefix,
  clock = systemClocks,
  name,
  notes = true,
  toleranceMs = 10_000,
  everyMs = LOOK_EVERY_MS,
  settleMs = 180_000,
  wallToleranceMs = 3_600_000,
  onChange,
}: LedgerClockOptions): LedgerClock => {
  const { keys, run } = connectLedger(redis, prefix);
  const behindMs = toleranceMs + LOOKS_TO_BE_MISSED * everyMs;

  /**
   * From which the time is reckoned; and, while that is in doubt, the clock as it is now and since when it
   * has run on evenly.
   */
  let trusted: Anchor | undefined;
  let candidate: (Anchor & { sinceMs: number }) | undefined;
  let doubt: ClockDoubt | undefined;
  /** Of the jump that the ledger knows of, to begin with. */
  let knownOffsetMs = 0;

  const reckon = ({ redisMs, heardMs }: Anchor, atMs: number): number => redisMs + atMs - heardMs;
  const expectedMs = (): number | undefined => {
    if (trusted) return reckon(trusted, clock.nowMs());
    return candidate && reckon(candidate, clock.nowMs()) - knownOffsetMs;
  };
  const isFrom = (anchor: Anchor, redisMs: number, sentMs: number, heardMs: number): boolean =>
    redisMs >= reckon(anchor, sentMs) - toleranceMs && redisMs <= reckon(anchor, heardMs) + toleranceMs;

  const setDoubt = (after: ClockDoubt | undefined): void => {
    const before = doubt;
    doubt = after;
    if (before?.why !== after?.why) onChange?.(after, before);
  };

  const ask = async (what: 'look' | 'steady' | 'jumped' | 'adopt') => {
    const sentMs = clock.nowMs();
    const { nowMs, pastMs, jump, noted } = await timeCommands(run).clock({
      ledger: keys.ledger,
      what: notes ? what : 'look',
      expectedMs: trusted && Math.floor(reckon(trusted, sentMs)),
      toleranceMs,
      aheadMs: behindMs,
      caller: name,
    });
    return {
      redisMs: nowMs,
      past: pastMs,
      jump: jump === undefined ? undefined : readJump(jump).offsetMs,
      noted,
      sentMs,
      heardMs: clock.nowMs(),
    };
  };
  type Answer = Awaited<ReturnType<typeof ask>>;

  /**
   * Redis is as it should be. The anchor follows it, as clocks do not run equally fast; not where the answer
   * took long.
   */
  const isSteady = ({ redisMs, sentMs, heardMs }: Answer): void => {
    if (heardMs - sentMs <= toleranceMs / 4) trusted = { redisMs, heardMs };
    candidate = undefined;
    knownOffsetMs = 0;
    setDoubt(undefined);
  };

  /** For how long a clock that is not the expected one must run on evenly before it is taken to be right. */
  const evenForMs = ({ redisMs, past, jump }: Answer): number => {
    const isVouchedFor =
      past !== undefined && jump === undefined && redisMs <= past + behindMs && redisMs >= past - toleranceMs;
    // Another process goes by it.
    if (isVouchedFor) return 0;
    if (trusted || jump !== undefined || (past !== undefined && redisMs < past)) return settleMs;
    // Either nothing has run for a while; or the clock has just jumped, and others are about to note that.
    return past === undefined ? 0 : LOOKS_TO_BE_MISSED * everyMs;
  };

  const consider = async (answer: Answer): Promise<void> => {
    const { redisMs, sentMs, heardMs, jump } = answer;
    if (!candidate || !isFrom(candidate, redisMs, sentMs, heardMs))
      candidate = { redisMs, heardMs, sinceMs: heardMs };
    const offWallMs = redisMs - clock.wallMs();
    const agrees = Math.abs(offWallMs) <= wallToleranceMs;
    knownOffsetMs = trusted || agrees ? 0 : (jump ?? 0);
    if (agrees && heardMs - candidate.sinceMs >= evenForMs(answer)) {
      const adopted = await ask('adopt');
      if (isFrom(candidate, adopted.redisMs, adopted.sentMs, adopted.heardMs))
        return isSteady(adoptAs(adopted));
    }
    if (trusted)
      return setDoubt({
        offsetMs: Math.round(redisMs - reckon(trusted, heardMs)),
        why: jump === undefined ? 'alone' : 'jumped',
      });
    setDoubt({
      offsetMs: jump ?? Math.round(offWallMs),
      why: jump !== undefined ? 'jumped' : agrees ? 'new' : 'disagrees',
    });
  };
  const adoptAs = (answer: Answer): Answer => {
    trusted = candidate;
    return answer;
  };

  const expected = {
    argument: () => {
      const ms = expectedMs();
      return ms === undefined ? '' : ` ${Math.max(Math.floor(ms), 0)} ${doubt ? -1 : toleranceMs}`;
    },
    correct: (redisMs: number) => {
      const ms = expectedMs();
      return ms === undefined || Math.abs(redisMs - ms) <= LATE_MS ? redisMs : Math.floor(ms);
    },
  };
  expectOf(redis, expected);

  const api: LedgerClock = {
    look: async () => {
      let answer = await ask(trusted ? 'steady' : 'look');
      if (trusted && isFrom(trusted, answer.redisMs, answer.sentMs, answer.heardMs)) return isSteady(answer);
      if (trusted) {
        // Asked once more: a command that was late looks like a clock that is ahead.
        answer = await ask('jumped');
        if (isFrom(trusted, answer.redisMs, answer.sentMs, answer.heardMs)) return isSteady(answer);
      }
      await consider(answer);
    },
    start: (onError) => {
      let timer: NodeJS.Timeout | undefined;
      let closed = false;
      const again = () => {
        timer = setTimeout(
          () =>
            void api
              .look()
              .catch(onError)
              .finally(() => closed || again()),
          everyMs,
        );
      };
      again();
      return () => {
        closed = true;
        clearTimeout(timer);
      };
    },
    doubt: () => doubt,
    watch: (other) => expectOf(other, expected),
  };
  return api;
};

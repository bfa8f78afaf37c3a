import type { Redis } from 'ioredis';
import { connectLedger } from '../connection.ts';
import { readJump } from './clock-jump.ts';
import { timeCommands } from './commands.generated.ts';
import { expectOf, type ExpectedTime } from './expected-time.ts';
import { Reckoning, type OwnClock, type Reading } from './reckoning.ts';

export interface ClockDoubt {
  /** By how much Redis is ahead of what was expected, or of the wall clock of this host if nothing was. */
  offsetMs: number;
  /**
   * `jumped`: Redis differs from what this process expects and from the ledger's own past. `alone`: it
   * differs only from what this process expects. `disagrees`: it differs from the wall clock of this host.
   * `new`: this process has just begun to look.
   */
  why: 'jumped' | 'alone' | 'disagrees' | 'new';
}

/**
 * Watches the clock of Redis, on which versions, leases and landing windows depend. What Redis should say is
 * computed from a moment at which it was right, and the time since then by a monotonic clock. Every command
 * is told (`now_us` in time/lua/now.lua), so that none draws a version in the first moment of a jump either.
 * A look every second finds out what has happened, and when the clock is right again.
 */
export interface LedgerClock {
  /** Looks once. Rejects while Redis is away. */
  look(): Promise<void>;
  /** Looks every `everyMs`; returns a function that stops it. */
  start(onError: (error: unknown) => void): () => void;
  /** Why nothing is claimed at present; undefined if the clock of Redis is right. */
  doubt(): ClockDoubt | undefined;
  /** Tells the commands of another connection to the same Redis what is expected. */
  watch(redis: Redis): void;
}

export interface LedgerClockOptions {
  redis: Redis;
  prefix: string;
  clock?: OwnClock;
  /** Tells this process from others. */
  name: string;
  /** A process that only reads the clock (a gateway) notes nothing in the ledger. */
  notes?: boolean;
  /** By how much Redis may differ from what is expected. Less than a landing window. */
  toleranceMs?: number;
  /** How often `look` is called. */
  everyMs?: number;
  /**
   * A clock that has jumped and then runs evenly, and that agrees with the wall clock of this host, is
   * trusted after this time: what was under way before the jump has ended by any clock.
   */
  settleMs?: number;
  /**
   * By how much the wall clock of this host may differ from Redis: far less than the day that consumers
   * accept.
   */
  wallToleranceMs?: number;
  /** `before`: the doubt until now. */
  onChange?: (doubt: ClockDoubt | undefined, before: ClockDoubt | undefined) => void;
}

const systemClocks: OwnClock = { nowMs: () => performance.now(), wallMs: () => Date.now() };

const LOOK_EVERY_MS = 1000;
/** See LATE_MS in time/lua/now.lua. */
const LATE_MS = 60_000;

const expectedTime = (reckoning: Reckoning, toleranceMs: number, isDoubted: () => boolean): ExpectedTime => ({
  argument: () => {
    const ms = reckoning.expectedMs();
    return ms === undefined ? '' : ` ${Math.max(Math.floor(ms), 0)} ${isDoubted() ? -1 : toleranceMs}`;
  },
  correct: (redisMs) => {
    const ms = reckoning.expectedMs();
    return ms === undefined || Math.abs(redisMs - ms) <= LATE_MS ? redisMs : Math.floor(ms);
  },
});

/** Calls `look` again and again, each time a while after the last has ended. */
const repeat =
  (look: () => Promise<void>, everyMs: number): LedgerClock['start'] =>
  (onError) => {
    let timer: NodeJS.Timeout | undefined;
    let closed = false;
    const again = () => {
      timer = setTimeout(() => {
        void look()
          .catch(onError)
          .finally(() => closed || again());
      }, everyMs);
    };
    again();
    return () => {
      closed = true;
      clearTimeout(timer);
    };
  };

export const createLedgerClock = (options: LedgerClockOptions): LedgerClock => {
  const { redis, prefix, name, notes = true, onChange } = options;
  const { clock = systemClocks, toleranceMs = 10_000, everyMs = LOOK_EVERY_MS } = options;
  const { settleMs = 180_000, wallToleranceMs = 3_600_000 } = options;
  const { keys, run } = connectLedger(redis, prefix);
  const commands = timeCommands(run);
  const reckoning = new Reckoning({ clock, toleranceMs, everyMs, settleMs, wallToleranceMs });
  let doubt: ClockDoubt | undefined;

  const setDoubt = (after: ClockDoubt | undefined): void => {
    const before = doubt;
    doubt = after;
    if (before?.why !== after?.why) onChange?.(after, before);
  };

  const read = async (what: 'look' | 'steady' | 'jumped' | 'adopt'): Promise<Reading> => {
    const sentMs = clock.nowMs();
    const expectedMs = reckoning.trustedMs(sentMs);
    const { nowMs, pastMs, jump } = await commands.clock({
      ledger: keys.ledger,
      what: notes ? what : 'look',
      expectedMs: expectedMs === undefined ? undefined : Math.floor(expectedMs),
      toleranceMs,
      aheadMs: reckoning.aheadMs,
      caller: name,
    });
    const jumpMs = jump === undefined ? undefined : readJump(jump).offsetMs;
    return { redisMs: nowMs, past: pastMs, jump: jumpMs, sentMs, heardMs: clock.nowMs() };
  };

  const follow = (reading: Reading): void => {
    reckoning.follow(reading);
    setDoubt(undefined);
  };

  const consider = async (reading: Reading): Promise<void> => {
    if (reckoning.consider(reading)) {
      const adopted = await read('adopt');
      if (reckoning.isCandidate(adopted)) {
        reckoning.trustCandidate();
        return follow(adopted);
      }
    }
    const { redisMs, heardMs, jump } = reading;
    const trustedMs = reckoning.trustedMs(heardMs);
    if (trustedMs !== undefined)
      return setDoubt({
        offsetMs: Math.round(redisMs - trustedMs),
        why: jump === undefined ? 'alone' : 'jumped',
      });
    setDoubt({
      offsetMs: jump ?? Math.round(redisMs - clock.wallMs()),
      why: jump !== undefined ? 'jumped' : reckoning.agreesWithHost(redisMs) ? 'new' : 'disagrees',
    });
  };

  const look = async (): Promise<void> => {
    let reading = await read(reckoning.isTrusting ? 'steady' : 'look');
    if (reckoning.isExpected(reading)) return follow(reading);
    if (reckoning.isTrusting) {
      // Reads once more: a command that was late looks like a clock that is ahead.
      reading = await read('jumped');
      if (reckoning.isExpected(reading)) return follow(reading);
    }
    await consider(reading);
  };

  const expected = expectedTime(reckoning, toleranceMs, () => doubt !== undefined);
  expectOf(redis, expected);
  return {
    look,
    start: repeat(look, everyMs),
    doubt: () => doubt,
    watch: (other) => expectOf(other, expected),
  };
};

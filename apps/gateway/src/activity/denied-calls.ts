import { setTimeout as sleep } from 'node:timers/promises';
import type { CallContext } from '@rekey/rpc';
import { RekeyError, type ActivityRecord } from '@rekey/schema';
import { AccessDenied } from '../pipeline/authorize.ts';
import { actorOf } from '../identity/actor-of.ts';
import type { Caller } from '../identity/authenticate.ts';
import { addressOf, networkOf } from '../quotas/address-group.ts';

interface DeniedCallsOptions {
  /** Rejects while Redis is away. */
  append: (record: ActivityRecord) => Promise<void>;
  onError: (error: unknown) => void;
  /** Receives each record that was written, of one call or of several. */
  onRecorded?: (record: ActivityRecord) => void;
  everyMs?: number;
  /** How many callers and methods are counted apart; and as many addresses and methods of nobody. */
  maxCounted?: number;
}

/** Records the calls that are denied. */
export interface DeniedCalls {
  /** Records a call that failed with this error, if that denies it. Returns at once, and never throws. */
  note(error: unknown, context: CallContext, caller: Caller | undefined): void;
  /** Writes what was counted, as far as Redis takes it within a second. */
  close(): Promise<void>;
}

const EVERY_MS = 60_000;
const MAX_COUNTED = 1000;
/** First denials that are written at once: a burst of 50, then 10 a second. */
const FIRST_AT_ONCE = 50;
const FIRST_A_SECOND = 10;

/** What is not written by then is lost. */
const CLOSE_WITHIN_MS = 1000;

/** Who is named if more callers were denied than are counted apart. */
const OTHERS = 'system:access';
/** The address of a connection that is gone. */
const UNKNOWN = 'unknown';
const NOBODY: Caller = { name: 'anonymous', names: new Set(['anonymous']), expiresMs: 0 };

/** Several orgs are of no one org, nor is every org; and neither is one that no id can be. */
const MAX_ORG_CHARACTERS = 256;

const orgOf = ({ orgs }: AccessDenied): string | undefined =>
  orgs.length === 1 && !['', '*'].includes(orgs[0]!) && orgs[0]!.length <= MAX_ORG_CHARACTERS
    ? orgs[0]
    : undefined;

/** The record of a denial; undefined for any other error. */
const recordOf = (
  error: unknown,
  context: CallContext,
  caller: Caller | undefined,
): ActivityRecord | undefined => {
  const isDenied = error instanceof AccessDenied;
  if (!isDenied && !(error instanceof RekeyError && error.code === 'NOT_AUTHENTICATED')) return undefined;
  const org = isDenied ? orgOf(error) : undefined;
  // Of a call that names nobody, it is all that tells it from others.
  const address = isDenied ? UNKNOWN : addressOf(context.peer);
  return {
    type: isDenied ? 'access.denied' : 'access.unauthenticated',
    ...actorOf(caller ?? NOBODY, context),
    ...(org !== undefined && { org }),
    ...(address !== UNKNOWN && { address }),
    target: `method:${context.path.replace(/^\/(?:rekey\.v1\.)?/, '')}`,
    reason: error.code,
  };
};

/** What two denials of one caller and method have in common, to be counted together. */
const common = (one: ActivityRecord, other: ActivityRecord): ActivityRecord => {
  const { type, by, also, org, target, reason, address } = one;
  return {
    type,
    by,
    ...(also !== undefined && also === other.also && { also }),
    ...(org !== undefined && org === other.org && { org }),
    // They are of one network: only those are counted together.
    ...(address !== undefined && { address: address === other.address ? address : networkOf(address) }),
    ...(target !== undefined && { target }),
    ...(reason !== undefined && reason === other.reason && { reason }),
  };
};

/** A right to write now, which returns with time. */
const createAllowance = (most: number, perSecond: number): (() => boolean) => {
  let left = most;
  let atMs = performance.now();
  return () => {
    const nowMs = performance.now();
    left = Math.min(most, left + ((nowMs - atMs) / 1000) * perSecond);
    atMs = nowMs;
    if (left < 1) return false;
    left -= 1;
    return true;
  };
};

interface Counted {
  record: ActivityRecord;
  /** Not written yet. */
  count: number;
  /** Nothing came for the minute before this one. */
  isQuiet: boolean;
}

/** Of one type of denial: a flood of one type hides none of the other. */
interface Counts {
  entries: Map<string, Counted>;
  mayWrite: () => boolean;
}

const createCounts = (): Counts => ({
  entries: new Map(),
  mayWrite: createAllowance(FIRST_AT_ONCE, FIRST_A_SECOND),
});

/** Those that are counted together. All that name nobody are `anonymous`, by network. */
const keyOf = ({ type, by, address, target }: ActivityRecord): string =>
  JSON.stringify([type, by, address && networkOf(address), target]);

/**
 * Writes the first denial of each caller and method at once, and counts those that follow by the minute.
 * Memory and writes are bounded, however many callers there are: what is more is counted together. A count
 * that Redis did not confirm is written again.
 */
export const createDeniedCalls = ({
  append,
  onError,
  onRecorded = () => {},
  everyMs = EVERY_MS,
  maxCounted = MAX_COUNTED,
}: DeniedCallsOptions): DeniedCalls => {
  const [denied, unauthenticated] = [createCounts(), createCounts()];
  let writing: Promise<void> | undefined;

  /** Whether it was written. */
  const write = async (counted: Counted, record: ActivityRecord, count: number): Promise<boolean> => {
    try {
      await append(record);
      onRecorded(record);
      return true;
    } catch (error) {
      counted.count += count;
      onError(error);
      return false;
    }
  };

  const countedFor = (record: ActivityRecord, { entries }: Counts): Counted => {
    const key = keyOf(record);
    const known = entries.get(key);
    if (known !== undefined) {
      known.record = known.count === 0 ? record : common(known.record, record);
      return known;
    }
    const isFull = entries.size >= maxCounted;
    const others = isFull ? entries.get(record.type) : undefined;
    if (others !== undefined) return others;
    const counted: Counted = {
      record: isFull ? { type: record.type, by: OTHERS } : record,
      count: 0,
      isQuiet: false,
    };
    entries.set(isFull ? record.type : key, counted);
    return counted;
  };

  const flush = async (): Promise<void> => {
    for (const { entries } of [denied, unauthenticated])
      for (const [key, counted] of entries) {
        const { record, count } = counted;
        if (count > 0) {
          counted.count = 0;
          // Redis is away: the rest waits for the next time.
          if (!(await write(counted, count === 1 ? record : { ...record, count }, count))) return;
          // The next denial is a first one.
        } else if (counted.isQuiet) entries.delete(key);
        else counted.isQuiet = true;
      }
  };
  const timer = setInterval(() => {
    writing ??= flush().finally(() => (writing = undefined));
  }, everyMs);
  timer.unref();

  return {
    note: (error, context, caller) => {
      const record = recordOf(error, context, caller);
      if (record === undefined) return;
      const counts = record.type === 'access.denied' ? denied : unauthenticated;
      const before = counts.entries.size;
      const counted = countedFor(record, counts);
      counted.isQuiet = false;
      const isFirst = counts.entries.size > before && counted.record.by !== OTHERS;
      if (isFirst && counts.mayWrite()) void write(counted, record, 1);
      else counted.count += 1;
    },
    close: async () => {
      clearInterval(timer);
      const written = (writing ?? Promise.resolve()).then(flush);
      await Promise.race([written, sleep(CLOSE_WITHIN_MS, undefined, { ref: false })]);
    },
  };
};

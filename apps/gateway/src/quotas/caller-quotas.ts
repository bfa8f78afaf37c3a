import { RekeyError, type ErrorCode } from '@rekey/schema';
import { createAddressConnections, type AddressConnections } from './address-connections.ts';
import { ReturnTimes, type ReturnPace } from '../limits/waits/return-times.ts';
import { addressGroup } from './address-group.ts';
import { LimitedCallers, type LimitedCaller } from './limited-callers.ts';
import { RateLimits, type Rate } from './rate-limits.ts';

/** The kinds of calls that take long. */
export type LongCallKind = 'waits' | 'watches' | 'uploads' | 'reflection';

export interface CallerLimits {
  /** Calls of one caller, of every kind; acknowledgements apart. The messages of a stream are no calls. */
  calls: Rate;
  /** The open calls of one caller. */
  open: Readonly<Record<LongCallKind, number>>;
  /** How waits of one caller that found no room come back. */
  waitsReturn: ReturnPace;
  /** The ids in the open streams of one caller, while others need room. */
  uploadIds: number;
  /** Failed authentications of one address. */
  failures: Rate;
  /** Connections of one address on which no call has named its caller. */
  connections: number;
}

/** The limits that have a caller or an address of their own, as metrics and errors name them. */
export const callerLimitNames = [
  'caller-calls',
  'caller-acknowledgements',
  'caller-waits',
  'caller-watches',
  'caller-uploads',
  'caller-reflection',
  'caller-upload-ids',
  'failed-authentications',
  'address-connections',
] as const;
type CallerLimitName = (typeof callerLimitNames)[number];

/** What one caller may take of this gateway. A caller is its first name: see `Caller`. */
export interface CallerQuotas {
  /**
   * Counts a call. Throws QUOTA_EXCEEDED. Acknowledgements are counted apart: the instances of a consumer
   * have one caller, and all of them acknowledge each change.
   */
  countCall(caller: string, kind?: 'calls' | 'acknowledgements'): void;
  /** Whether `hold` would count a call now. */
  mayHold(kind: LongCallKind, caller: string): boolean;
  /** Counts a call that takes long until the returned function is called. Throws QUOTA_EXCEEDED. */
  hold(kind: LongCallKind, caller: string): () => void;
  /** The ids of one caller. */
  readonly uploadIds: { readonly share: number; refusal(caller: string): RekeyError };
  /**
   * Counts a failed authentication before it is known to fail. Throws TOO_MANY_FAILED_AUTHENTICATIONS.
   * `peer` as gRPC names it.
   */
  countFailure(peer: string | undefined): void;
  /** It did not fail. */
  uncountFailure(peer: string | undefined): void;
  /** The connections whose callers are not known. */
  readonly connections: AddressConnections;
  /** Who is at a limit, the one that was refused most often first. */
  atLimit(): LimitedCaller[];
}

/** When a call that takes long should come back; undefined for those that need no order. */
const returnTimesOf = ({ waitsReturn }: CallerLimits, nowMs: (() => number) | undefined) => {
  const returns = new ReturnTimes(waitsReturn, nowMs);
  return (kind: LongCallKind, caller: string): number | undefined =>
    kind === 'waits' ? returns.nextMs(caller) : undefined;
};

export const createCallerQuotas = (
  limits: CallerLimits,
  onLimit: (limit: string) => void,
  nowMs?: () => number,
): CallerQuotas => {
  const calls = {
    calls: new RateLimits(limits.calls, nowMs),
    acknowledgements: new RateLimits(limits.calls, nowMs),
  };
  const returnInMs = returnTimesOf(limits, nowMs);
  const failures = new RateLimits(limits.failures, nowMs);
  const atLimit = new LimitedCallers();
  /** By kind and caller: as many entries as open calls, at most. */
  const open = new Map<string, number>();

  const refusal = (
    code: ErrorCode,
    bound: CallerLimitName,
    caller: string,
    limit: number,
    retryAfterMs?: number,
  ): RekeyError => {
    onLimit(bound);
    atLimit.note(bound, caller);
    return new RekeyError(code, { metadata: { bound, limit: String(limit) }, retryAfterMs });
  };

  return {
    countCall: (caller, kind = 'calls') => {
      const waitMs = calls[kind].take(caller);
      if (waitMs > 0)
        throw refusal('QUOTA_EXCEEDED', `caller-${kind}`, caller, limits.calls.perSecond, waitMs);
    },

    mayHold: (kind, caller) => (open.get(`${kind} ${caller}`) ?? 0) < limits.open[kind],

    hold: (kind, caller) => {
      const key = `${kind} ${caller}`;
      const count = open.get(key) ?? 0;
      if (count >= limits.open[kind])
        throw refusal(
          'QUOTA_EXCEEDED',
          `caller-${kind}`,
          caller,
          limits.open[kind],
          returnInMs(kind, caller),
        );
      open.set(key, count + 1);
      let isHeld = true;
      return () => {
        if (!isHeld) return;
        isHeld = false;
        const left = open.get(key)! - 1;
        if (left === 0) open.delete(key);
        else open.set(key, left);
      };
    },

    uploadIds: {
      share: limits.uploadIds,
      refusal: (caller) => refusal('QUOTA_EXCEEDED', 'caller-upload-ids', caller, limits.uploadIds),
    },

    countFailure: (peer) => {
      const address = addressGroup(peer);
      const waitMs = failures.take(address);
      const { perSecond } = limits.failures;
      if (waitMs === 0) return;
      const code = 'TOO_MANY_FAILED_AUTHENTICATIONS';
      throw refusal(code, 'failed-authentications', address, perSecond, waitMs);
    },
    connections: createAddressConnections(limits.connections, (address) => {
      onLimit('address-connections');
      atLimit.note('address-connections', address);
    }),
    uncountFailure: (peer) => failures.giveBack(addressGroup(peer)),
    atLimit: () => atLimit.list(),
  };
};

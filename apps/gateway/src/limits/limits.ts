import type { CallLimits } from '@rekey/rpc';
import type { GatewayEnvironment } from '../config.ts';
import type { CallerLimits } from '../quotas/caller-quotas.ts';
import type { Rate } from '../quotas/rate-limits.ts';
import type { HandshakeLimits } from '../tls/limit-handshakes.ts';
import type { StreamLimits } from './grant-streams.ts';
import { ReturnTimes, type ReturnPace } from './waits/return-times.ts';
import type { ConnectionLimits } from './connections/limit-connections.ts';
import type { TurnLimits } from './take-stream-turns.ts';

export interface GatewayLimits {
  calls: CallLimits;
  connections: ConnectionLimits;
  turns: TurnLimits;
  handshakes: HandshakeLimits;
  /** Of one connection: a caller that wants more waits until one of its calls ends. */
  streams: StreamLimits;
  /** The ids of all streams of ids that are open. */
  uploadIds: number;
  /** Of one caller, or of one address. */
  callers: CallerLimits;
  /** When waits that found no room are to come back. */
  waitReturns: ReturnTimes;
}

type LimitVariables = Pick<
  GatewayEnvironment,
  | 'GATEWAY_MAX_CONNECTIONS'
  | 'GATEWAY_MAX_CONNECTION_CALLS'
  | 'GATEWAY_MAX_CALLS'
  | 'GATEWAY_MAX_WAITS'
  | 'GATEWAY_MAX_WATCHES'
  | 'GATEWAY_MAX_UPLOADS'
  | 'GATEWAY_MAX_CALLER_CALLS_PER_SECOND'
  | 'GATEWAY_CALLER_SHARE_PERCENT'
  | 'GATEWAY_ADDRESS_SHARE_PERCENT'
  | 'GATEWAY_MAX_FAILED_AUTHENTICATIONS_PER_SECOND'
>;

/** Longer than the pause of a caller on a slow link; a request of this contract is sent at once. */
const ARRIVE_WITHIN_MS = 10_000;
/** A tool that asks for descriptors sends its next question at once, or ends its stream. */
const NEXT_QUESTION_WITHIN_MS = 60_000;
const MIB = 1024 * 1024;
/** A caller that has paused may do at once what it could have done in this time. */
const BURST_SECONDS = 5;

const kinds: Record<string, string> = {
  '/rekey.v1.RotationService/WaitRotation': 'waits',
  '/grpc.health.v1.Health/Check': 'health',
  '/grpc.health.v1.Health/List': 'health',
  '/grpc.health.v1.Health/Watch': 'health-watches',
};

const kindOf: CallLimits['kindOf'] = ({ path, requestStream, responseStream }) => {
  if (requestStream) return responseStream ? 'reflection' : 'uploads';
  return kinds[path] ?? (responseStream ? 'watches' : 'calls');
};

/** Each holds the descriptors that it has asked for. */
const REFLECTION_STREAMS = 50;
/** A wait that finds no room needs a read, and is answered within milliseconds. */
const REFUSED_WAITS = 1000;
/** A request that does not follow its headers at once is half open. */
const HALF_OPEN_AFTER_MS = 1000;
const STALLED_AFTER_MS = 10_000;
/** A refused wait takes some 0.2 ms of the gateway. */
const WAITS_RETURN: ReturnPace = { perSecond: 1000, atLeastMs: 1000, atMostMs: 60_000 };
/** As many as one bulk rotation can have. */
const UPLOAD_IDS = 2_000_000;

const rate = (perSecond: number): Rate => ({ perSecond, atOnce: perSecond * BURST_SECONDS });

const callerLimitsOf = (config: LimitVariables): CallerLimits => {
  const shareOf = (all: number, percent = config.GATEWAY_CALLER_SHARE_PERCENT): number =>
    Math.max(Math.floor((all * percent) / 100), 1);
  return {
    calls: rate(config.GATEWAY_MAX_CALLER_CALLS_PER_SECOND),
    open: {
      waits: shareOf(config.GATEWAY_MAX_WAITS),
      watches: shareOf(config.GATEWAY_MAX_WATCHES),
      uploads: shareOf(config.GATEWAY_MAX_UPLOADS),
      reflection: shareOf(REFLECTION_STREAMS),
    },
    uploadIds: shareOf(UPLOAD_IDS),
    waitsReturn: WAITS_RETURN,
    failures: rate(config.GATEWAY_MAX_FAILED_AUTHENTICATIONS_PER_SECOND),
    connections: shareOf(config.GATEWAY_MAX_CONNECTIONS, config.GATEWAY_ADDRESS_SHARE_PERCENT),
  };
};

/** Who is refused unread has not said who it is: it must not delay callers that are known. */
const UNREAD = 'unread';

const kindsOf = (config: LimitVariables, waitReturns: ReturnTimes): CallLimits['kinds'] => ({
  calls: { open: config.GATEWAY_MAX_CALLS, arriveWithinMs: ARRIVE_WITHIN_MS, endsSoon: true },
  waits: {
    open: config.GATEWAY_MAX_WAITS,
    arriveWithinMs: ARRIVE_WITHIN_MS,
    beyond: 'refused-waits',
    // Others need no room: they are answered beyond the limit.
    keepsRoomMs: { arriving: HALF_OPEN_AFTER_MS, leaving: STALLED_AFTER_MS },
    retryAfterMs: () => waitReturns.nextMs(UNREAD),
  },
  // Apart from other calls, which a storm of waits must not refuse.
  'refused-waits': {
    open: REFUSED_WAITS,
    arriveWithinMs: ARRIVE_WITHIN_MS,
    endsSoon: true,
    keepsRoomMs: { arriving: 0, leaving: HALF_OPEN_AFTER_MS },
    retryAfterMs: () => waitReturns.nextMs(UNREAD),
  },
  watches: { open: config.GATEWAY_MAX_WATCHES, arriveWithinMs: ARRIVE_WITHIN_MS },
  // Its handler ends a stream that pauses: STREAM_IDLE.
  uploads: { open: config.GATEWAY_MAX_UPLOADS, arriveWithinMs: Infinity },
  // Health checks have a share of their own, so that no flood of other calls takes it.
  health: { open: 1000, arriveWithinMs: ARRIVE_WITHIN_MS },
  // They need no identity: whoever opens them must not take the room of callers that are known.
  'health-watches': { open: config.GATEWAY_MAX_CONNECTIONS, arriveWithinMs: ARRIVE_WITHIN_MS },
  reflection: { open: REFLECTION_STREAMS, arriveWithinMs: NEXT_QUESTION_WITHIN_MS },
});

export const limitsOf = (config: LimitVariables, waitsReturn = WAITS_RETURN): GatewayLimits => {
  const waitReturns = new ReturnTimes(waitsReturn);
  return {
    calls: {
      kinds: kindsOf(config, waitReturns),
      kindOf,
      metadataBytes: 8192,
      keptMetadata: ['x-request-id', 'traceparent', 'authorization'],
      requestBytes: 64 * MIB,
      responseBytes: 64 * MIB,
      readWithinMs: 300_000,
      stalledAfterMs: STALLED_AFTER_MS,
    },
    connections: {
      open: config.GATEWAY_MAX_CONNECTIONS,
      controlFramesPerSecond: 1000,
    },
    // Health checks do not take turns with others: each is short.
    turns: { waitingTurns: 10_000, takesTurns: (path) => kinds[path] !== 'health' },
    handshakes: { open: config.GATEWAY_MAX_CONNECTIONS, withinMs: ARRIVE_WITHIN_MS },
    streams: { first: 4, most: config.GATEWAY_MAX_CONNECTION_CALLS },
    uploadIds: UPLOAD_IDS,
    callers: callerLimitsOf(config),
    waitReturns,
  };
};

import type { ResponseOf } from '../connection/transport.ts';

type ProtoBulkRotation = ResponseOf<'BulkRotationService', 'GetBulkRotation'>;
type ProtoRotation = ResponseOf<'RotationService', 'GetRotation'>;
export type ProtoTimestamp = ProtoBulkRotation['createTime'];
type ProtoDuration = ProtoBulkRotation['remaining'];

/** Why something failed or is blocked, in the words of the error table. */
export interface Explanation {
  /** A stable code in UPPER_SNAKE_CASE, such as ASSISTANT_NOT_FOUND. */
  reason: string;
  message: string;
  /** What to do about it, in a sentence. */
  advice: string;
}

/** Whether a consumer has applied the published versions. */
export interface ConsumerAcknowledgement {
  /** The consumer's name. */
  name: string;
  /**
   * PENDING: a live instance has not reached the version yet. GONE: no instance is live. UNAPPLIED: a live
   * instance could not apply it, or does not say whether it could.
   */
  state: 'ACKNOWLEDGED' | 'PENDING' | 'GONE' | 'UNAPPLIED';
}

/** The limit of failed assistants and unknown outcomes before a halt: a number or a percentage (0–100). */
export type FailureLimit = { count: number } | { percent: number };

/** Requires every field to be named, and leaves out those that are undefined. */
export const withoutUnset = <T extends object>(fields: { [K in keyof Required<T>]: T[K] | undefined }): T => {
  const set: Partial<Record<keyof T, unknown>> = {};
  // Every response passes here, and this loop is several times faster than Object.entries.
  for (const name in fields) if (fields[name] !== undefined) set[name] = fields[name];
  return set as T;
};

export const date = (timestamp: ProtoTimestamp): Date | undefined =>
  timestamp ? new Date(Number(timestamp.seconds) * 1000 + Math.floor(timestamp.nanos / 1e6)) : undefined;
/** Of a field that the gateway always sets. */
export const setDate = (timestamp: ProtoTimestamp): Date => date(timestamp) ?? new Date(0);
export const milliseconds = (duration: ProtoDuration): number | undefined =>
  duration ? Number(duration.seconds) * 1000 + duration.nanos / 1e6 : undefined;
export const text = (value: string): string | undefined => value || undefined;
export const number = (value: number | string): number | undefined => Number(value) || undefined;
/** The name of an enum value; undefined for the zero value of proto3, which means unset. */
export const named = <Name extends string>(name: Name): Exclude<Name, `${string}_UNSPECIFIED`> | undefined =>
  String(name).endsWith('_UNSPECIFIED') ? undefined : (name as Exclude<Name, `${string}_UNSPECIFIED`>);
/** A state, which the gateway always sets. A state of a later version of the contract is its number. */
export const state = <Name extends string>(name: Name): Exclude<Name, 'STATE_UNSPECIFIED'> =>
  name as Exclude<Name, 'STATE_UNSPECIFIED'>;
export const explanation = (error: Explanation | null): Explanation | undefined =>
  error ? { reason: error.reason, message: error.message, advice: error.advice } : undefined;

export const failureLimit = (limit: ProtoBulkRotation['maxFailures']): FailureLimit | undefined => {
  if (limit?.count !== undefined) return { count: limit.count };
  return limit?.percent === undefined ? undefined : { percent: limit.percent };
};

/** An empty list means that the response leaves consumers out, as most do. */
export const consumerAcknowledgements = (
  consumers: ProtoRotation['consumers'],
): ConsumerAcknowledgement[] | undefined =>
  consumers.length > 0
    ? consumers.map(({ consumer, state: reached }) => ({ name: consumer, state: state(reached) }))
    : undefined;

/** Throws a TypeError for an Invalid Date, which would be sent as 1970. */
export const toTimestamp = (time: Date): { seconds: number; nanos: number } => {
  const ms = time.getTime();
  if (Number.isNaN(ms)) throw new TypeError('a time must be a valid Date');
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: (ms - seconds * 1000) * 1e6 };
};
export const toDuration = (ms: number): { seconds: number; nanos: number } => ({
  seconds: Math.floor(ms / 1000),
  nanos: Math.floor((ms % 1000) * 1e6),
});

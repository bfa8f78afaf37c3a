import { storedErrorText, type ErrorSubject } from '@rekey/schema';
import type { Duration } from '../generated/google/protobuf/Duration.ts';
import type { Timestamp } from '../generated/google/protobuf/Timestamp.ts';
import type { SweepError } from '../generated/rekey/v1/SweepError.ts';

export const timestamp = (ms: number | undefined): Timestamp | null =>
  ms === undefined
    ? null
    : {
        seconds: String(Math.floor(ms / 1000)),
        nanos: (ms % 1000) * 1_000_000,
      };

export const duration = (ms: number | undefined): Duration | null =>
  ms === undefined
    ? null
    : {
        seconds: String(Math.floor(ms / 1000)),
        nanos: Math.round(ms % 1000) * 1_000_000,
      };

/**
 * An error code with the message and advice for its subject. The contract's error messages share this form.
 */
export const explain = (code: string, of: ErrorSubject, orgId?: string): SweepError => ({
  reason: code,
  ...storedErrorText(code, of, orgId),
});

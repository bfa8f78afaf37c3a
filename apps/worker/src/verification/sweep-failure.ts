import type { ErrorCode } from '@rekey/schema';

/** Ends a sweep with a code. */
export class SweepFailure extends Error {
  readonly code: ErrorCode;
  constructor(code: ErrorCode) {
    super(code);
    this.name = 'SweepFailure';
    this.code = code;
  }
}

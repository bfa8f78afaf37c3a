import { errorTable, type ErrorCode } from './error-table.ts';

export interface FieldViolation {
  field: string;
  description: string;
}

interface RekeyErrorOptions {
  /** For the log. A caller never sees it. */
  cause?: unknown;
  fieldViolations?: readonly FieldViolation[];
  /** Follows the table's message: the ids or the state concerned. Valid names and ids only, few of them. */
  which?: string | undefined;
  /** The same for programs: `google.rpc.ErrorInfo.metadata`. Names in snake_case; never a secret. */
  metadata?: Readonly<Record<string, string>>;
  /** For an error that may be retried for want of room: when to. */
  retryAfterMs?: number | undefined;
}

/**
 * The one error class. `cause` is for the log; a caller reads the table's row, `which`, `metadata` and the
 * field violations.
 */
export class RekeyError extends Error {
  readonly code: ErrorCode;
  readonly fieldViolations: readonly FieldViolation[];
  metadata: Readonly<Record<string, string>>;
  readonly retryAfterMs: number | undefined;

  constructor(
    code: ErrorCode,
    { fieldViolations = [], which, metadata = {}, retryAfterMs, ...options }: RekeyErrorOptions = {},
  ) {
    const { message } = errorTable[code];
    super(
      which === undefined ? message : `${message.replace(/\.$/, '')}: ${which}.`,
      'cause' in options ? { cause: options.cause } : undefined,
    );
    this.name = 'RekeyError';
    this.code = code;
    this.fieldViolations = fieldViolations;
    this.metadata = metadata;
    this.retryAfterMs = retryAfterMs;
  }

  /** Adds details that the code that threw the error did not have. Returns itself. */
  withMetadata(more: Readonly<Record<string, string>>): this {
    this.metadata = { ...more, ...this.metadata };
    return this;
  }
}

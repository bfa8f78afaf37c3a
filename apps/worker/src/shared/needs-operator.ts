import type { ErrorCode } from '@rekey/schema';

/** With these codes every read in the org fails until an operator acts. */
export const needsOperator: ReadonlySet<ErrorCode> = new Set([
  'UPSTREAM_UNAUTHENTICATED',
  'UPSTREAM_FORBIDDEN',
  'ORG_NOT_CONFIGURED',
  'KEYS_NOT_SHOWN',
  'UPSTREAM_UNEXPECTED',
  'ANSWER_UNREADABLE',
]);

/** Whether a retry soon cannot succeed: all reads fail, or the record of this assistant is too long. */
export const isLasting = (code: ErrorCode): boolean => needsOperator.has(code) || code === 'RECORD_TOO_LARGE';

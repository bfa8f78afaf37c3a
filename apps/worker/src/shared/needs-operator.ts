import type { ErrorCode } from '@rekey/schema';

/** Why a read of any assistant of the org fails, and will fail until an operator acts. */
export const needsOperator: ReadonlySet<ErrorCode> = new Set([
  'UPSTREAM_UNAUTHENTICATED',
  'UPSTREAM_FORBIDDEN',
  'ORG_NOT_CONFIGURED',
  'KEYS_NOT_SHOWN',
  'UPSTREAM_UNEXPECTED',
  'ANSWER_UNREADABLE',
]);

/** Why reading one assistant again soon makes no sense: all reads fail, or its record is too long. */
export const isLasting = (code: ErrorCode): boolean => needsOperator.has(code) || code === 'RECORD_TOO_LARGE';

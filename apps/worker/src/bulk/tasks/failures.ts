import { RekeyError, type ErrorCode } from '@rekey/schema';
import { needsOperator } from '../../shared/needs-operator.ts';
import { SweepFailure } from '../../verification/sweep-failure.ts';

export const hasCode = (error: unknown): error is SweepFailure | RekeyError =>
  error instanceof SweepFailure || error instanceof RekeyError;

/** Whether a retry fails too until an operator acts. */
export const isFinal = (code: ErrorCode): boolean =>
  needsOperator.has(code) ||
  code === 'POLICY_NOT_FOUND' ||
  code === 'ASSISTANT_NOT_FOUND' ||
  code === 'UPSTREAM_REJECTED' ||
  orgIsHeld.has(code);

/** An operator decides about a held org. */
const orgIsHeld: ReadonlySet<ErrorCode> = new Set([
  'TOO_MANY_GONE',
  'TOO_MANY_WITHOUT_KEY',
  'TOO_MANY_CHANGED',
  'ORG_CHANGED',
  'KEYS_NOT_SHOWN',
]);

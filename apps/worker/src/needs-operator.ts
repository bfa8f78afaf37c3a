import type { ErrorCode } from '@rekey/schema';

/** Why a read is refused, and will be until somebody acts. */
export const needsOperator: ReadonlySet<ErrorCode> = new Set(['UPSTREAM_UNAUTHENTICATED', 'UPSTREAM_FORBIDDEN', 'ORG_NOT_CONFIGURED', 'KEYS_NOT_SHOWN']);

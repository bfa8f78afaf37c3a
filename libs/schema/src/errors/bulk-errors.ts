import type { ErrorRow } from './error-row.ts';

/** Why a bulk rotation is blocked, or has ended early. */
export const bulkErrors = {
  PAUSED_BY_OPERATOR: {
    grpc: 'FAILED_PRECONDITION',
    retry: true,
    message: 'An operator paused the bulk rotation.',
    advice: 'Resume it to continue.',
  },
  CANARY_DONE: {
    grpc: 'FAILED_PRECONDITION',
    retry: true,
    message: 'The canary assistants are done; the other assistants are waiting.',
    advice: 'Check the canary assistants, then resume the bulk rotation.',
  },
  CANARY_AWAITS_CONSUMERS: {
    grpc: 'FAILED_PRECONDITION',
    retry: true,
    message: 'The canary assistants are done; consumers have not applied their keys yet.',
    advice:
      'No action needed: the bulk rotation continues when consumers have applied them. ' +
      'See rekey consumer status. To continue without the consumers, resume the bulk rotation.',
  },
  TOO_MANY_FAILURES: {
    grpc: 'FAILED_PRECONDITION',
    retry: true,
    message: 'More assistants failed or have an unknown outcome than the bulk rotation allows.',
    advice:
      'See its last failures. Resume it to continue; you can retry failed assistants when it has ended.',
  },
  READS_FAIL: {
    grpc: 'FAILED_PRECONDITION',
    retry: true,
    message: 'Rekey cannot read keys back from Invent.',
    advice: 'Check whether Invent is available, then resume the bulk rotation.',
  },
  DRIFT_STORM: {
    grpc: 'FAILED_PRECONDITION',
    retry: true,
    message: 'Many keys of this org are being rotated outside Rekey.',
    advice:
      'Find out what rotates them: two deployments on one org are not supported. ' +
      'Then resume the bulk rotation.',
  },
  WINDOW_CLOSED: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message: 'The time window of the bulk rotation has ended.',
    advice: 'No action needed: the policy rotates the remaining assistants in its next window.',
  },
  CANCELLED_BY_OPERATOR: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message: 'An operator cancelled the bulk rotation.',
    advice: 'No action needed: rotations that had started were finished.',
  },
} as const satisfies Record<string, ErrorRow>;

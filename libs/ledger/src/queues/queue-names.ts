/** First deliveries. */
export const ROTATIONS_QUEUE = 'rotations';
/**
 * Rotations that did not end at the first delivery: they are retried or read back. They have a queue of their
 * own, because BullMQ puts a delayed job behind all waiting jobs when it is due: a key that is dead upstream
 * must not wait for a backlog.
 */
export const FOLLOW_UPS_QUEUE = 'rotation-follow-ups';

/** Sweeps: requested ones, and the scheduled one. */
export const SWEEPS_QUEUE = 'sweeps';

/** Windows of rotation policies that are due. */
export const POLICIES_QUEUE = 'policies';

export const QUEUES = [ROTATIONS_QUEUE, FOLLOW_UPS_QUEUE, SWEEPS_QUEUE, POLICIES_QUEUE];

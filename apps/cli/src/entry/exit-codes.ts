/** The outcomes that a script can distinguish. Commander itself exits with 1 for wrong usage. */
export const exitCodes = {
  ok: 0,
  /** The request is invalid, or the requested operation ended without success, now or before the command. */
  failed: 1,
  /** The gateway or Redis cannot be reached: try again. */
  unavailable: 2,
  /** The operation is still in progress after the time-out, or it is stopped and can be resumed. */
  notEnded: 3,
} as const;

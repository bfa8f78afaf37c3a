/*
 * Windows, leases and intervals, as short as the machine allows: what takes minutes in production takes a
 * second here.
 */
export const LANDING_WINDOW_MS = 1000;
export const READ_LAG_MS = 300;
export const CONFIRM_AFTER_MS = 2000;
export const SWEEP_EVERY_MS = 5000;

/** The settings of a worker in every run. */
export const timing = {
  REKEY_READ_LAG_MS: String(READ_LAG_MS),
  REKEY_SWEEP_EVERY_MS: String(SWEEP_EVERY_MS),
  REKEY_CONFIRM_AFTER_MS: String(CONFIRM_AFTER_MS),
};

/** Further settings in a run with faults. Without faults, a busy machine must not look like a lost answer. */
export const timingUnderFaults = {
  INVENT_TIMEOUT_MS: '500',
  REKEY_LANDING_WINDOW_MS: String(LANDING_WINDOW_MS),
  REKEY_TAKEOVER_AFTER_MS: '1800',
  REKEY_SHUTDOWN_TIMEOUT_MS: '10000',
};

/** What an operator or an alert rule may match on. Names never change their meaning; new ones are added. */
export interface LogEvent {
  level: 'debug' | 'info' | 'warn' | 'error' | 'fatal';
  /** The default message of the line. */
  message: string;
  /** What has happened and what to do, for docs/reference/log-events.md. */
  meaning: string;
}

/** Every event that gateway and worker log: the only place where one is added. */
export const logEvents = {
  // Every process
  ready: {
    level: 'info',
    message: 'ready',
    meaning:
      'The process serves. Logged at every log level; the fields hold the addresses that it listens on.',
  },
  log_lines_dropped: {
    level: 'warn',
    message: 'log lines were dropped: standard output did not accept them',
    meaning:
      'The disk under the log was full, or the log reader was blocked. `dropped` counts the missing lines.',
  },

  // Gateway

  // Worker: rotations and publication

  // Worker: bulk rotations and policies

  // Worker: sweeps, checks and orgs

  // Worker: consumers

  // Worker: housekeeping
} as const satisfies Record<string, LogEvent>;

export type LogEventName = keyof typeof logEvents;

/** What an operator or an alert rule may match on. Names never change their meaning; new ones are added. */
export interface LogEvent {
  level: 'debug' | 'info' | 'warn' | 'error' | 'fatal';
  /** The default message of the line. */
  message: string;
  /** What has happened and what to do, for docs/reference/log-events.md. */
  meaning: string;
  /** Logged whatever LOG_LEVEL says. */
  always?: true;
}

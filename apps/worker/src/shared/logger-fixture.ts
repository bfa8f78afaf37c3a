import { logEvents, type LogEventName, type Logger } from '@rekey/runtime';

/** For specs: loggers that write nothing. */
export const silentLogger = { event: () => {} } as unknown as Logger;

export interface LoggedEvent {
  event: LogEventName;
  level: string;
  message: string;
  fields: Record<string, unknown>;
}

/** Keeps what is logged in `logged`, in order. */
export const createRecordingLogger = (): { logger: Logger; logged: LoggedEvent[] } => {
  const logged: LoggedEvent[] = [];
  const logger: Pick<Logger, 'event'> = {
    event: (event, fields = {}, message) => {
      const { level, message: usual } = logEvents[event];
      logged.push({ event, level, message: message ?? usual, fields });
    },
  };
  return { logger: logger as Logger, logged };
};

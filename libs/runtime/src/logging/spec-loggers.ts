import { logEvents, type LogEventName } from './log-events.ts';
import type { Logger } from './logger.ts';

/** For specs: writes nothing. */
export const silentLogger: Logger = { event: () => {}, child: () => silentLogger };

export interface LoggedEvent {
  event: LogEventName;
  level: string;
  message: string;
  fields: Record<string, unknown>;
}

/** For specs: records each event in `logged`, in order, with the fields of its `child` loggers. */
export const createRecordingLogger = (): { logger: Logger; logged: LoggedEvent[] } => {
  const logged: LoggedEvent[] = [];
  const recordWith = (bindings: Record<string, unknown>): Logger => ({
    event: (event, fields, message) => {
      const { level, message: usual } = logEvents[event];
      logged.push({ event, level, message: message ?? usual, fields: { ...bindings, ...fields } });
    },
    child: (more) => recordWith({ ...bindings, ...more }),
  });
  return { logger: recordWith({}), logged };
};

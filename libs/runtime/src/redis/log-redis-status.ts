import type { Logger } from '../logging/logger.ts';
import { failProcess } from '../process/start-error.ts';
import { addressOf } from './connections/refusal.ts';
import type { RedisStatusListener } from './connections/status-listener.ts';

/**
 * Logs the state of a process's connections. Ends the process if Redis is unusable from the start. A running
 * process is not ended: it may hold results that exist nowhere else.
 */
export const logRedisStatus = (url: string, logger: Logger): RedisStatusListener => {
  const log = logger.child({ redis: addressOf(url) });
  let failing = false;
  return {
    onUnavailable: (connection, reason, err) =>
      log.event(reason === 'unreachable' ? 'redis_unavailable' : 'redis_read_only', { err, connection }),
    onAvailable: () => log.event('redis_available'),
    onRefused: (error, atStart) => {
      const { code, message } = error;
      if (!atStart) {
        log.event('redis_refused', { code }, `${message} Reconnecting until the cause is fixed.`);
      } else if (!failing) {
        failing = true;
        failProcess(error);
      }
    },
  };
};

import type { Logger } from '@rekey/runtime';
import type { Keys } from '@rekey/subscriber';
import type { Listener } from '../http/start-server.ts';

const EVERY_MS = 10_000;
/** Whoever writes to Redis can cause refusals without end. */
const MAX_LINES = 100;

/** Logs what an operator has to know. Returns what stops it. */
export const logKeys = (keys: Keys, listeners: readonly Listener[], logger: Logger): (() => void) => {
  let lines = 0;
  const limited = (log: () => void): void => {
    if ((lines += 1) <= MAX_LINES) log();
  };
  keys.on('stale', ({ behindMs, fault }) =>
    logger.event('agent_keys_stale', {
      behind_ms: Math.round(behindMs),
      ...(fault !== undefined && { fault }),
    }),
  );
  keys.on('fresh', () => logger.event('agent_keys_fresh'));
  keys.on('revoked', ({ reason }) => logger.event('agent_revoked', { reason }));
  keys.on('refused', ({ assistantId, version, why }) =>
    limited(() =>
      logger.event('agent_event_refused', { assistant_id: assistantId.slice(0, 256), version, why }),
    ),
  );
  keys.on('unreadable', ({ assistantId, orgId }) =>
    limited(() => logger.event('agent_key_unreadable', { assistant_id: assistantId, org_id: orgId })),
  );
  let before = 0;
  const every = setInterval(() => {
    lines = 0;
    const refused = listeners.reduce((sum, listener) => sum + listener.refused, 0);
    if (refused > before) logger.event('agent_connections_refused', { refused: refused - before });
    before = refused;
  }, EVERY_MS).unref();
  return () => clearInterval(every);
};

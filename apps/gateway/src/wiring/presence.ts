import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { processId, startPresence } from '@rekey/ledger';
import { version, type Logger, type Shutdown } from '@rekey/runtime';
import type { GatewayEnvironment } from '../config.ts';
import type { LedgerParts } from './ledger.ts';
import { provedBy } from './registry.ts';

/** Announces this gateway in the ledger, for `rekey status` and for workers. */
export const announce = (
  { ledger: { registry }, processes }: LedgerParts,
  config: GatewayEnvironment,
  logger: Logger,
  shutdown: Shutdown,
): void => {
  const host = hostname();
  const id = processId({ kind: 'gateway', host, pid: process.pid, random: randomBytes(4).toString('hex') });
  const presence = startPresence(
    processes,
    () => ({
      id,
      kind: 'gateway',
      roles: ['serving'],
      version,
      settings: {
        maxOpenRotations: config.REKEY_MAX_OPEN_ROTATIONS,
        archiveRequired: config.REKEY_ARCHIVE_REQUIRED,
        ...provedBy(registry, id),
      },
    }),
    (err) => logger.event('gateway_ledger_check_failed', { err }),
  );
  shutdown.defer('presence', () => presence.close());
};

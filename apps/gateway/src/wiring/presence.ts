import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { processId, startPresence } from '@rekey/ledger';
import { version, type Logger, type Shutdown } from '@rekey/runtime';
import type { GatewayEnvironment } from '../config.ts';
import type { CertificateState } from '../tls/follow-certificates.ts';
import type { LedgerParts } from './ledger.ts';
import { provedBy } from './registry.ts';

interface FollowedFiles {
  /** Absent without TLS. */
  certificates?: (() => CertificateState) | undefined;
  /** Absent without an access file. */
  accessFileRefusedSinceMs?: (() => number | undefined) | undefined;
}

const stateOf = ({ notAfterMs, endsSoonMs, refusedSinceMs }: CertificateState) => ({
  certificateEndsMs: notAfterMs,
  certificateEndsSoonMs: endsSoonMs,
  ...(refusedSinceMs !== undefined && { certificatesRefusedMs: refusedSinceMs }),
});

/** Announces this gateway in the ledger, for `rekey status` and for workers. */
export const announce = (
  { ledger: { registry }, processes }: LedgerParts,
  { certificates, accessFileRefusedSinceMs }: FollowedFiles,
  config: GatewayEnvironment,
  logger: Logger,
  shutdown: Shutdown,
): void => {
  const host = hostname();
  const id = processId({ kind: 'gateway', host, pid: process.pid, random: randomBytes(4).toString('hex') });
  const settings = () => {
    const accessFileRefusedMs = accessFileRefusedSinceMs?.();
    return {
      maxOpenRotations: config.REKEY_MAX_OPEN_ROTATIONS,
      archiveRequired: config.REKEY_ARCHIVE_REQUIRED,
      ...(certificates && stateOf(certificates())),
      ...(accessFileRefusedMs !== undefined && { accessFileRefusedMs }),
      ...provedBy(registry, id),
    };
  };
  const presence = startPresence(
    processes,
    () => ({ id, kind: 'gateway', roles: ['serving'], version, settings: settings() }),
    (err) => logger.event('gateway_ledger_check_failed', { err }),
  );
  shutdown.defer('presence', () => presence.close());
};

import { startArchiveWatch, type Ledger } from '@rekey/ledger';
import { STOP_ACCEPTING_AT, type Logger, type MemoryWatch, type Shutdown } from '@rekey/runtime';
import type { ErrorCode } from '@rekey/schema';
import { createArchiveReportReader } from '@rekey/sealing';
import type { GatewayEnvironment } from '../config.ts';
import type { LedgerParts } from './ledger.ts';
import { watchContest } from './registry.ts';

/** Of what may wait for the archive: beyond that nothing new is accepted. */
const STOP_ACCEPTING_BEHIND = 0.8;

/** With REKEY_ARCHIVE_REQUIRED, returns why nothing new is accepted at present. */
const watchArchive = (
  { ledger, publicJwk }: { ledger: Ledger; publicJwk: object | undefined },
  config: Pick<GatewayEnvironment, 'REKEY_ARCHIVE_REQUIRED'>,
  logger: Logger,
  shutdown: Shutdown,
): (() => 'ARCHIVE_BEHIND' | undefined) => {
  if (!config.REKEY_ARCHIVE_REQUIRED) return () => undefined;
  const watch = startArchiveWatch({
    feed: ledger.archive,
    // Without a key file no report is believed: then there is no archive as far as this gateway knows.
    readReport: publicJwk ? createArchiveReportReader(publicJwk) : () => undefined,
    ledgerId: ledger.system.knownId,
    onError: (err) => logger.event('gateway_archive_unreadable', { err }),
  });
  shutdown.defer('archive watch', () => watch.close());
  return () => ((watch.waitingShare() ?? Infinity) >= STOP_ACCEPTING_BEHIND ? 'ARCHIVE_BEHIND' : undefined);
};

/** Returns why nothing new is accepted at present; undefined if it is. */
export const createHoldBack = (
  memory: Pick<MemoryWatch, 'usedShare'>,
  ledgerParts: LedgerParts,
  config: GatewayEnvironment,
  logger: Logger,
  shutdown: Shutdown,
): (() => ErrorCode | undefined) => {
  const contest = watchContest(ledgerParts.ledger, shutdown);
  const archiveBehind = watchArchive(ledgerParts, config, logger, shutdown);
  return () =>
    memory.usedShare() >= STOP_ACCEPTING_AT ? 'REDIS_MEMORY_LOW' : (archiveBehind() ?? contest());
};

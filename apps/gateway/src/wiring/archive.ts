import { startArchiveWatch, type Ledger } from '@rekey/ledger';
import type { Logger, Shutdown } from '@rekey/runtime';
import { createArchiveReportReader } from '@rekey/sealing';
import type { GatewayEnvironment } from '../config.ts';

/** Of what may wait for the archive: beyond that nothing new is accepted. */
const STOP_ACCEPTING_BEHIND = 0.8;

/** With REKEY_ARCHIVE_REQUIRED, returns why nothing new is accepted at present. */
export const watchArchive = (
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

import { createPublicKey, randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { processId, startArchiveWatch, type ArchiveWatch } from '@rekey/ledger';
import { createArchiveReportReader, signArchiveReport, type Sealer } from '@rekey/sealing';
import { startArchiver } from '../archive/archiver.ts';
import { every } from '../shared/every.ts';
import type { Base } from './base.ts';
import type { Stores } from './ledger.ts';

const BOUND_EVERY_MS = 10_000;

/**
 * Follows what is known of the archive, whichever worker has it: streams are kept for it, and the stream of
 * activity is bounded with it or without.
 */
export const followArchive = async (
  { config, logger, shutdown }: Base,
  { ledger, retention }: Stores,
  sealer: Pick<Sealer, 'publicJwk'>,
): Promise<ArchiveWatch> => {
  const watch = startArchiveWatch({
    feed: ledger.archive,
    readReport: createArchiveReportReader(sealer.publicJwk),
    ledgerId: ledger.system.knownId,
    onError: (err) => logger.event('archive_waits', { err }),
  });
  shutdown.defer('archive watch', async () => watch.close());
  await watch.look().catch((err: unknown) => logger.event('archive_waits', { err }));
  const isExpected = config.REKEY_ARCHIVE_DIR !== undefined || config.REKEY_ARCHIVE_REQUIRED;
  const mayWait = () => (isExpected || watch.exists() ? config.REKEY_ARCHIVE_MAX_BEHIND : 0);
  retention.setArchive(mayWait);
  const bounding = every(
    BOUND_EVERY_MS,
    () => ledger.archive.boundActivity(config.REKEY_KEEP_ACTIVITY + mayWait()),
    (err) => logger.event('housekeeping_failed', { err, chore: 'bound the activity' }),
  );
  shutdown.defer('bound of activity', () => bounding.close());
  return watch;
};

/** Archives, if a folder is configured. */
export const startArchive = (
  { config, logger, shutdown }: Base,
  { ledger, retention, prefix }: Stores,
  sealer: Pick<Sealer, 'publicJwk' | 'signer'>,
): void => {
  const path = config.REKEY_ARCHIVE_DIR;
  if (path === undefined) return;
  const random = randomBytes(8).toString('hex');
  const by = processId({ kind: 'worker', host: hostname(), pid: process.pid, random });
  const publicKey = createPublicKey({ key: sealer.publicJwk as never, format: 'jwk' });
  const readReport = createArchiveReportReader(sealer.publicJwk);
  const archiver = startArchiver({
    feed: ledger.archive,
    files: {
      path,
      prefix,
      signer: sealer.signer,
      verifier: { kid: sealer.publicJwk.kid, publicKey },
      by,
      segmentBytes: config.REKEY_ARCHIVE_SEGMENT_BYTES,
      segmentMs: config.REKEY_ARCHIVE_SEGMENT_MS,
    },
    ledgerId: ledger.system.knownId,
    readReport: (signed) => {
      const report = readReport(signed);
      return report?.ledger === ledger.system.knownId() ? report : undefined;
    },
    sign: (report) => signArchiveReport(report, sealer.signer),
    keep: { events: retention.neededEvents, activity: () => config.REKEY_KEEP_ACTIVITY },
    maxBehind: config.REKEY_ARCHIVE_MAX_BEHIND,
    by,
    token: `${by}-${random}`,
    logger,
  });
  shutdown.defer('archive', () => archiver.close());
};

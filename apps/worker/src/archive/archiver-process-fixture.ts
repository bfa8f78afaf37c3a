import { readFileSync } from 'node:fs';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { openLedger } from '@rekey/ledger';
import { createLogger } from '@rekey/runtime';
import { createArchiveReportReader, signArchiveReport } from '@rekey/sealing';
import { Redis } from 'ioredis';
import { startArchiver } from './archiver.ts';

/** For specs only: a process that archives. Arguments: Redis, folder, private key file, name. */
const [url, path, keyPath, name] = process.argv.slice(2) as [string, string, string, string];
const privateKey = createPrivateKey(readFileSync(keyPath, 'utf8'));
const publicKey = createPublicKey(privateKey);
const publicJwk = { ...publicKey.export({ format: 'jwk' }), kid: 'rekey' };
const ledger = openLedger(new Redis(url), { prefix: 'spec' });
startArchiver({
  feed: ledger.archive,
  files: {
    path,
    prefix: 'spec',
    signer: { kid: 'rekey', privateKey },
    verifier: { kid: 'rekey', publicKey },
    by: name,
    // Small, so that a process often ends while it closes one.
    segmentBytes: 10_000,
    segmentMs: 50,
  },
  ledgerId: () => 'ledger_1',
  readReport: createArchiveReportReader(publicJwk),
  sign: (report) => signArchiveReport(report, { privateKey }),
  keep: { events: () => 1000, activity: () => 1000 },
  maxBehind: 1_000_000,
  by: name,
  token: name,
  logger: createLogger('archiver', 'info'),
});

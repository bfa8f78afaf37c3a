import { createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import { ArchiveReport } from '@rekey/schema';
import type { JWK } from 'jose';
import type { Signer } from './grant.ts';

/** Before the signed text: a signature of another kind is none of a report. */
const LABEL = 'rekey archive report 1\n';
const MAX_CHARS = 10_000;

/** A report of the worker that archives, and its signature in the next line. */
export const signArchiveReport = (
  report: ArchiveReport,
  { privateKey }: Pick<Signer, 'privateKey'>,
): string => {
  const text = JSON.stringify(report);
  return `${text}\n${sign(null, Buffer.from(LABEL + text), privateKey).toString('base64url')}`;
};

/**
 * Reads what `signArchiveReport` made; undefined if this key has not signed it. A report of another ledger,
 * or an old one that another client has put back, is signed as well: see its `ledger` and `at`.
 */
export const createArchiveReportReader = (
  publicJwk: JWK,
): ((signed: string) => ArchiveReport | undefined) => {
  const key: KeyObject = createPublicKey({ key: publicJwk as never, format: 'jwk' });
  return (signed) => {
    const [text = '', proof = '', ...more] = signed.split('\n');
    if (signed.length > MAX_CHARS || more.length > 0) return undefined;
    if (!verify(null, Buffer.from(LABEL + text), key, Buffer.from(proof, 'base64url'))) return undefined;
    try {
      return ArchiveReport.safeParse(JSON.parse(text)).data;
    } catch {
      return undefined;
    }
  };
};

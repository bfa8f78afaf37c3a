import { SealedRecord } from '@rekey/schema';
import { SealError, type Sealer } from './sealer.ts';

/**
 * Seals one assistant's whole record. `assistantJson` is the upstream's text as it came: it is placed into the plaintext
 * unparsed, so that no field, no order and no digit of a number is lost.
 */
export const sealRecord = (
  sealer: Sealer,
  { orgId, assistantId, version, assistantJson }: { orgId: string; assistantId: string; version: number; assistantJson: string },
): string =>
  sealer.seal(`{"org_id":${JSON.stringify(orgId)},"assistant_id":${JSON.stringify(assistantId)},"version":${version},"assistant":${assistantJson}}`);

/** Opens what `sealRecord` made. Throws SealError where it does not open, or is not a record of Rekey's. */
export const openRecord = async (sealer: Sealer, jwe: string): Promise<SealedRecord> => {
  const plaintext = await sealer.open(jwe);
  try {
    return SealedRecord.parse(JSON.parse(plaintext));
  } catch {
    // Neither the parser's nor zod's message may go on: they can quote the plaintext.
    throw new SealError('the sealed text opens, but holds no record');
  }
};

import type { Hold, Sealed } from '@rekey/ledger';
import { KEY_REMOVED, KEY_ROTATED, KEY_UNCERTAIN, type Cause } from '@rekey/schema';
import { sealRecord, type Sealer } from '@rekey/sealing';
import { isAhead } from './can-be-opened.ts';
import type { Finding } from './finding.ts';
import type { Recipients } from './recipients.ts';

/** Seals a new version of the key for everyone who may read the org. */
export const sealVersion = (
  sealer: Sealer,
  recipients: Pick<Recipients, 'of'>,
  { orgId, assistantId, epoch, atMs }: Hold,
  finding: Finding,
  cause: Cause,
): Sealed => {
  const { keys, revision } = recipients.of(orgId);
  const what =
    'removal' in finding
      ? ({ type: KEY_REMOVED, removal: finding.removal } as const)
      : ({ type: KEY_ROTATED, assistantJson: finding.record.json } as const);
  return {
    envelope: sealRecord(
      sealer,
      { ...what, orgId, assistantId, version: epoch, cause, ...(isAhead(epoch, atMs) && { ahead: true }) },
      keys,
    ),
    revision,
  };
};

/**
 * Seals the notice that the published version may not be in force. If none is published, there is no notice.
 */
export const sealUncertainty = (
  sealer: Sealer,
  recipients: Pick<Recipients, 'of'>,
  { orgId, assistantId, versionBefore, atMs }: Hold,
): Sealed => {
  const { keys, revision } = recipients.of(orgId);
  if (versionBefore === undefined) return { envelope: 'null', revision };
  return {
    envelope: sealRecord(
      sealer,
      {
        type: KEY_UNCERTAIN,
        orgId,
        assistantId,
        version: versionBefore,
        ...(isAhead(versionBefore, atMs) && { ahead: true }),
      },
      keys,
    ),
    revision,
  };
};

import type { CurrentEvent } from '@rekey/schema';
import type { Assistant } from '../generated/rekey/v1/Assistant.ts';
import { timestamp } from './fields.ts';

const causes: Partial<Record<string, Assistant['cause']>> = {
  rotation: 'ROTATION',
  reconciliation: 'RECONCILIATION',
  drift: 'DRIFT',
  import: 'IMPORT',
  rollback: 'ROLLBACK',
};

const removals = { 'no-key': 'NO_KEY', deleted: 'DELETED' } as const;

/** An assistant's current key version as the contract shows it, and since when that version is uncertain. */
export const toProtoAssistant = ({ subject, data }: CurrentEvent, uncertainSinceMs?: number): Assistant => ({
  assistantId: subject,
  version: data.version,
  cause: causes[data.cause] ?? 'CAUSE_UNSPECIFIED',
  rotationId: data.rotation_id ?? '',
  updateTime: timestamp(Date.parse(data.updated_at)),
  fingerprint: data.fingerprint ?? '',
  sealed: JSON.stringify(data.sealed),
  uncertainTime: timestamp(uncertainSinceMs),
  removal: data.fingerprint === null ? removals[data.removal] : 'REMOVAL_UNSPECIFIED',
});

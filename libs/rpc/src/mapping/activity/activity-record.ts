import type { ActivityRecord as StoredRecord } from '@rekey/schema';
import type { ActivityRecord } from '../../generated/rekey/v1/ActivityRecord.ts';
import { timestamp } from '../fields.ts';

interface PlacedRecord {
  position: string;
  timeMs: number;
  record: StoredRecord;
  others: readonly (readonly [name: string, value: string])[];
}

/** A record of the stream of activity as the contract shows it. */
export const toProtoActivity = ({ position, timeMs, record, others }: PlacedRecord): ActivityRecord => ({
  position,
  time: timestamp(timeMs),
  type: record.type,
  principal: record.by,
  otherPrincipals: record.also?.split(' ') ?? [],
  orgId: record.org ?? '',
  target: record.target ?? '',
  assistantId: record.assistant ?? '',
  reason: record.reason ?? '',
  requestId: record.request ?? '',
  traceId: record.trace ?? '',
  address: record.address ?? '',
  before: record.before ?? '',
  after: record.after ?? '',
  count: record.count ?? 0,
  otherFields: others.map(([name, value]) => ({ name, value })),
});

import type { AcknowledgementState, CurrentEvent, Removal } from '@rekey/schema';
import type { Timestamp } from '../generated/google/protobuf/Timestamp.ts';
import type { Assistant } from '../generated/rekey/v1/Assistant.ts';
import type { AssistantSummary } from '../generated/rekey/v1/AssistantSummary.ts';
import type { KeyHolder } from '../generated/rekey/v1/KeyHolder.ts';
import type { KeyVersion } from '../generated/rekey/v1/KeyVersion.ts';
import type { Org } from '../generated/rekey/v1/Org.ts';
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
export const toProtoAssistant = (
  { subject, data }: CurrentEvent,
  uncertainSinceMs?: number,
  { orgId = '', keyMs }: { orgId?: string; keyMs?: number | undefined } = {},
): Assistant => ({
  assistantId: subject,
  version: data.version,
  cause: causes[data.cause] ?? 'CAUSE_UNSPECIFIED',
  rotationId: data.rotation_id ?? '',
  updateTime: timestamp(Date.parse(data.updated_at)),
  fingerprint: data.fingerprint ?? '',
  sealed: JSON.stringify(data.sealed),
  uncertainTime: timestamp(uncertainSinceMs),
  removal: data.fingerprint === null ? removals[data.removal] : 'REMOVAL_UNSPECIFIED',
  orgId,
  keyTime: timestamp(keyMs),
  holders: [],
});

export const toProtoHolder = ({
  consumer,
  state,
  version = 0,
}: {
  consumer: string;
  state: AcknowledgementState;
  version?: number;
}): KeyHolder => ({ consumer, state, version });

const removalOf = (removal: Removal | undefined): NonNullable<Assistant['removal']> =>
  removal === undefined ? 'REMOVAL_UNSPECIFIED' : removals[removal];

/** With a number: protobufjs reads a text digit by digit, which takes longer than all else of a long list. */
const listedTimestamp = (ms: number | undefined): Timestamp | null =>
  ms === undefined ? null : { seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1_000_000 };

const removalNumbers = { 'no-key': 1, deleted: 2 } as const;

/** An assistant of a list, as a prepared message needs it. */
export const toProtoSummary = (one: {
  assistantId: string;
  orgId: string;
  version: number;
  fingerprint?: string;
  removal?: Removal;
  publishedMs: number;
  keyMs?: number;
  isUncertain: boolean;
}): AssistantSummary => ({
  assistantId: one.assistantId,
  orgId: one.orgId,
  version: one.version,
  updateTime: listedTimestamp(one.publishedMs),
  keyTime: listedTimestamp(one.keyMs),
  fingerprint: one.fingerprint ?? '',
  removal: one.removal === undefined ? 0 : removalNumbers[one.removal],
  uncertain: one.isUncertain,
});

export const toProtoKeyVersion = (one: {
  version: number;
  cause?: string;
  removal?: Removal;
  publishedMs: number;
  rotationId?: string;
  bulkId?: string;
  requestedBy?: string;
}): KeyVersion => ({
  version: one.version,
  cause: causes[one.cause ?? ''] ?? 'CAUSE_UNSPECIFIED',
  removal: removalOf(one.removal),
  publishTime: timestamp(one.publishedMs),
  rotationId: one.rotationId ?? '',
  bulkRotationId: one.bulkId ?? '',
  requestedBy: one.requestedBy ?? '',
});

export const toProtoOrg = (one: {
  orgId: string;
  assistants: number;
  uncertain: number;
  unknownAge: number;
  oldestKeyMs?: number;
}): Org => ({
  orgId: one.orgId,
  assistantCount: one.assistants,
  uncertainCount: one.uncertain,
  unknownAgeCount: one.unknownAge,
  oldestKeyTime: timestamp(one.oldestKeyMs),
});

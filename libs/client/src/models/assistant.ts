import type { ResponseOf } from '../connection/transport.ts';
import {
  date,
  named,
  number,
  setDate,
  state,
  text,
  withoutUnset,
  type ConsumerAcknowledgement,
} from './values.ts';

/** The current key version of one assistant. */
export interface Assistant {
  assistantId: string;
  /** Only rises, with gaps. Drop a version that is not higher than the one that you hold. */
  version: number;
  cause: 'ROTATION' | 'RECONCILIATION' | 'DRIFT' | 'IMPORT' | 'ROLLBACK';
  rotationId?: string;
  /** When this version was published. */
  updateTime: Date;
  /** A keyed hash of the secret key. */
  fingerprint?: string;
  /** The whole upstream record as a JWE. docs/guides/events.md describes how to open it. */
  sealed?: string;
  /** Since when it is uncertain whether this version is still in force. */
  uncertainTime?: Date;
  /** Why there is no key any more; `fingerprint` and `sealed` are not set then. */
  removal?: 'NO_KEY' | 'DELETED';
  /** The org that it was last published under. */
  orgId?: string;
  /** When its key was made at the earliest; not set if that is unknown, or there is no key. */
  keyTime?: Date;
  /** Which version each consumer holds that may read the org. */
  holders?: KeyHolder[];
}

/** What a consumer holds of an assistant. */
export interface KeyHolder extends ConsumerAcknowledgement {
  /** The version that its slowest live instance holds, if that is known. */
  version?: number;
}

type ProtoAssistant = ResponseOf<'AssistantService', 'GetAssistant'>;

export const toAssistant = (assistant: ProtoAssistant): Assistant =>
  withoutUnset<Assistant>({
    assistantId: assistant.assistantId,
    version: Number(assistant.version),
    cause: assistant.cause as Assistant['cause'],
    rotationId: text(assistant.rotationId),
    updateTime: setDate(assistant.updateTime),
    fingerprint: text(assistant.fingerprint),
    sealed: text(assistant.sealed),
    uncertainTime: date(assistant.uncertainTime),
    removal: named(assistant.removal),
    orgId: text(assistant.orgId),
    keyTime: date(assistant.keyTime),
    holders:
      assistant.holders.length > 0
        ? assistant.holders.map((holder) =>
            withoutUnset<KeyHolder>({
              name: holder.consumer,
              state: state(holder.state),
              version: number(holder.version),
            }),
          )
        : undefined,
  });

/** One assistant of a list. */
export interface AssistantSummary {
  assistantId: string;
  orgId: string;
  version: number;
  /** When the current version was published. */
  updateTime: Date;
  /** When its key was made at the earliest; not set if that is unknown, or there is no key. */
  keyTime?: Date;
  fingerprint?: string;
  /** Why there is no key. */
  removal?: 'NO_KEY' | 'DELETED';
  /** It is unknown whether the version is in force. */
  uncertain: boolean;
}

type ProtoSummary = ResponseOf<'AssistantService', 'ListAssistants'>['assistants'][number];

export const toAssistantSummary = (one: ProtoSummary): AssistantSummary =>
  withoutUnset<AssistantSummary>({
    assistantId: one.assistantId,
    orgId: one.orgId,
    version: Number(one.version),
    updateTime: setDate(one.updateTime),
    keyTime: date(one.keyTime),
    fingerprint: text(one.fingerprint),
    removal: named(one.removal),
    uncertain: one.uncertain,
  });

/** A version of an assistant, without its key. */
export interface KeyVersion {
  version: number;
  cause?: Assistant['cause'];
  removal?: 'NO_KEY' | 'DELETED';
  publishTime: Date;
  rotationId?: string;
  bulkRotationId?: string;
  /** The principal that requested the rotation, `system` if Rekey published it of itself. */
  requestedBy?: string;
}

type ProtoKeyVersion = ResponseOf<'AssistantService', 'ListKeyVersions'>['versions'][number];

export const toKeyVersion = (one: ProtoKeyVersion): KeyVersion =>
  withoutUnset<KeyVersion>({
    version: Number(one.version),
    cause: named(one.cause),
    removal: named(one.removal),
    publishTime: setDate(one.publishTime),
    rotationId: text(one.rotationId),
    bulkRotationId: text(one.bulkRotationId),
    requestedBy: text(one.requestedBy),
  });

/** An org, in numbers. */
export interface Org {
  orgId: string;
  assistantCount: number;
  uncertainCount: number;
  /** How many have a key of unknown age. */
  unknownAgeCount: number;
  /** When the oldest of the keys of a known age was made. */
  oldestKeyTime?: Date;
}

type ProtoOrg = ResponseOf<'AssistantService', 'ListOrgs'>['orgs'][number];

export const toOrg = (one: ProtoOrg): Org =>
  withoutUnset<Org>({
    orgId: one.orgId,
    assistantCount: Number(one.assistantCount),
    uncertainCount: Number(one.uncertainCount),
    unknownAgeCount: Number(one.unknownAgeCount),
    oldestKeyTime: date(one.oldestKeyTime),
  });

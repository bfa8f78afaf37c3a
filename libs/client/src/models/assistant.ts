import type { ResponseOf } from '../connection/transport.ts';
import { date, named, setDate, text, withoutUnset } from './values.ts';

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
  });

import type { Consumers } from '@rekey/ledger';
import type { Acknowledgement, Consumer } from '@rekey/schema';
import type { ConsumerKeyType, Sealer, SharedKeys } from '@rekey/sealing';
import type { Redis } from 'ioredis';

/** For specs: publishes as Rekey does, with its ledger and its sealing, under the prefix `spec`. */
export interface Publisher {
  redis: Redis;
  sealer: Sealer;
  consumers: Consumers;
  /**
   * Adds a consumer, ACTIVE by default, with a new key or that of `keyFile`. `signs`: its acknowledgements.
   * Resolves with its key file.
   */
  enrol(
    name: string,
    options?: {
      orgs?: string[];
      type?: ConsumerKeyType;
      state?: Consumer['state'];
      keyFile?: { keys: object[] };
      revision?: number;
      signs?: boolean;
    },
  ): Promise<{ keys: object[] }>;
  /** Seals the published records for all current consumers, and makes the consumer ACTIVE. */
  finishEnrolling(name: string): Promise<void>;
  remove(name: string): Promise<void>;
  /**
   * Publishes a key. `recipients`: whom it is sealed for, whoever the consumers are. Resolves with
   * its version.
   */
  publish(
    assistantId: string,
    secretKey: string,
    more?: Partial<{
      orgId: string;
      cause: 'rotation' | 'import';
      version: number;
      recipients: SharedKeys[];
    }>,
  ): Promise<number>;
  /**
   * Claims a rotation. Resolves with a function that publishes the key of its answer, or with undefined if
   * nothing may be claimed now.
   */
  claim(assistantId: string, orgId?: string): Promise<((secretKey: string) => Promise<number>) | undefined>;
  removeKey(assistantId: string, removal?: 'no-key' | 'deleted', orgId?: string): Promise<number>;
  makeUncertain(assistantId: string, orgId?: string): Promise<void>;
  /** An unpublished event of a key, to be forged, moved or altered. */
  eventOf(
    assistantId: string,
    more?: Partial<{
      orgId: string;
      version: number;
      secretKey: string;
      recipients: SharedKeys[];
      type: string;
      ahead: true;
    }>,
  ): Promise<RawEvent>;
  /** Adds a text to the stream as it is. Resolves with the id of the entry. */
  put(event: object | string): Promise<string>;
  currentEvent(assistantId: string): Promise<RawEvent>;
  /** What `billing` has acknowledged and signed, each with the grant that it names. */
  acks(instance?: string): Promise<Acknowledgement[]>;
  close(): void;
}

export interface RawEvent {
  type: string;
  subject: string;
  source: string;
  data: {
    seq: number;
    version: number;
    sealed: {
      recipients: { header: { kid: string; proof: string }; encrypted_key: string }[];
      ciphertext: string;
    };
  };
}

/** A record as Invent returns it. */
export const recordText = (assistantId: string, secretKey: string): string =>
  JSON.stringify({ id: assistantId, name: 'An assistant', secret_key: secretKey, new_field: { deep: [1] } });

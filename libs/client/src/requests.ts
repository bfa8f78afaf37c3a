/*
 * What methods are asked with. Fields are the contract's; times are Date, durations ms, and lists of ids
 * `Ids`. A field that the contract has and that is not named here is passed on as it is.
 */
import type {
  CreateBulkRotationRequest as ProtoCreateBulk,
  CreateRotationPolicyRequest as ProtoCreatePolicy,
  GatewayClient,
} from '@rekey/rpc';
import type { BulkItemState, BulkState, RotationState } from '@rekey/schema';
import type { Ids } from './id-messages.ts';
import type { Canary, FailureLimit } from './models.ts';

type Proto<Method extends keyof GatewayClient> = GatewayClient[Method] extends (
  request: infer Request,
  ...rest: never[]
) => unknown
  ? Request
  : never;
type Further<Request, Named> = Omit<Request, keyof Named>;

interface RotateSecretKeyFields {
  /** The org, or `c` for the one that the API key was made in. */
  orgId: string;
  assistantId: string;
  /** Why, for the record: at most 1024 bytes. Not for secrets. */
  reason?: string;
  /** A UUID: the same one within 24 hours gives the same rotation. Made where none is given. */
  requestId?: string;
}
export type RotateSecretKeyRequest = RotateSecretKeyFields &
  Further<Proto<'rotateSecretKey'>, RotateSecretKeyFields>;

interface WaitRotationFields {
  id: string;
  /** How long to wait, in ms: 30 s where not given, 10 min at the most. */
  timeoutMs?: number;
  /** What is waited for: its end where not given, or that consumers have applied its version. */
  until?: 'ENDED' | 'ACKNOWLEDGED';
  /**
   * With ACKNOWLEDGED: these, be they live or not. Where none is named: all that may read the org and are
   * live.
   */
  consumers?: string[];
}
export type WaitRotationRequest = WaitRotationFields &
  Further<Proto<'waitRotation'>, WaitRotationFields & { timeout: unknown }>;

interface RotationFilterFields {
  orgId?: string;
  assistantId?: string;
  state?: RotationState;
}
export type RotationFilter = RotationFilterFields &
  Further<Proto<'listRotations'>, RotationFilterFields & Page>;

/** Which page. */
export interface Page {
  /** At most so many; the gateway has a default and a maximum for each list. */
  pageSize?: number;
  /** The nextPageToken of the page before, with the same filter. */
  pageToken?: string;
}

interface BulkFilterFields {
  orgId?: string;
  state?: BulkState;
}
export type BulkFilter = BulkFilterFields & Further<Proto<'listBulkRotations'>, BulkFilterFields & Page>;

interface BulkItemsFields {
  id: string;
  state?: BulkItemState;
}
export type BulkItemsRequest = BulkItemsFields &
  Page &
  Further<Proto<'listBulkRotationItems'>, BulkItemsFields & Page>;

interface CreateBulkRotationFields {
  /** The org, or `c`. */
  orgId: string;
  /** Why, for the record: at most 1024 bytes. Not for secrets. */
  reason?: string;
  /** A UUID: the same one within 24 hours gives the same bulk rotation. Made where none is given. */
  requestId?: string;
  /**
   * These assistants, two million at the most; duplicates are counted once. See `Ids` for what can be sent
   * again.
   */
  assistantIds?: Ids;
  /**
   * In place of assistantIds: all that Invent lists for the org, as far as the next three let them through.
   */
  allAssistants?: boolean;
  /** With allAssistants: only those that Invent finds by this term. */
  search?: string;
  /** With allAssistants: only those whose key is not known to be newer. */
  rotatedBefore?: Date;
  /** With allAssistants: not these, 100,000 at the most. */
  excludeAssistantIds?: Ids;
  /** Before all bulk rotations that are not urgent. */
  urgent?: boolean;
  /** A dry run. */
  validateOnly?: boolean;
  /** The first few, before the others. */
  canary?: Canary;
  /** `{ percent: 5 }` where not given. */
  maxFailures?: FailureLimit;
  /**
   * Consumers that must be live and have applied everything that is published, or nothing is begun:
   * CONSUMERS_MISSING. 100 at the most.
   */
  requireConsumers?: string[];
}
export type CreateBulkRotationRequest = CreateBulkRotationFields &
  Further<ProtoCreateBulk, CreateBulkRotationFields>;

interface CreateRotationPolicyFields {
  /** The org, or `c`. */
  orgId: string;
  reason?: string;
  /** A UUID: the same one within 24 hours gives the same policy. Made where none is given. */
  requestId?: string;
  /** These assistants, 10,000 at the most. */
  assistantIds?: Ids;
  /** In place of assistantIds: all that Invent lists for the org, whenever a window opens. */
  allAssistants?: boolean;
  /** Every key is replaced once in so many days: from 1 to 3650. */
  everyDays: number;
  /**
   * When keys may be replaced: `{ cron: '0 2 * * *', timeZone: 'UTC', lengthMs: 14_400_000 }`, as far as not
   * given.
   */
  window?: { cron?: string; timeZone?: string; lengthMs?: number };
  /** `{ percent: 5 }` where not given. */
  maxFailures?: FailureLimit;
}
export type CreateRotationPolicyRequest = CreateRotationPolicyFields &
  Further<ProtoCreatePolicy, CreateRotationPolicyFields>;

interface AddConsumerFields {
  /** Lower-case letters, digits and hyphens, beginning with a letter, at most 63. */
  name: string;
  /** The orgs that it may read, as they are named in requests; `*` for all. */
  orgs: string[];
}
/** One of them, as JSON. */
type ConsumerKey =
  | { /** Its public key, a JWK: OKP X25519 or EC P-256. */ publicJwk: string; sealedSharedJwk?: never }
  | {
      /** A key that it shares with Rekey, sealed to Rekey's key file: `rekey consumer add` does that. */ sealedSharedJwk: string;
      publicJwk?: never;
    };
export type AddConsumerRequest = AddConsumerFields &
  ConsumerKey &
  Further<
    Proto<'addConsumer'>,
    AddConsumerFields & { key: unknown; publicJwk: unknown; sealedSharedJwk: unknown }
  >;

interface SetConsumerOrgsFields {
  name: string;
  /** As in AddConsumerRequest; in place of those before. */
  orgs: string[];
}
export type SetConsumerOrgsRequest = SetConsumerOrgsFields &
  Further<Proto<'setConsumerOrgs'>, SetConsumerOrgsFields>;

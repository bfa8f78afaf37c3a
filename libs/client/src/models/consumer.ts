import type { ResponseOf } from '../connection/transport.ts';
import { milliseconds, number, setDate, state, text, withoutUnset } from './values.ts';

/** A named service that reads keys. */
export interface Consumer {
  name: string;
  /** The orgs that it may read; `*` for all. */
  orgs: string[];
  /**
   * PENDING: no worker has noticed it yet. ENROLLING: a worker seals earlier keys for it. ACTIVE: it can open
   * all keys that it may read.
   */
  state: 'PENDING' | 'ENROLLING' | 'ACTIVE';
  createTime: Date;
  /** `X25519`, `P-256` or `shared`. */
  keyType: string;
  /** The beginning of its key's thumbprint (RFC 7638). */
  keyId?: string;
  /** Running instances, and those gone for less than ten minutes; the most recent report first. */
  instances: ConsumerInstance[];
  /** Whether any instance is live. */
  live: boolean;
  /** How many events its slowest live instance has not applied yet. 0 if no instance is live. */
  lagEvents: number;
  /** The age of the oldest of these events, in ms. */
  lagMs?: number;
  /** The revision of the registry that this was read from. Not set by older gateways. */
  registryRev?: number;
  /** The principal that added it. */
  requestedBy?: string;
}

/** One process of a consumer, by its own report. */
export interface ConsumerInstance {
  id: string;
  /** Whether it has reported within its lease, and is not leaving. */
  live: boolean;
  heardTime: Date;
  /** The id of the last entry of the event stream that it has applied, and the `seq` of that event. */
  position: string;
  seq: number;
  /** The number of assistants that it holds a key of. */
  keyCount: number;
  /** Versions that it could not apply since its last snapshot: their number, and the first 20. */
  unappliedCount: number;
  unapplied: UnappliedVersion[];
  /** The number of versions that it has refused since it started; a snapshot does not reset it. */
  refusedCount: number;
  /** The first 20 of these. */
  refused: UnappliedVersion[];
}

export interface UnappliedVersion {
  assistantId: string;
  /** Not set if the instance could not read it. */
  version?: number;
  /** In the instance's own words. */
  why: string;
}

type ProtoConsumer = ResponseOf<'ConsumerService', 'GetConsumer'>;
type ProtoInstance = ProtoConsumer['instances'][number];

const toUnapplied = ({ assistantId, version, why }: ProtoInstance['unapplied'][number]): UnappliedVersion =>
  withoutUnset<UnappliedVersion>({ assistantId, version: number(version), why });

const toInstance = (instance: ProtoInstance): ConsumerInstance => ({
  id: instance.id,
  live: instance.live,
  heardTime: setDate(instance.heardTime),
  position: instance.position,
  seq: Number(instance.seq),
  keyCount: Number(instance.keyCount),
  unappliedCount: Number(instance.unappliedCount),
  unapplied: instance.unapplied.map(toUnapplied),
  refusedCount: Number(instance.refusedCount),
  refused: instance.refused.map(toUnapplied),
});

export const toConsumer = (consumer: ProtoConsumer): Consumer =>
  withoutUnset<Consumer>({
    name: consumer.name,
    orgs: consumer.orgs,
    state: state(consumer.state),
    createTime: setDate(consumer.createTime),
    keyType: consumer.keyType,
    keyId: text(consumer.keyId),
    instances: consumer.instances.map(toInstance),
    live: consumer.live,
    lagEvents: Number(consumer.lagEvents),
    lagMs: milliseconds(consumer.lag),
    registryRev: number(consumer.registryRev),
    requestedBy: text(consumer.requestedBy),
  });

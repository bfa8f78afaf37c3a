import type { Acknowledgement, Consumer as LedgerConsumer } from '@rekey/schema';
import type { Consumer } from '../generated/rekey/v1/Consumer.ts';
import { duration, timestamp } from './fields.ts';

/** What an instance of a consumer last reported. */
interface Instance extends Omit<Acknowledgement, 'consumer'> {
  live: boolean;
  heardMs: number;
}

const toProtoRefusals = (refusals: Acknowledgement['unapplied'] = { count: 0, first: [] }) =>
  refusals.first.map(({ assistant_id: assistantId, version, why }) => ({
    assistantId,
    version,
    why,
  }));

/**
 * A consumer as the contract shows it. `lag` is that of its slowest live instance; undefined if none is live.
 */
export const toProtoConsumer = (
  { name, orgs, state, created_at: createdAt, key, requested_by: requestedBy = '' }: LedgerConsumer,
  instances: Instance[],
  lag?: { events: number; ms: number },
): Consumer => ({
  name,
  orgs,
  state,
  createTime: timestamp(Date.parse(createdAt)),
  keyType: key.kty === 'oct' ? 'shared' : (key.crv ?? ''),
  keyId: key.kid,
  instances: instances.map((one) => ({
    id: one.instance,
    live: one.live,
    heardTime: timestamp(one.heardMs),
    position: one.position,
    seq: one.seq,
    keyCount: one.keys,
    unappliedCount: one.unapplied.count,
    unapplied: toProtoRefusals(one.unapplied),
    refusedCount: one.refused?.count ?? 0,
    refused: toProtoRefusals(one.refused),
  })),
  live: lag !== undefined,
  lagEvents: lag?.events ?? 0,
  lag: duration(lag && lag.events > 0 ? lag.ms : undefined),
  requestedBy,
});

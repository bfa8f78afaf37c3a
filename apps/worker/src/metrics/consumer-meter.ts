import { byLabel, firstLabels } from './labels.ts';
import type { ConsumerProgress, Meter } from './meter.ts';
import type { Factory } from './metric-factory.ts';

const PROPAGATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60];

/** What the metrics show under one label. */
interface Shown {
  live: boolean;
  lag: { events: number; ms: number };
  unapplied: number;
  refused: number;
}

const shown = ({ lag, unapplied, refused }: ConsumerProgress): Shown => ({
  live: lag !== undefined,
  lag: lag ?? { events: 0, ms: 0 },
  unapplied,
  refused,
});

/** A consumer without a live instance comes first: its lag is unknown, and may be the largest. */
const sizeOf = ({ live, lag, unapplied, refused }: Shown): number =>
  live ? lag.events + unapplied + refused : Infinity;

/**
 * Of several consumers: the lag of the slowest live one, the sum of what they did not apply, and live only if
 * each is.
 */
const worse = (one: Shown, another: Shown): Shown => ({
  live: one.live && another.live,
  lag: {
    events: Math.max(one.lag.events, another.lag.events),
    ms: Math.max(one.lag.ms, another.lag.ms),
  },
  unapplied: one.unapplied + another.unapplied,
  refused: one.refused + another.refused,
});

/** The metrics of consumers. */
export const createConsumerMeter = ({
  counter,
  gauge,
  histogram,
}: Factory): Pick<Meter, 'propagated' | 'consumers' | 'refusedAcknowledgements'> => {
  const label = ['consumer'];
  const propagation = histogram(
    'rekey_propagation_seconds',
    "From upstream's answer to a rotation until a consumer has acknowledged the key",
    label,
    PROPAGATION_BUCKETS,
  );
  const live = gauge('rekey_consumer_live', '1 while an instance of the consumer is live', label);
  const lagEvents = gauge(
    'rekey_consumer_lag_events',
    'Events that the slowest live instance of the consumer has still to apply',
    label,
  );
  const unappliedEvents = gauge(
    'rekey_consumer_unapplied_events',
    'Events that the live instances of the consumer could not apply since their last snapshot',
    label,
  );
  const refusedEvents = gauge(
    'rekey_consumer_refused_events',
    'Events that the live instances of the consumer have refused since they started, including forged ones',
    label,
  );
  const lagSeconds = gauge(
    'rekey_consumer_lag_seconds',
    'Age of the oldest event that the slowest live instance of the consumer has still to apply',
    label,
  );
  const refusedAcknowledgements = counter(
    'rekey_acknowledgements_refused_total',
    'Acknowledgements that do not count, by why: something other than a consumer may have written them',
    ['why'],
  );
  const labelOf = firstLabels();
  return {
    refusedAcknowledgements: (why, count) => refusedAcknowledgements.inc({ why }, count),
    propagated: (consumer, ms) => propagation.observe({ consumer: labelOf(consumer) }, ms / 1000),
    consumers: (all) => {
      for (const one of [live, lagEvents, unappliedEvents, refusedEvents, lagSeconds]) one.reset();
      const values = all.map((one) => [one.consumer, shown(one)] as const);
      for (const [consumer, { live: isLive, lag, unapplied, refused }] of byLabel(values, sizeOf, worse)) {
        unappliedEvents.set({ consumer }, unapplied);
        refusedEvents.set({ consumer }, refused);
        live.set({ consumer }, isLive ? 1 : 0);
        lagEvents.set({ consumer }, lag.events);
        lagSeconds.set({ consumer }, lag.ms / 1000);
      }
    },
  };
};

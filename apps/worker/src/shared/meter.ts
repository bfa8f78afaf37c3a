import { attentionCodes, processRoles, type Cause, type SystemStatus } from '@rekey/schema';
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/** What happens, as the parts of the worker tell it. */
export interface Meter {
  /** A rotate request is over: `done`, `not-done` or `unknown`. */
  rotated(outcome: 'done' | 'not-done' | 'unknown'): void;
  /** The outcome of a rotation is unknown, also where another worker sent it. */
  unknown(): void;
  /** An assistant was asked for: `read` or `not-read`. */
  read(outcome: 'read' | 'not-read'): void;
  published(cause: Cause, removed: boolean): void;
  staleRead(): void;
  /** Upstream has refused a request for coming too soon (429). */
  limited(): void;
  swept(word: string, count: number): void;
  /** A live consumer has acknowledged a key, so long after upstream has answered it. */
  propagated(consumer: string, ms: number): void;
  /**
   * How far a consumer is behind; undefined if none of its instances is live. What these could not apply, and
   * what they have refused since they started.
   */
  lag(
    consumer: string,
    lag: { events: number; ms: number } | undefined,
    counts: { unapplied: number; refused: number },
  ): void;
}

export interface Metrics extends Meter {
  /** In the text format of Prometheus. */
  render(): Promise<string>;
}

/**
 * `status` is asked at each rendering; where it rejects, what comes of it is left out. `clockOffsetMs`: by
 * how much the clock of Redis is off, while this worker does not trust it. `droppedLogLines`: the number of
 * lines that standard output did not take.
 */
export const createMetrics = (
  status: () => Promise<SystemStatus>,
  clockOffsetMs: () => number | undefined = () => undefined,
  droppedLogLines: () => number = () => 0,
): Metrics => {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const counter = (name: string, help: string, labelNames: string[] = []) =>
    new Counter({ name, help, labelNames, registers });
  const gauge = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name, help, labelNames, registers });

  const rotated = counter('rekey_rotate_requests_total', 'Rotate requests by what became of them', [
    'outcome',
  ]);
  const unknown = counter('rekey_unknown_outcomes_total', 'Rotations whose outcome was unknown for a time');
  const read = counter('rekey_read_requests_total', 'Reads of one assistant', ['outcome']);
  const published = counter('rekey_key_versions_total', 'Key versions published', ['cause', 'removed']);
  const stale = counter('rekey_stale_reads_total', 'Reads that showed a key older than the one published');
  const limited = counter(
    'rekey_limited_requests_total',
    'Requests that upstream refused for coming too soon (429)',
  );
  const swept = counter('rekey_swept_total', 'Assistants that sweeps compared, by what came of it', [
    'result',
  ]);
  const propagation = new Histogram({
    name: 'rekey_propagation_seconds',
    help: "From upstream's answer to a rotation until a consumer has acknowledged the key",
    labelNames: ['consumer'],
    registers,
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60],
  });
  const live = gauge('rekey_consumer_live', '1 while an instance of the consumer is live', ['consumer']);
  const lagEvents = gauge(
    'rekey_consumer_lag_events',
    'Events that the slowest live instance of the consumer has still to apply',
    ['consumer'],
  );
  const unappliedEvents = gauge(
    'rekey_consumer_unapplied_events',
    'What the live instances of the consumer could not apply since their last snapshot',
    ['consumer'],
  );
  const refusedEvents = gauge(
    'rekey_consumer_refused_events',
    'What the live instances of the consumer have refused since they started, forged events among it',
    ['consumer'],
  );
  const lagSeconds = gauge('rekey_consumer_lag_seconds', 'For how long the oldest of them has been waiting', [
    'consumer',
  ]);
  const attention = gauge(
    'rekey_needs_operator',
    'Items that need an operator, as rekey status lists them, by code',
    ['code'],
  );
  const processes = gauge('rekey_live_processes', 'Processes of Rekey that are live', ['role']);
  const lastSweep = gauge(
    'rekey_last_successful_sweep_timestamp_seconds',
    'When the last sweep of everything that succeeded ended; 0 if none has',
  );
  const ledgerGauges = {
    attention,
    processes,
    lastSweep,
    frozen: gauge('rekey_frozen', '1 while rotations are frozen'),
    openRotations: gauge('rekey_open_rotations', 'Rotations that have not ended'),
    openIntents: gauge('rekey_open_intents', 'Rotate requests under way or of unknown outcome', ['org']),
    uncertain: gauge(
      'rekey_uncertain_assistants',
      'Assistants of which it is not known whether the published key is in force',
    ),
    oldestUncertain: gauge(
      'rekey_oldest_uncertain_seconds',
      'For how long the oldest of them has been uncertain',
    ),
    quarantined: gauge('rekey_quarantined_assistants', 'Assistants whose ledger entry cannot be read'),
    checksDue: gauge('rekey_checks', 'Assistants that are to be read and compared'),
  };

  const logLinesDropped = counter(
    'rekey_log_lines_dropped_total',
    'Log lines that standard output did not take: a full disk, or a log reader that is gone or does not read',
  );
  const clockDoubted = gauge(
    'rekey_clock_doubted',
    '1 while this worker does not trust the clock of Redis, and sends no rotate request',
  );
  const clockOffset = gauge(
    'rekey_clock_offset_seconds',
    'By how much the clock of Redis is ahead of what this worker expects; 0 while it is trusted',
  );

  const ask = async () => {
    const now = await status();
    for (const code of attentionCodes)
      attention.set({ code }, now.attention.filter((item) => item.code === code).length);
    for (const role of processRoles)
      processes.set(
        { role },
        now.processes.filter(({ live: isLive, roles }) => isLive && roles.includes(role)).length,
      );
    lastSweep.set((now.lastSuccess?.endedMs ?? 0) / 1000);
    ledgerGauges.frozen.set(now.frozen ? 1 : 0);
    ledgerGauges.openRotations.set(now.rotations.open);
    ledgerGauges.openIntents.reset();
    for (const { orgId, count } of now.openIntents) ledgerGauges.openIntents.set({ org: orgId }, count);
    ledgerGauges.uncertain.set(now.uncertainCount);
    const oldestMs = now.uncertain[0]?.sinceMs;
    ledgerGauges.oldestUncertain.set(oldestMs === undefined ? 0 : Math.max(Date.now() - oldestMs, 0) / 1000);
    ledgerGauges.quarantined.set(now.quarantinedCount);
    ledgerGauges.checksDue.set(now.checksDue);
  };

  return {
    rotated: (outcome) => rotated.inc({ outcome }),
    unknown: () => unknown.inc(),
    read: (outcome) => read.inc({ outcome }),
    published: (cause, removed) => published.inc({ cause, removed: String(removed) }),
    staleRead: () => stale.inc(),
    limited: () => limited.inc(),
    swept: (result, count) => swept.inc({ result }, count),
    propagated: (consumer, ms) => propagation.observe({ consumer }, ms / 1000),
    lag: (consumer, lag, { unapplied, refused }) => {
      unappliedEvents.set({ consumer }, unapplied);
      refusedEvents.set({ consumer }, refused);
      live.set({ consumer }, lag ? 1 : 0);
      lagEvents.set({ consumer }, lag?.events ?? 0);
      lagSeconds.set({ consumer }, (lag?.ms ?? 0) / 1000);
    },
    render: async () => {
      logLinesDropped.reset();
      logLinesDropped.inc(droppedLogLines());
      clockDoubted.set(clockOffsetMs() === undefined ? 0 : 1);
      clockOffset.set((clockOffsetMs() ?? 0) / 1000);
      await ask().catch(() => Object.values(ledgerGauges).forEach((one) => one.reset()));
      return registry.metrics();
    },
  };
};

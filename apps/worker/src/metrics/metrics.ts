import { attentionCodes, processRoles, type AttentionCode, type SystemStatus } from '@rekey/schema';
import { Registry, collectDefaultMetrics } from 'prom-client';
import { createArchiveGauges } from './archive-gauges.ts';
import { createConsumerMeter } from './consumer-meter.ts';
import { byLabel } from './labels.ts';
import type { Meter } from './meter.ts';
import { createFactory, type Factory } from './metric-factory.ts';

export interface Metrics extends Meter {
  /** In the text format of Prometheus. */
  render(): Promise<string>;
}

interface MetricsSources {
  /** Called at each rendering. If it rejects, the metrics that follow from it are reset. */
  status: () => Promise<SystemStatus>;
  /** By how much the clock of Redis is off while this worker does not trust it. */
  clockOffsetMs?: () => number | undefined;
  /** What this worker does not believe of the registry of consumers. */
  registryProblems?: () => readonly { code: AttentionCode }[];
  /** The number of lines that standard output did not take. */
  droppedLogLines?: () => number;
}

export const createMetrics = ({
  status,
  clockOffsetMs = () => undefined,
  registryProblems = () => [],
  droppedLogLines = () => 0,
}: MetricsSources): Metrics => {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const make = createFactory(registry);
  const meter = { ...createRequestMeter(make), ...createConsumerMeter(make) };
  const [ledger, archive] = [createLedgerGauges(make), createArchiveGauges(make)];
  const setProcess = createProcessMetrics(make);
  const setUntrusted = createRegistryGauge(make);
  return {
    ...meter,
    render: async () => {
      setProcess(clockOffsetMs(), droppedLogLines());
      setUntrusted(registryProblems());
      await status()
        .then((now) => [ledger, archive].forEach((gauges) => gauges.set(now)))
        .catch(() => [ledger, archive].forEach((gauges) => gauges.reset()));
      return registry.metrics();
    },
  };
};

const createRequestMeter = ({
  counter,
}: Factory): Omit<Meter, 'propagated' | 'consumers' | 'refusedAcknowledgements'> => {
  const rotated = counter('rekey_rotate_requests_total', 'Rotate requests by outcome', ['outcome']);
  const unknown = counter('rekey_unknown_outcomes_total', 'Rotations whose outcome was unknown for a time');
  const read = counter('rekey_read_requests_total', 'Reads of one assistant', ['outcome']);
  const published = counter('rekey_key_versions_total', 'Key versions published', ['cause', 'removed']);
  const stale = counter('rekey_stale_reads_total', 'Reads that showed a key older than the one published');
  const limited = counter(
    'rekey_limited_requests_total',
    'Requests that upstream refused as too frequent (429)',
  );
  const swept = counter('rekey_swept_total', 'Assistants that sweeps compared, by result', ['result']);
  const misplaced = counter(
    'rekey_records_misplaced_total',
    'Published records that were found under another assistant or org',
  );
  return {
    misplaced: (count) => misplaced.inc(count),
    rotated: (outcome) => rotated.inc({ outcome }),
    unknown: () => unknown.inc(),
    read: (outcome) => read.inc({ outcome }),
    published: (cause, removed) => published.inc({ cause, removed: String(removed) }),
    staleRead: () => stale.inc(),
    limited: () => limited.inc(),
    swept: (result, count) => swept.inc({ result }, count),
  };
};

const createLedgerGauges = ({ gauge }: Factory) => {
  const gauges = {
    attention: gauge(
      'rekey_needs_operator',
      'Items that need an operator, as rekey status lists them, by code',
      ['code'],
    ),
    processes: gauge('rekey_live_processes', 'Processes of Rekey that are live', ['role']),
    lastSweep: gauge(
      'rekey_last_successful_sweep_timestamp_seconds',
      'When the last successful sweep of all orgs ended; 0 if there is none',
    ),
    frozen: gauge('rekey_frozen', '1 while rotations are frozen'),
    openRotations: gauge('rekey_open_rotations', 'Rotations that have not ended'),
    openIntents: gauge('rekey_open_intents', 'Rotate requests in flight or with an unknown outcome', ['org']),
    uncertain: gauge('rekey_uncertain_assistants', 'Assistants whose published key may not be in force'),
    oldestUncertain: gauge(
      'rekey_oldest_uncertain_seconds',
      'How long the oldest of these has been uncertain',
    ),
    quarantined: gauge('rekey_quarantined_assistants', 'Assistants whose ledger entry cannot be read'),
    checksDue: gauge('rekey_checks', 'Assistants that are to be read and compared'),
  };
  return {
    set: (now: SystemStatus): void => {
      for (const code of attentionCodes)
        gauges.attention.set({ code }, now.attention.filter((item) => item.code === code).length);
      for (const role of processRoles)
        gauges.processes.set(
          { role },
          now.processes.filter(({ live, roles }) => live && roles.includes(role)).length,
        );
      gauges.lastSweep.set((now.lastSuccess?.endedMs ?? 0) / 1000);
      gauges.frozen.set(now.frozen ? 1 : 0);
      gauges.openRotations.set(now.rotations.open);
      gauges.openIntents.reset();
      const counts = now.openIntents.map(({ orgId, count }) => [orgId, count] as const);
      for (const [org, count] of byLabel(counts, Number, (one, another) => one + another))
        gauges.openIntents.set({ org }, count);
      gauges.uncertain.set(now.uncertainCount);
      const oldestMs = now.uncertain[0]?.sinceMs;
      gauges.oldestUncertain.set(oldestMs === undefined ? 0 : Math.max(Date.now() - oldestMs, 0) / 1000);
      gauges.quarantined.set(now.quarantinedCount);
      gauges.checksDue.set(now.checksDue);
    },
    reset: (): void => Object.values(gauges).forEach((one) => one.reset()),
  };
};

/** By code: no name and no text from Redis becomes a label. */
const createRegistryGauge = ({ gauge }: Factory) => {
  const untrusted = gauge(
    'rekey_registry_untrusted',
    'What this worker cannot verify of the registry of consumers, or has put back within a day',
    ['why'],
  );
  return (problems: readonly { code: AttentionCode }[]): void => {
    untrusted.reset();
    for (const { code } of problems) untrusted.inc({ why: code });
  };
};

const createProcessMetrics = ({ counter, gauge }: Factory) => {
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
  return (clockOffsetMs: number | undefined, droppedLogLines: number): void => {
    logLinesDropped.reset();
    logLinesDropped.inc(droppedLogLines);
    clockDoubted.set(clockOffsetMs === undefined ? 0 : 1);
    clockOffset.set((clockOffsetMs ?? 0) / 1000);
  };
};

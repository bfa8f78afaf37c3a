import type { ReportDeps } from './report-deps.ts';

type Labels = Record<string, string | number>;
type Sample = [labels: Labels, value: number];

const labelText = (labels: Labels): string => {
  const pairs = Object.entries(labels).map(
    ([name, value]) =>
      `${name}="${String(value).replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`,
  );
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
};

const family = (name: string, type: 'gauge' | 'counter', help: string, samples: Iterable<Sample>): string =>
  `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${[...samples]
    .map(([labels, value]) => `${name}${labelText(labels)} ${value}\n`)
    .join('')}`;

const one = (value: number | boolean): Sample[] => [[{}, Number(value)]];

/** Labels are the outputs of the configuration, routes and statuses: none comes from a caller. */
export const renderMetrics = (deps: ReportDeps): string => {
  const { keys, counts, listeners, streams } = deps;
  const { ageMs, upToDate, source, revoked, connected } = keys.freshness();
  return [
    family('rekey_agent_keys', 'gauge', 'Held keys.', one(keys.keys.size)),
    family('rekey_agent_age_seconds', 'gauge', 'How old the held keys may be.', one(ageMs / 1000)),
    family('rekey_agent_up_to_date', 'gauge', '1 if the held keys are up to date.', one(upToDate)),
    family(
      'rekey_agent_from_cache',
      'gauge',
      '1 if the keys are those of the cache.',
      one(source === 'cache'),
    ),
    family('rekey_agent_revoked', 'gauge', '1 if the consumer gets no new keys.', one(revoked)),
    family('rekey_agent_connected', 'gauge', '1 if connected to Redis or the gateway.', one(connected)),
    family(
      'rekey_agent_unapplied',
      'gauge',
      'Events and assistants that could not be applied.',
      one(keys.keys.unapplied.count),
    ),
    family(
      'rekey_agent_requests_total',
      'counter',
      'Answered requests.',
      [...counts.entries()].map(([{ route, status }, value]): Sample => [{ route, status }, value]),
    ),
    family('rekey_agent_connections', 'gauge', 'Open connections.', one(sum(listeners, 'connections'))),
    family(
      'rekey_agent_connections_refused_total',
      'counter',
      'Connections beyond max_connections, or closed for others.',
      one(sum(listeners, 'refused')),
    ),
    family('rekey_agent_event_streams', 'gauge', 'Open event streams.', one(streams.size)),
    ...outputMetrics(deps),
    ...cacheMetrics(deps),
  ].join('');
};

const sum = (listeners: ReportDeps['listeners'], field: 'connections' | 'refused'): number =>
  listeners.reduce((total, listener) => total + listener[field], 0);

const outputMetrics = ({ outputs }: ReportDeps): string[] => {
  const of = (value: (output: ReportDeps['outputs'][number]) => number | undefined): Sample[] =>
    outputs.flatMap((output) => {
      const now = value(output);
      return now === undefined ? [] : [[{ output: output.name }, now] as Sample];
    });
  return [
    family(
      'rekey_agent_output_failed',
      'gauge',
      '1 if the output does not show the held keys.',
      of((output) => (output.failure() ? 1 : 0)),
    ),
    family(
      'rekey_agent_output_written_timestamp_seconds',
      'gauge',
      'When the output last showed the held keys.',
      of((output) => scaled(output.counts().writtenAtMs)),
    ),
    family(
      'rekey_agent_output_writes_total',
      'counter',
      'Replaced contents.',
      of((output) => output.counts().writes),
    ),
    family(
      'rekey_agent_output_write_failures_total',
      'counter',
      'Failed writes.',
      of((output) => output.counts().writeFailures),
    ),
    family(
      'rekey_agent_output_reloads_total',
      'counter',
      'Commands that ended with 0, and signals.',
      of((output) => output.counts().reloads),
    ),
    family(
      'rekey_agent_output_reload_failures_total',
      'counter',
      'Failed commands and signals.',
      of((output) => output.counts().reloadFailures),
    ),
  ];
};

const scaled = (ms: number | undefined): number | undefined => (ms === undefined ? undefined : ms / 1000);

const cacheMetrics = ({ cache }: ReportDeps): string[] =>
  cache === undefined
    ? []
    : [
        family(
          'rekey_agent_cache_written_timestamp_seconds',
          'gauge',
          'When the cache was written; 0 if it was not.',
          one((cache.writtenAtMs() ?? 0) / 1000),
        ),
        family(
          'rekey_agent_cache_failures_total',
          'counter',
          'Failed writes of the cache.',
          one(cache.failures()),
        ),
      ];

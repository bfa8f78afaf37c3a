import { renderMetrics } from './metrics.ts';
import type { ReportDeps } from './report-deps.ts';

/** What the agent says of itself. */
export interface Report {
  /** Healthy: the keys are up to date, and no output has failed. */
  health(): { isHealthy: boolean; json: string };
  /** The Prometheus text format. */
  metrics(): string;
}

export const createReport = (deps: ReportDeps): Report => ({
  health: () => healthOf(deps),
  metrics: () => renderMetrics(deps),
});

const healthOf = (deps: ReportDeps): { isHealthy: boolean; json: string } => {
  const { keys, cache } = deps;
  const { upToDate, ageMs, source, connected, revoked, tooOld, fault } = keys.freshness();
  const { failed, pending, late } = outputsOf(deps);
  const isHealthy = upToDate && failed.length + pending.length + late.length === 0;
  let status = isHealthy ? 'ok' : 'output-failed';
  if (failed.length === 0 && late.length > 0) status = 'output-late';
  if (failed.length === 0 && pending.length > 0) status = 'starting';
  if (!upToDate) status = revoked ? 'revoked' : 'stale';
  return {
    isHealthy,
    json: `${JSON.stringify({
      status,
      age_ms: ageMs,
      source,
      // Whether requests are refused because of the age.
      too_old: tooOld,
      connected,
      revoked,
      keys: keys.keys.size,
      unapplied: keys.keys.unapplied.count,
      ...(fault !== undefined && { fault }),
      ...(failed.length > 0 && { failed_outputs: failed }),
      ...(pending.length > 0 && { pending_outputs: pending }),
      ...(late.length > 0 && { late_outputs: late }),
      ...(cache?.failure() && { cache_failure: cache.failure() }),
    })}\n`,
  };
};

/** The outputs that do not show the held keys: failed, not written since the start, or late. */
const outputsOf = ({ outputs, staleAfterMs }: ReportDeps) => {
  const nowMs = performance.now();
  const failed = outputs.flatMap((output) => {
    const failure = output.failure();
    const failedForMs = failure && Math.round(nowMs - failure.sinceMs);
    return failure ? [{ output: output.name, why: failure.why, failed_for_ms: failedForMs }] : [];
  });
  const pending = outputs.filter((output) => output.counts().writtenAtMs === undefined);
  const late = outputs.filter((output) => nowMs - (output.dueSinceMs() ?? nowMs) > staleAfterMs);
  return { failed, pending: pending.map(({ name }) => name), late: late.map(({ name }) => name) };
};

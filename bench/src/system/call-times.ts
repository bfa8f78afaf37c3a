/** How long calls of a method took at the gateway, from their arrival to their status, by its own metric. */
interface CallTimes {
  count: number;
  sumMs: number;
  /** How many took no longer than this many ms, by that bound. */
  within: ReadonlyMap<number, number>;
}

const METRIC = 'rekey_gateway_call_duration_seconds';

/** The calls so far. `healthAddress`: of a gateway with GATEWAY_HEALTH_ADDRESS. */
export const readCallTimes = async (healthAddress: string, method: string): Promise<CallTimes> => {
  const text = await (await fetch(`http://${healthAddress}/metrics`)).text();
  const lines = text
    .split('\n')
    .filter((line) => line.startsWith(METRIC) && line.includes(`method="${method}"`));
  const valueOf = (line: string | undefined): number => Number(line?.split(' ').at(-1) ?? 0);
  const within = lines.flatMap((line): [number, number][] => {
    const [, bound] = /le="([\d.]+)"/.exec(line) ?? [];
    return bound === undefined ? [] : [[1000 * Number(bound), valueOf(line)]];
  });
  return {
    count: valueOf(lines.find((line) => line.startsWith(`${METRIC}_count`))),
    sumMs: 1000 * valueOf(lines.find((line) => line.startsWith(`${METRIC}_sum`))),
    within: new Map(within),
  };
};

/**
 * The calls between two readings: their mean, the share that took no longer than `limitMs`, a bound of the
 * metric, and a percentile, interpolated between bounds as Prometheus does it.
 */
export const timesBetween = (
  before: CallTimes,
  after: CallTimes,
  { share, limitMs }: { share: number; limitMs: number },
): { meanMs: number; percentileMs: number; withinLimit: number } => {
  const count = after.count - before.count;
  const bounds = [...after.within.keys()].toSorted((a, b) => a - b);
  const held = (bound: number) => (after.within.get(bound) ?? 0) - (before.within.get(bound) ?? 0);
  const at = bounds.findIndex((bound) => held(bound) >= share * count);
  const [low, high] = [bounds[at - 1] ?? 0, bounds[at] ?? Infinity];
  const [below, upTo] = [held(low), held(high)];
  return {
    meanMs: (after.sumMs - before.sumMs) / count,
    percentileMs: low + ((high - low) * (share * count - below)) / (upTo - below),
    withinLimit: held(limitMs) / count,
  };
};

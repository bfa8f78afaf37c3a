import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export type Factory = ReturnType<typeof createFactory>;

/** Makes the metrics of a registry. */
export const createFactory = (registry: Registry) => {
  const registers = [registry];
  return {
    counter: (name: string, help: string, labelNames: string[] = []) =>
      new Counter({ name, help, labelNames, registers }),
    gauge: (name: string, help: string, labelNames: string[] = []) =>
      new Gauge({ name, help, labelNames, registers }),
    histogram: (name: string, help: string, labelNames: string[], buckets: number[]) =>
      new Histogram({ name, help, labelNames, registers, buckets }),
  };
};

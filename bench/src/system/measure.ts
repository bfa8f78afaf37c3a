import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';

/** CPU seconds of all threads of a process, as the kernel counts them (100 ticks a second). */
export const cpuSeconds = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
};

export const redisCpuSeconds = async (redis: Redis): Promise<number> => {
  const info = await redis.info('cpu');
  return Number(/used_cpu_sys:([\d.]+)/.exec(info)![1]) + Number(/used_cpu_user:([\d.]+)/.exec(info)![1]);
};

export const median = (values: number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};

export const percentile = (values: number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(Math.floor(values.length * share), values.length - 1)]!;

/** A percentile of `b` less that of `a`, and the interval that holds it in 95 % of resamples. */
export interface Difference {
  value: number;
  low: number;
  high: number;
}

const RESAMPLES = 400;
/** Turns of one block: what disturbs a machine lasts for more than one call. */
const BLOCK = 50;

const percentileOf = (values: Float64Array, share: number): number =>
  values.toSorted()[Math.min(Math.floor(values.length * share), values.length - 1)]!;

/** Of calls that took turns: resamples blocks of turns, so that both lose and gain the same moments. */
export const differenceOf = (a: number[], b: number[], share: number): Difference => {
  const blocks = Math.floor(a.length / BLOCK);
  const [sampleA, sampleB] = [new Float64Array(blocks * BLOCK), new Float64Array(blocks * BLOCK)];
  const differences = new Float64Array(RESAMPLES);
  for (let i = 0; i < RESAMPLES; i += 1) {
    for (let block = 0; block < blocks; block += 1) {
      const from = Math.floor(Math.random() * blocks) * BLOCK;
      for (let turn = 0; turn < BLOCK; turn += 1) {
        sampleA[block * BLOCK + turn] = a[from + turn]!;
        sampleB[block * BLOCK + turn] = b[from + turn]!;
      }
    }
    differences[i] = percentileOf(sampleB, share) - percentileOf(sampleA, share);
  }
  return {
    value: percentile(b, share) - percentile(a, share),
    low: percentileOf(differences, 0.025),
    high: percentileOf(differences, 0.975),
  };
};

/** Runs `task` for 0 … count-1, `width` tasks at a time. */
export const runInFlight = async (
  count: number,
  width: number,
  task: (index: number) => Promise<void>,
): Promise<void> => {
  let next = 0;
  const lane = async () => {
    while (next < count) await task(next++);
  };
  await Promise.all(Array.from({ length: width }, lane));
};

/** The highest resident memory of a process so far. */
export const peakRssBytes = (pid: number): number =>
  1024 * Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]);

/** The resident memory of a process now. */
export const rssBytes = (pid: number): number =>
  1024 * Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]);

export const redisUsedBytes = async (redis: Redis): Promise<number> =>
  Number(/used_memory:(\d+)/.exec(await redis.info('memory'))![1]);

import { basename, dirname } from 'node:path';
import type { Logger } from '@rekey/runtime';
import type { Keys } from '@rekey/subscriber';
import { whyOf } from '../agent-error.ts';
import { removeLeftovers, replaceFile } from '../outputs/atomic-file.ts';
import { sealCache, type CacheOwner } from './cache-file.ts';

/** Keeps the cache on disk in step with the held keys, every minute or so. */
export interface AgentCache {
  failure(): string | undefined;
  failures(): number;
  writtenAtMs(): number | undefined;
  /** Writes it a last time. */
  close(): Promise<void>;
}

/** Writing takes a hundredth of the time at most. */
const REST_FACTOR = 100;

export const startCache = (
  { path, every }: { path: string; every: number },
  owner: CacheOwner,
  keys: Keys,
  logger: Logger,
): AgentCache => {
  let failure: string | undefined;
  let failures = 0;
  let writtenAtMs: number | undefined;
  let writing: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  const write = async (): Promise<void> => {
    const { restored, behindMs } = keys.freshness();
    // The file has these keys, and says rightly how old they are.
    if (restored) return;
    const provenAtMs = Math.max(0, Math.floor(Date.now() - behindMs));
    try {
      await replaceFile(path, sealCache(owner, keys, provenAtMs), { mode: 0o600 });
      failure = undefined;
      writtenAtMs = Date.now();
    } catch (error) {
      failures += 1;
      const why = whyOf(error);
      if (why !== failure) logger.event('agent_cache_failed', { why });
      failure = why;
    }
  };
  const turn = async (): Promise<void> => {
    const beganMs = performance.now();
    writing = write();
    await writing;
    writing = undefined;
    if (!closed) timer = setTimeout(turn, Math.max(every, REST_FACTOR * (performance.now() - beganMs)));
  };
  const start = async (): Promise<void> => {
    await removeLeftovers(dirname(path), basename(path));
    if (!closed) await turn();
  };
  // From a cache, the first snapshot is what there is to write.
  keys.once('fresh', () => {
    if (timer === undefined || writtenAtMs !== undefined || closed || writing) return;
    clearTimeout(timer);
    void turn();
  });
  const starting = start();

  return {
    failure: () => failure,
    failures: () => failures,
    writtenAtMs: () => writtenAtMs,
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await starting;
      await writing;
      await write();
    },
  };
};

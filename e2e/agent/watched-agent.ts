import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask, keyInFile } from './agent-system.ts';

const USER = 'user-42';
const EVERY_MS = 50;
const ANSWERS_WITHIN_MS = 1000;
/** Between the clock of the agent and that of the spec. */
const SLACK_MS = 150;

/** What an agent said and showed of one assistant. */
interface Sample {
  atMs: number;
  endMs: number;
  /** Undefined if it did not answer. */
  health: number | undefined;
  hash: string | undefined;
  ageMs: number;
  source: string | undefined;
  /** In its file, and in its folder of files. */
  inFiles: (string | undefined)[];
}

/** From when on a key was published, until the next rotation began. */
export interface Phase {
  key: string;
  fromMs: number;
  untilMs: number;
}

interface Places {
  socket: string;
  file: string;
  keyFile: string;
}

export const hashOf = (key: string): string => createHmac('sha256', key).update(USER).digest('hex');

const answered = <T>(work: Promise<T>): Promise<T | undefined> =>
  Promise.race([work.catch(() => undefined), sleep(ANSWERS_WITHIN_MS, undefined)]);

const sampleOf = async (assistantId: string, { socket, file, keyFile }: Places): Promise<Sample> => {
  const atMs = performance.now();
  const path = `/v1/assistants/${assistantId}/user-hash`;
  const signed = await answered(ask(socket, 'POST', path, { user_id: USER }));
  const health = await answered(ask(socket, 'GET', '/healthz'));
  const { user_hash: hash, age_ms: ageMs, source } = signed?.json ?? {};
  const inFiles = [
    await keyInFile(file, assistantId).catch(() => undefined),
    await readFile(keyFile, 'utf8').catch(() => undefined),
  ];
  return { atMs, endMs: performance.now(), health: health?.status, hash, ageMs, source, inFiles };
};

/** Looks at an agent all the time, whatever happens to it. */
export const watchAgent = (assistantId: string, places: Places) => {
  const samples: Sample[] = [];
  let isOver = false;
  const watching = (async () => {
    for (;;) {
      samples.push(await sampleOf(assistantId, places));
      await sleep(EVERY_MS);
      if (isOver) return;
    }
  })();
  return {
    samples,
    stop: async (): Promise<void> => {
      isOver = true;
      await watching;
    },
  };
};

/**
 * The samples that were stale in silence: a hash by an earlier key whose age does not say so, or files with
 * an earlier key for longer than `stale_after` while /healthz is 200. `history`: all keys, oldest first.
 */
export const silentlyStale = (
  samples: readonly Sample[],
  phases: readonly Phase[],
  { history, staleAfterMs }: { history: readonly string[]; staleAfterMs: number },
) => {
  const hashes = history.map(hashOf);
  return phases.flatMap(({ key, fromMs, untilMs }) => {
    const published = history.lastIndexOf(key);
    return samples
      .filter(({ atMs, endMs, health, hash, ageMs, inFiles }) => {
        if (atMs < fromMs || endMs > untilMs) return false;
        const publishedForMs = atMs - fromMs;
        const isOlder = hash !== undefined && hashes.lastIndexOf(hash) < published;
        const showsOlder = inFiles.some((shown) => history.lastIndexOf(shown ?? '') < published);
        return (
          (isOlder && ageMs < publishedForMs - SLACK_MS) ||
          (showsOlder && health === 200 && publishedForMs > staleAfterMs + SLACK_MS)
        );
      })
      .map((sample) => ({ ...sample, publishedForMs: sample.atMs - fromMs }));
  });
};

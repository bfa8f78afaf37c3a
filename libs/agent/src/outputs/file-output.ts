import { lstat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Logger } from '@rekey/runtime';
import type { Keys } from '@rekey/subscriber';
import { whyOf } from '../agent-error.ts';
import { accountNumber } from '../config/accounts.ts';
import type { AgentConfig, FileOutput } from '../config/agent-config.ts';
import {
  digestOfFile,
  identityOf,
  removeLeftovers,
  replaceFile,
  syncFolder,
  type FileAccess,
} from './atomic-file.ts';
import { renderOf } from './formats.ts';
import type { Content } from './content.ts';
import { createKeyFiles } from './key-files.ts';
import { noCounts, type Output } from './output.ts';
import { createPacedRun } from '../stage/pace.ts';
import { reloadOf } from './reload.ts';
import { createStage } from '../stage/stage.ts';

/**
 * A file may take a fifth of a core in the long run, however often keys change. Changes that come one at a
 * time, or a few together, are written at once.
 */
const PACE = { share: 0.2, burstMs: 250 };
const LOOK_EVERY_MS = 5000;
/** At the end of the agent. */
const COMMAND_ENDS_WITHIN_MS = 5000;

export const accessOf = ({ mode, owner, group }: FileOutput): FileAccess => ({
  mode,
  uid: owner === undefined ? undefined : accountNumber('user', owner),
  gid: group === undefined ? undefined : accountNumber('group', group),
});

const wholeFile = (file: FileOutput, access: FileAccess): Content => {
  const render = renderOf(file);
  let digest: string | undefined;
  let identity: string | undefined;
  const isIntact = async () => identity !== undefined && identity === (await identityOf(file.path));
  const folder = dirname(file.path);
  let isFirst = true;
  /** Until the folder is synced, whatever the runs before have changed counts. */
  let [hasChanged, isSynced] = [false, false];
  return {
    path: file.path,
    write: async (keys) => {
      if (isFirst) await removeLeftovers(folder, basename(file.path));
      isFirst = false;
      const finding = identityOf(file.path);
      const comparing = finding.then((found) =>
        identity !== undefined && found === identity ? digest : digestOfFile(file.path, access),
      );
      const options = { unless: comparing, syncsFolder: false };
      const written = await replaceFile(file.path, render(keys), access, options);
      const isNew = written.digest !== (await comparing);
      digest = written.digest;
      identity = written.identity ?? (await finding);
      if (isNew) [hasChanged, isSynced] = [true, false];
      // An agent before this one may have ended before it did.
      if (!isSynced) await syncFolder(folder);
      const changed = hasChanged;
      [hasChanged, isSynced] = [false, true];
      return changed;
    },
    isIntact,
  };
};

const contentOf = (file: FileOutput, config: FileOutputConfig, logger: Logger): Content => {
  const access = accessOf(file);
  return file.format === 'key-files' ? createKeyFiles(file, access, config, logger) : wholeFile(file, access);
};

/**
 * Whether something was written after the time of which the cache is. An agent that was killed may have
 * written newer keys than the cache has.
 */
const isNewerThanCache = async ({ path }: Content, keys: Keys): Promise<boolean> => {
  const { restored, behindMs } = keys.freshness();
  if (!restored) return false;
  const found = await lstat(path).catch(() => undefined);
  return found !== undefined && found.mtimeMs > Date.now() - behindMs;
};

/** Leaves what may have newer keys than the cache as it is, until Rekey has been reached. */
const keepNewer = (content: Content, keys: Keys, onKept: () => void) => {
  let isKept = false;
  return {
    /** Whether Rekey has been reached since it was left. */
    isDue: () => isKept && !keys.freshness().restored,
    /** Resolves with whether anything has changed; undefined if it was left. */
    write: async (): Promise<boolean | undefined> => {
      const wasKept = isKept;
      isKept = await isNewerThanCache(content, keys);
      if (isKept && !wasKept) onKept();
      return isKept ? undefined : content.write(keys);
    },
  };
};

/** Another program may remove or change it. Returns what ends that. */
const lookFor = (
  { isIntact }: Content,
  { isDue }: ReturnType<typeof keepNewer>,
  onChanged: () => void,
): (() => void) => {
  const looking = setInterval(async () => {
    if (isDue() || (await isIntact?.()) === false) onChanged();
  }, LOOK_EVERY_MS).unref();
  return () => clearInterval(looking);
};

/** Runs the command or sends the signal after a file has changed. */
const reloadStage = (
  reload: NonNullable<ReturnType<typeof reloadOf>>,
  {
    name,
    counts,
    config,
    logger,
  }: { name: string; counts: ReturnType<typeof noCounts>; config: FileOutputConfig; logger: Logger },
  isBlocked: () => boolean,
) =>
  createStage({
    run: async () => {
      await reload.run();
      counts.reloads += 1;
      logger.event('agent_reload_done', { output: name });
    },
    quietMs: () => config.debounce,
    isBlocked,
    mostMs: config.debounce_max,
    whyOf,
    onFailure: (why) => logger.event('agent_reload_failed', { output: name, why }),
    onAttemptFailed: () => (counts.reloadFailures += 1),
  });

type FileOutputConfig = Pick<AgentConfig, 'consumer' | 'prefix' | 'debounce' | 'debounce_max'>;

/** A file, or a folder of files, and what runs after it has changed. Throws an AgentError. */
export const createFileOutput = (
  file: FileOutput,
  config: FileOutputConfig,
  keys: Keys,
  logger: Logger,
): Output => {
  const name = file.path;
  const content = contentOf(file, config, logger);
  const reload = reloadOf(file);
  const counts = noCounts();
  let [isFirst, isWriteDue] = [true, false];
  const kept = keepNewer(content, keys, () => logger.event('agent_output_kept', { output: name }));

  // A file that is about to change again needs no command in between.
  const reloading = reload && reloadStage(reload, { name, counts, config, logger }, () => isWriteDue);
  const writing = createStage({
    ...createPacedRun(PACE, async () => {
      const beganMs = performance.now();
      isWriteDue = false;
      const changed = await kept.write();
      if (changed === undefined) return;
      // An agent before this one may have ended between the file and its command.
      if (changed || isFirst) reloading?.request();
      isFirst = false;
      reloading?.touch();
      counts.writtenAtMs = Date.now();
      if (!changed) return;
      counts.writes += 1;
      logger.event('agent_output_written', { output: name, took_ms: msSince(beganMs) });
    }),
    // The file shows what was published until then.
    behindSinceMs: () => performance.now() - keys.freshness().behindMs,
    whyOf,
    onFailure: (why) => logger.event('agent_output_failed', { output: name, why }),
    onAttemptFailed: () => (counts.writeFailures += 1),
  });

  const ids = file.assistants && new Set(file.assistants);
  const request = (): void => {
    isWriteDue = true;
    writing.request();
    reloading?.touch();
  };
  const isAwaited = () => isWriteDue || (isFirst && !kept.isDue());
  const stopLooking = lookFor(content, kept, () => void (isAwaited() || request()));
  return {
    name,
    // Whatever its orgs are: an assistant may have left them.
    changed: (assistantId) => {
      if (assistantId === undefined || !ids || ids.has(assistantId)) request();
    },
    settled: async () => {
      // An acknowledgement is true of what is written.
      if (kept.isDue()) request();
      await writing.settled();
      await reloading?.settled();
    },
    dueSinceMs: () => writing.dueSinceMs,
    failure: () => writing.failure ?? reloading?.failure,
    counts: () => counts,
    close: async () => {
      stopLooking();
      await writing.close();
      const late = setTimeout(() => reload?.kill(), COMMAND_ENDS_WITHIN_MS);
      await reloading?.close();
      clearTimeout(late);
      await content.close?.();
    },
  };
};

const msSince = (ms: number): number => Math.round(performance.now() - ms);

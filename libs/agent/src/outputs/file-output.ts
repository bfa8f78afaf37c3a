import { basename, dirname } from 'node:path';
import type { Logger } from '@rekey/runtime';
import type { Keys } from '@rekey/subscriber';
import { whyOf } from '../agent-error.ts';
import { accountNumber } from '../config/accounts.ts';
import type { AgentConfig, FileOutput } from '../config/agent-config.ts';
import { digestOfFile, removeLeftovers, replaceFile, type FileAccess } from './atomic-file.ts';
import { renderOf } from './formats.ts';
import { createKeyFiles } from './key-files.ts';
import { noCounts, type Output } from './output.ts';
import { reloadOf } from './reload.ts';
import { createStage } from './stage.ts';

/** A file may take a tenth of the time at most, however often keys change. */
const REST_FACTOR = 9;
/** At the end of the agent. */
const COMMAND_ENDS_WITHIN_MS = 5000;

export const accessOf = ({ mode, owner, group }: FileOutput): FileAccess => ({
  mode,
  uid: owner === undefined ? undefined : accountNumber('user', owner),
  gid: group === undefined ? undefined : accountNumber('group', group),
});

/** Writes to disk what has changed. Resolves with whether anything has. */
type Write = (keys: Keys) => Promise<boolean>;

const wholeFile = (file: FileOutput, access: FileAccess): Write => {
  const render = renderOf(file);
  let written: string | undefined;
  return async (keys) => {
    const before = (written ??= await digestOfFile(file.path, access));
    written = await replaceFile(file.path, render(keys), access, before);
    return written !== before;
  };
};

/** A file, or a folder of files, and what runs after it has changed. Throws an AgentError. */
export const createFileOutput = (
  file: FileOutput,
  { debounce, debounce_max: debounceMax }: Pick<AgentConfig, 'debounce' | 'debounce_max'>,
  keys: Keys,
  logger: Logger,
): Output => {
  const name = file.path;
  const access = accessOf(file);
  const write = file.format === 'key-files' ? createKeyFiles(file, access) : wholeFile(file, access);
  const reload = reloadOf(file);
  const counts = noCounts();
  let isFirst = true;
  let isWriteDue = false;

  const reloading =
    reload &&
    createStage({
      run: async () => {
        await reload.run();
        counts.reloads += 1;
        logger.event('agent_reload_done', { output: name });
      },
      quietMs: debounce,
      // A file that is about to change again needs no command in between.
      isBlocked: () => isWriteDue,
      mostMs: debounceMax,
      whyOf,
      onFailure: (why) => logger.event('agent_reload_failed', { output: name, why }),
      onAttemptFailed: () => (counts.reloadFailures += 1),
    });
  const writing = createStage({
    run: async () => {
      const beganMs = performance.now();
      isWriteDue = false;
      if (isFirst) await removeLeftovers(...leftoversOf(file));
      const changed = await write(keys);
      // An agent before this one may have ended between the file and its command.
      if (changed || isFirst) reloading?.request();
      isFirst = false;
      reloading?.touch();
      counts.writtenAtMs = Date.now();
      if (!changed) return;
      counts.writes += 1;
      logger.event('agent_output_written', {
        output: name,
        took_ms: Math.round(performance.now() - beganMs),
      });
    },
    restFactor: REST_FACTOR,
    whyOf,
    onFailure: (why) => logger.event('agent_output_failed', { output: name, why }),
    onAttemptFailed: () => (counts.writeFailures += 1),
  });

  const ids = file.assistants && new Set(file.assistants);
  return {
    name,
    // Whatever its orgs are: an assistant may have left them.
    changed: (assistantId) => {
      if (assistantId !== undefined && ids && !ids.has(assistantId)) return;
      isWriteDue = true;
      writing.request();
      reloading?.touch();
    },
    settled: async () => {
      await writing.settled();
      await reloading?.settled();
    },
    failure: () => writing.failure ?? reloading?.failure,
    counts: () => counts,
    close: async () => {
      await writing.close();
      const late = setTimeout(() => reload?.kill(), COMMAND_ENDS_WITHIN_MS);
      await reloading?.close();
      clearTimeout(late);
    },
  };
};

const leftoversOf = ({ path, format }: FileOutput): [string, string?] =>
  format === 'key-files' ? [path] : [dirname(path), basename(path)];

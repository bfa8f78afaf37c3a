import type { BulkItem, BulkRotation, RekeyClient } from '@rekey/client';
import { isBulkEnded, type BulkItemState } from '@rekey/schema';
import { bulkText, isBulkStopped, itemLine } from './bulk-output.ts';
import { bulkJson } from './bulk-columns.ts';
import { createBulkDisplay } from './bulk-progress.ts';
import { CliError, exitCodes } from '../failure.ts';
import { isForPrograms, print, type OutputOptions } from '../output/format.ts';
import { NO_WORKER } from '../output/output.ts';
import { writeResultsFile, type ResultsOf } from './results-file.ts';
import { take } from '../take.ts';

export interface FollowBulkOptions extends OutputOptions {
  /** In seconds. Default: no limit. */
  timeout?: number;
  resultsFile?: string;
}

const SHOWN_INVALID = 10;
const ITEMS_PER_PAGE = 1000;
/** The gateway may be unavailable for a short time: a deployment, or a failover of Redis. */
const THROUGH_OUTAGES = { deadlineMs: 30_000, retry: { firstPauseMs: 250 } };

const ended = ({ state }: BulkRotation): boolean => isBulkEnded(state);

/** Which assistants of a bulk rotation. Default: all of them. */
interface WantedItems {
  state?: BulkItemState | undefined;
  /** How many at most. */
  limit?: number | undefined;
}

/** The assistants of a bulk rotation, a page at a time. */
export const itemsOf = (
  client: Pick<RekeyClient, 'bulkItems'>,
  id: string,
  { state, limit = Number.POSITIVE_INFINITY }: WantedItems = {},
): AsyncIterable<BulkItem> =>
  take(
    client.bulkItems(
      id,
      { pageSize: Math.min(limit, ITEMS_PER_PAGE), ...(state && { state }) },
      THROUGH_OUTAGES,
    ),
    limit,
  );

/** Writes the --results-file, if the option is given. */
export const writeResults = async (
  client: Pick<RekeyClient, 'bulkItems'>,
  bulk: ResultsOf,
  { resultsFile }: { resultsFile?: string },
  wanted?: WantedItems,
): Promise<void> => {
  if (resultsFile === undefined) return;
  const count = await writeResultsFile(resultsFile, bulk, itemsOf(client, bulk.id, wanted));
  process.stderr.write(`${count} assistants written to ${resultsFile}\n`);
};

/**
 * Shows a bulk rotation until it ends, stops, or the time-out passes. Then writes the results file, and
 * throws if it has not ended. Waits for a gateway that is unavailable for a short time. Ctrl-C ends the
 * command, not the bulk rotation.
 */
export const followBulk = async (
  client: RekeyClient,
  id: string,
  options: FollowBulkOptions,
): Promise<void> => {
  const interrupted = new AbortController();
  const onInterrupt = () => {
    if (interrupted.signal.aborted) process.exit(exitCodes.notEnded);
    interrupted.abort();
  };
  // Not `once`: the library that restores the terminal's cursor ends the process if it is the only listener.
  process.on('SIGINT', onInterrupt);
  try {
    const last = await watch(client, id, options, interrupted.signal);
    if (interrupted.signal.aborted) throw stillOpen(id, 'continues without this command.', 'INTERRUPTED');
    await writeResults(client, last, options);
    if (!isForPrograms(options)) process.stdout.write(`${bulkText(last)}\n`);
    await conclude(client, last, options);
  } finally {
    process.off('SIGINT', onInterrupt);
  }
};

const stillOpen = (id: string, what: string, reason: string): CliError =>
  new CliError(
    `${id} ${what} Follow it again: rekey bulk watch ${id}; ` +
      `stop it: rekey bulk pause ${id}, or rekey bulk cancel ${id}`,
    reason,
    exitCodes.notEnded,
  );

const watch = async (
  client: RekeyClient,
  id: string,
  { timeout, ...options }: FollowBulkOptions,
  interrupted: AbortSignal,
): Promise<BulkRotation> => {
  const display = createBulkDisplay({ ...options, stdout: process.stdout, stderr: process.stderr });
  const signal =
    timeout === undefined ? interrupted : AbortSignal.any([interrupted, AbortSignal.timeout(timeout * 1000)]);
  let last: BulkRotation | undefined;
  const show = (bulk: BulkRotation) => {
    last = bulk;
    display.show(bulk);
  };
  const states = client.watchBulkRotation(id, {
    untilStopped: true,
    onDisconnect: () => display.away(),
    onReconnect: show,
    signal,
  });
  try {
    try {
      for await (const bulk of states) show(bulk);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    // The time-out may have passed before the first response: show the state once in that case too.
    if (!last && !interrupted.aborted) show(await client.getBulkRotation(id));
    return last!;
  } finally {
    display.close();
  }
};

/** Of an ended bulk rotation: whether every assistant succeeded, and its published key is in force. */
const isFullSuccess = ({ state, counts, verification }: BulkRotation): boolean =>
  (state === 'COMPLETED' || state === 'VALIDATED') && counts.failed === 0 && !verification?.unverified;

/**
 * Sets the exit code of a command that requests a bulk rotation and does not follow it. An earlier identical
 * request may have created one that has ended or stopped since.
 */
export const setExitCode = (bulk: BulkRotation): void => {
  if (ended(bulk) && !isFullSuccess(bulk)) process.exitCode = exitCodes.failed;
  if (isBulkStopped(bulk)) process.exitCode = exitCodes.notEnded;
};

const conclude = async (
  client: RekeyClient,
  bulk: BulkRotation,
  { timeout, ...options }: FollowBulkOptions,
): Promise<void> => {
  const { id, state, stop, counts } = bulk;
  if (isBulkStopped(bulk)) {
    throw new CliError(
      `${id} is ${state}. ${stop?.message ?? ''} ${stop?.advice ?? ''} ` +
        `Resume it: rekey bulk resume ${id}; end it: rekey bulk cancel ${id}`,
      stop?.reason ?? 'NOT_ENDED',
      exitCodes.notEnded,
    );
  }
  if (!ended(bulk))
    throw stillOpen(
      id,
      `has not ended after ${timeout} s; ${bulk.noLiveWorker ? NO_WORKER : 'it is still in progress'}.`,
      'NOT_ENDED',
    );
  if (state === 'VALIDATED' && !isForPrograms(options)) await showInvalid(client, bulk);
  if (!isFullSuccess(bulk)) process.exitCode = exitCodes.failed;
  if (state === 'COMPLETED' && counts.failed > 0)
    process.stderr.write(
      `List the failed assistants: rekey bulk items ${id} --state failed; ` +
        `retry them: rekey bulk retry ${id}\n`,
    );
};

/** Shows the first few assistants of a dry run that cannot be rotated. */
const showInvalid = async (client: RekeyClient, { id, counts }: BulkRotation): Promise<void> => {
  if (!counts.failed) return;
  process.stdout.write('cannot be rotated:\n');
  let shown = 0;
  for await (const item of itemsOf(client, id, { state: 'FAILED', limit: SHOWN_INVALID })) {
    process.stdout.write(`  ${itemLine(item)}\n`);
    shown += 1;
  }
  if (counts.failed > shown)
    process.stdout.write(`  … and ${counts.failed - shown} more: rekey bulk items ${id} --state failed\n`);
};

/** Shows a bulk rotation, and the next command. */
export const showBulk = (options: OutputOptions, bulk: BulkRotation): void => {
  print(options, bulkJson(bulk), bulkText(bulk));
  const next = isBulkStopped(bulk) ? 'Resume it: rekey bulk resume' : 'Follow it: rekey bulk watch';
  if (!isForPrograms(options) && !ended(bulk)) process.stdout.write(`\n${next} ${bulk.id}\n`);
};

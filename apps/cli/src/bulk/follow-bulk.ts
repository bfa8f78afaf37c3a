import type { BulkItem, BulkRotation, RekeyClient } from '@rekey/client';
import { isBulkEnded, type BulkItemState } from '@rekey/schema';
import { bulkJson, bulkText, isBulkStopped, itemLine } from './bulk-output.ts';
import { createBulkDisplay } from './bulk-progress.ts';
import { CliError, exitCodes } from '../failure.ts';
import { print } from '../gateway-command.ts';
import { NO_WORKER } from '../output/output.ts';
import { writeResultsFile } from './results-file.ts';
import { take } from '../take.ts';

export interface FollowBulkOptions {
  json?: boolean;
  /** In seconds; for as long as it takes where not given. */
  timeout?: number;
  resultsFile?: string;
}

const SHOWN_INVALID = 10;
const ITEMS_A_PAGE = 1000;
/** A gateway may be away for a short time: a deployment, or Redis failing over. */
const PATIENTLY = { deadlineMs: 30_000, retry: { firstPauseMs: 250 } };

const ended = ({ state }: BulkRotation): boolean => isBulkEnded(state);

/** Which assistants of a bulk rotation: all of them where nothing is said. */
interface WantedItems {
  state?: BulkItemState | undefined;
  /** At most so many. */
  limit?: number | undefined;
}

/** The assistants of a bulk rotation, a page at a time. */
export const itemsOf = (
  client: Pick<RekeyClient, 'bulkItems'>,
  id: string,
  { state, limit = Number.POSITIVE_INFINITY }: WantedItems = {},
): AsyncIterable<BulkItem> =>
  take(
    client.bulkItems(id, { pageSize: Math.min(limit, ITEMS_A_PAGE), ...(state && { state }) }, PATIENTLY),
    limit,
  );

/** Writes --results-file where it is wanted. */
export const writeResults = async (
  client: Pick<RekeyClient, 'bulkItems'>,
  id: string,
  { resultsFile }: { resultsFile?: string },
  wanted?: WantedItems,
): Promise<void> => {
  if (resultsFile === undefined) return;
  const count = await writeResultsFile(resultsFile, itemsOf(client, id, wanted));
  process.stderr.write(`${count} assistants written to ${resultsFile}\n`);
};

/**
 * Shows a bulk rotation until it has ended, stands still, or the time is up, then writes what is wanted and
 * throws where it is not as asked. A gateway that is away for a short time is waited for. Ctrl-C ends the
 * command and not the bulk rotation.
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
  // Not `once`: what restores the cursor of a terminal ends the process where it finds itself the only one
  // that listens.
  process.on('SIGINT', onInterrupt);
  try {
    const last = await watch(client, id, options, interrupted.signal);
    if (interrupted.signal.aborted) throw goesOn(id, 'goes on without this command.', 'INTERRUPTED');
    await writeResults(client, id, options);
    if (!options.json) process.stdout.write(`${bulkText(last)}\n`);
    await conclude(client, last, options);
  } finally {
    process.off('SIGINT', onInterrupt);
  }
};

const goesOn = (id: string, what: string, reason: string): CliError =>
  new CliError(
    `${id} ${what} Follow it again: rekey bulk watch ${id}; stop it: rekey bulk pause ${id}, or rekey bulk cancel ${id}`,
    reason,
    exitCodes.notEnded,
  );

const watch = async (
  client: RekeyClient,
  id: string,
  { json = false, timeout }: FollowBulkOptions,
  interrupted: AbortSignal,
): Promise<BulkRotation> => {
  const display = createBulkDisplay({ json, stdout: process.stdout, stderr: process.stderr });
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
    // Before the first answer there is nothing to show of it; where the time was up at once, there is.
    if (!last && !interrupted.aborted) show(await client.getBulkRotation(id));
    return last!;
  } finally {
    display.close();
  }
};

/**
 * Of one that has ended: whether every assistant succeeded, and is known to hold the key that was published.
 */
const isAsAsked = ({ state, counts, verification }: BulkRotation): boolean =>
  (state === 'COMPLETED' || state === 'VALIDATED') && counts.failed === 0 && !verification?.unverified;

/**
 * Has a command that asked for a bulk rotation end as that did, if it has ended or is stopped: it may be one
 * that the same request made before.
 */
export const endAs = (bulk: BulkRotation): void => {
  if (ended(bulk) && !isAsAsked(bulk)) process.exitCode = exitCodes.failed;
  if (isBulkStopped(bulk)) process.exitCode = exitCodes.notEnded;
};

const conclude = async (
  client: RekeyClient,
  bulk: BulkRotation,
  { json, timeout }: FollowBulkOptions,
): Promise<void> => {
  const { id, state, stop, counts } = bulk;
  if (isBulkStopped(bulk)) {
    throw new CliError(
      `${id} is ${state}. ${stop?.message ?? ''} ${stop?.advice ?? ''} Go on: rekey bulk resume ${id}; end it: rekey bulk cancel ${id}`,
      stop?.reason ?? 'NOT_ENDED',
      exitCodes.notEnded,
    );
  }
  if (!ended(bulk))
    throw goesOn(
      id,
      `has not ended after ${timeout} s; ${bulk.noLiveWorker ? NO_WORKER : 'it is still in progress'}.`,
      'NOT_ENDED',
    );
  if (state === 'VALIDATED' && !json) await showInvalid(client, bulk);
  if (!isAsAsked(bulk)) process.exitCode = exitCodes.failed;
  if (state === 'COMPLETED' && counts.failed > 0)
    process.stderr.write(
      `Those that failed: rekey bulk items ${id} --state failed; try them again: rekey bulk retry ${id}\n`,
    );
};

/** The first few of a dry run that could not be rotated. */
const showInvalid = async (client: RekeyClient, { id, counts }: BulkRotation): Promise<void> => {
  if (!counts.failed) return;
  process.stdout.write('could not be rotated:\n');
  let shown = 0;
  for await (const item of itemsOf(client, id, { state: 'FAILED', limit: SHOWN_INVALID })) {
    process.stdout.write(`  ${itemLine(item)}\n`);
    shown += 1;
  }
  if (counts.failed > shown)
    process.stdout.write(`  … and ${counts.failed - shown} more: rekey bulk items ${id} --state failed\n`);
};

/** Shows a bulk rotation, and the command that goes on from here. */
export const showBulk = (options: { json?: boolean }, bulk: BulkRotation): void => {
  print(options, bulkJson(bulk), bulkText(bulk));
  if (!options.json && !ended(bulk))
    process.stdout.write(
      `\n${isBulkStopped(bulk) ? `Go on: rekey bulk resume ${bulk.id}` : `Follow it: rekey bulk watch ${bulk.id}`}\n`,
    );
};

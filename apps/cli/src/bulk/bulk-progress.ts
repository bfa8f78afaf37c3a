import type { BulkRotation } from '@rekey/client';
import { createLogUpdate } from 'log-update';
import { doneOf, humanDuration, listText, number } from './bulk-output.ts';
import { documentOf, isForPrograms, type OutputOptions } from '../output/format.ts';
import { printable } from '../output/output.ts';
import { bulkJson } from './bulk-columns.ts';

/** The interval of progress lines without a terminal. A new state gets a line at once. */
const LINE_EVERY_MS = 10_000;
const SHOWN_FAILURES = 3;

/** Shows a bulk rotation while a command follows it. */
interface BulkDisplay {
  show(bulk: BulkRotation): void;
  /** Shows that the gateway does not answer. */
  away(): void;
  /** Clears the display. */
  close(): void;
}

const shareDone = (bulk: BulkRotation): number =>
  bulk.counts.total > 0 ? doneOf(bulk) / bulk.counts.total : 0;

/** Rounded down: 100% only at the end. */
const percent = (share: number): string => `${(Math.floor(share * 1000) / 10).toFixed(1)}%`;

const pace = ({ rate, remainingMs, noLiveWorker }: BulkRotation): string[] => {
  if (noLiveWorker) return ['no worker is live'];
  return [
    rate === undefined ? '' : `${rate.toFixed(1)}/s`,
    remainingMs === undefined ? '' : `about ${humanDuration(remainingMs)} left`,
  ];
};

const outcomes = ({ counts }: BulkRotation): string[] =>
  counts.total > 0
    ? [
        `${number(counts.failed)} failed`,
        counts.unknown > 0 ? `${number(counts.unknown)} with unknown outcome` : '',
        counts.shared > 0 ? `${number(counts.shared)} shared` : '',
      ]
    : [];

const comparedOf = (verification: BulkRotation['verification']): string =>
  verification
    ? `, ${number(verification.verified + verification.repaired + verification.unverified)} compared`
    : '';

/** The current activity, in states whose counts do not show it. */
const activity = (bulk: BulkRotation): string => {
  const { state, validateOnly, verification, stop } = bulk;
  switch (state) {
    case 'PREPARING':
      return validateOnly ? 'determining what would be rotated' : 'listing the assistants';
    case 'VERIFYING':
      return `comparing with Invent${comparedOf(verification)}`;
    case 'CANCELLING':
      return 'finishing rotations in flight';
    case 'PAUSED':
    case 'HALTED':
      return joined([stop?.reason ?? '', stop?.reason === 'LIST_INCOMPLETE' ? (listText(bulk) ?? '') : '']);
    default:
      return '';
  }
};

const joined = (parts: string[]): string => parts.filter(Boolean).join('  ');

const progressOf = (bulk: BulkRotation): string =>
  bulk.counts.total > 0 ? `${number(doneOf(bulk))} of ${number(bulk.counts.total)}` : '';

/** Lines for a terminal of the given width. */
export const progressBlock = (bulk: BulkRotation, columns: number): string => {
  const share = shareDone(bulk);
  const width = Math.max(Math.min(columns - 10, 50), 10);
  const filled = Math.floor(share * width);
  const lines = [
    joined([bulk.id, String(bulk.state), activity(bulk)]),
    `${'█'.repeat(filled)}${'░'.repeat(width - filled)}  ${percent(share).padStart(6)}`,
    joined([progressOf(bulk), ...pace(bulk), ...outcomes(bulk)]),
    ...bulk.lastFailures
      .slice(0, SHOWN_FAILURES)
      .map(({ assistantId, reason }) => `  ${reason}  ${printable(assistantId)}`),
  ];
  // A wrapped line would not be cleared completely.
  return lines.map((line) => line.slice(0, columns)).join('\n');
};

/** One line for a log. */
export const progressLine = (bulk: BulkRotation): string =>
  joined([
    bulk.id,
    String(bulk.state),
    progressOf(bulk),
    bulk.counts.total > 0 ? percent(shareDone(bulk)) : '',
    ...pace(bulk),
    ...outcomes(bulk),
    activity(bulk),
  ]);

interface DisplayOptions extends OutputOptions {
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
  /** A monotonic clock, in ms. */
  now?: () => number;
}

/**
 * On a terminal: a display on standard error that updates in place. Otherwise: lines on standard output, or
 * for programs a document for each change.
 */
export const createBulkDisplay = ({
  stdout,
  stderr,
  now = () => performance.now(),
  ...options
}: DisplayOptions): BulkDisplay => {
  if (isForPrograms(options)) return documentDisplay(stdout, options);
  return stdout.isTTY && stderr.isTTY ? liveDisplay(stderr) : lineDisplay(stdout, stderr, now);
};

const AWAY = 'the gateway does not answer; reconnecting';

const documentDisplay = (stdout: NodeJS.WriteStream, options: OutputOptions): BulkDisplay => {
  let shown: string | undefined;
  return {
    show: (bulk) => {
      const text = documentOf(options, bulkJson(bulk));
      if (text !== shown) stdout.write(text);
      shown = text;
    },
    away: () => {},
    close: () => {},
  };
};

const liveDisplay = (stderr: NodeJS.WriteStream): BulkDisplay => {
  const update = createLogUpdate(stderr);
  let block = '';
  return {
    show: (bulk) => {
      // Some terminals report a width of 0.
      block = progressBlock(bulk, stderr.columns || 80);
      update(block);
    },
    away: () => update(block === '' ? AWAY : `${block}\n${AWAY}`),
    close: () => {
      update.clear();
      update.done();
    },
  };
};

const lineDisplay = (
  stdout: NodeJS.WriteStream,
  stderr: NodeJS.WriteStream,
  now: () => number,
): BulkDisplay => {
  let shown: { state: unknown; idle: boolean | undefined; atMs: number } | undefined;
  return {
    show: (bulk) => {
      if (
        shown &&
        shown.state === bulk.state &&
        shown.idle === bulk.noLiveWorker &&
        now() - shown.atMs < LINE_EVERY_MS
      )
        return;
      shown = { state: bulk.state, idle: bulk.noLiveWorker, atMs: now() };
      stdout.write(`${progressLine(bulk)}\n`);
    },
    away: () => void stderr.write(`${AWAY}\n`),
    close: () => {},
  };
};

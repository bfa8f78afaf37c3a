import * as limits from './limits.ts';
import type { Shape } from './measure.ts';

interface Row {
  measure: string;
  value: string;
  limit: string;
  /** What exceeds the limit, one line each. */
  excess: string[];
}

const at = ({ path, line }: { path: string; line: number }): string => `${path}:${line}`;

const share = (sorted: number[], part: number): string =>
  String(sorted[Math.max(Math.ceil(sorted.length * part) - 1, 0)] ?? 0);

/** What is wrong with long files: one without a reason, a reason without a long file, or too many reasons. */
const excessOfFiles = (longFiles: Shape['longFiles']): string[] => {
  const reasons = Object.keys(limits.longFiles);
  const unexplained = longFiles.filter(({ path }) => !reasons.includes(path));
  const stale = reasons.filter((path) => !longFiles.some((file) => file.path === path));
  return [
    ...unexplained.map(({ path, lines }) => `${path}: ${lines} lines, and no reason in limits.ts`),
    ...stale.map((path) => `${path}: listed in limits.ts, but not over ${limits.MAX_FILE_LINES} lines`),
    ...(reasons.length > limits.MAX_LONG_FILES ? [`limits.ts lists ${reasons.length} long files`] : []),
  ];
};

const rowsOf = (shape: Shape): Row[] => {
  const lines = (all: Shape['longLines']) => all.map((one) => `${at(one)}: ${one.columns} columns`);
  return [
    {
      measure: `lines over ${limits.MAX_COLUMNS} columns`,
      value: String(shape.longLines.length),
      limit: '0',
      excess: lines(shape.longLines),
    },
    {
      measure: `lines of prose over ${limits.MAX_COLUMNS} columns`,
      value: String(shape.longProse.length),
      limit: '0',
      excess: lines(shape.longProse),
    },
    {
      measure: 'longest function, lines',
      value: String(shape.longestFunction),
      limit: String(limits.MAX_FUNCTION_LINES),
      excess: shape.longFunctions.map((one) => `${at(one)}: ${one.name ?? '(no name)'}, ${one.lines} lines`),
    },
    {
      measure: `source files over ${limits.MAX_FILE_LINES} lines`,
      value: String(shape.longFiles.length),
      limit: String(limits.MAX_LONG_FILES),
      excess: excessOfFiles(shape.longFiles),
    },
    {
      measure: `files in the largest folder (${shape.largestFolder.path})`,
      value: String(shape.largestFolder.files),
      limit: String(limits.MAX_FOLDER_FILES),
      excess: shape.fullFolders.map(({ path, files }) => `${path}: ${files} files`),
    },
    {
      measure: 'exports that no other file imports',
      value: String(shape.deadExports.length),
      limit: '0',
      excess: shape.deadExports.map(({ path, name }) => `${path}: ${name}`),
    },
  ];
};

const tableOf = (rows: string[][]): string => {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
};

/** Formats the measures as a table, and below it what exceeds each limit. */
export const report = (shape: Shape): { text: string; holds: boolean } => {
  const rows = rowsOf(shape);
  const { functionLengths: lengths } = shape;
  const table = tableOf([
    ['measure', 'value', 'limit'],
    ...rows.map(({ measure, value, limit }) => [measure, value, limit]),
    ['functions with a name', String(lengths.length), ''],
    ['their median, lines', share(lengths, 0.5), ''],
    ['their 90th percentile, lines', share(lengths, 0.9), ''],
    [`specs over ${limits.MAX_FILE_LINES} lines`, String(shape.longSpecs.length), ''],
  ]);
  const lists = [
    ...rows.map(({ measure, excess }) => ({ title: measure, entries: excess })),
    {
      title: 'long source files with a reason',
      entries: Object.entries(limits.longFiles).map(([path, reason]) => `${path}: ${reason}`),
    },
    {
      title: `specs over ${limits.MAX_FILE_LINES} lines (no limit)`,
      entries: shape.longSpecs.map(({ path, lines }) => `${path}: ${lines} lines`),
    },
  ];
  const text = [
    table,
    ...lists
      .filter(({ entries }) => entries.length > 0)
      .map(({ title, entries }) => `${title}:\n${entries.map((entry) => `  ${entry}`).join('\n')}`),
  ].join('\n\n');
  return { text, holds: rows.every(({ excess }) => excess.length === 0) };
};

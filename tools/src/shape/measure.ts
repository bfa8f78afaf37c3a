import { posix } from 'node:path';
import { findDeadExports, type DeadExport } from './dead-exports.ts';
import { findFunctions, findIndentedFunctions, type FunctionShape } from './functions.ts';
import * as limits from './limits.ts';
import { findLongLines, findLongProse } from './long-lines.ts';
import type { Listing } from './source-tree.ts';

export interface Shape {
  longLines: { path: string; line: number; columns: number }[];
  longProse: { path: string; line: number; columns: number }[];
  /** Functions over the limit, the longest first. Callbacks of specs are not among them. */
  longFunctions: (FunctionShape & { path: string })[];
  longestFunction: number;
  /** The lengths of the functions of source files that have a name, in ascending order. */
  functionLengths: number[];
  longFiles: { path: string; lines: number }[];
  longSpecs: { path: string; lines: number }[];
  fullFolders: { path: string; files: number }[];
  largestFolder: { path: string; files: number };
  deadExports: DeadExport[];
}

const languageOf = (path: string): string | undefined => {
  const [, extension = path.startsWith('.ci/') ? 'sh' : ''] = /\.(\w+)$/.exec(posix.basename(path)) ?? [];
  return ['ts', 'js', 'mjs', 'lua', 'proto', 'sh', 'py'].includes(extension) ? extension : undefined;
};

const functionsOf = (text: string, language: string): FunctionShape[] => {
  if (language === 'proto') return [];
  return ['ts', 'js', 'mjs'].includes(language) ? findFunctions(text) : findIndentedFunctions(text, language);
};

const countLines = (text: string): number => text.trimEnd().split('\n').length;

const byLength = <T extends { lines: number }>(all: T[]): T[] => all.toSorted((a, b) => b.lines - a.lines);

const foldersOf = (paths: readonly string[]): { path: string; files: number }[] => {
  const folders = Map.groupBy(
    paths.filter((path) => !limits.isGenerated(path)),
    (path) => posix.dirname(path),
  );
  return [...folders]
    .filter(([path]) => !Object.hasOwn(limits.fullFolders, path))
    .map(([path, files]) => ({ path, files: files.length }))
    .toSorted((a, b) => b.files - a.files);
};

/** Measures a tree against the limits. */
export const measure = ({ paths, texts }: Listing): Shape => {
  const written = [...texts].filter(([path]) => !limits.isGenerated(path));
  const sources = written.flatMap(([path, text]) => {
    const language = languageOf(path);
    return language ? [{ path, text, language, lines: countLines(text) }] : [];
  });
  const functions = sources.flatMap(({ path, text, language }) =>
    functionsOf(text, language).map((one) => ({ ...one, path })),
  );
  const judged = byLength(functions.filter((one) => !(one.isSpecCallback && limits.isSpec(one.path))));
  const long = byLength(sources.filter(({ lines }) => lines > limits.MAX_FILE_LINES)).map(
    ({ path, lines }) => ({ path, lines }),
  );
  const folders = foldersOf(paths);
  return {
    longLines: sources.flatMap(({ path, text }) =>
      findLongLines(text, limits.MAX_COLUMNS).map((one) => ({ path, ...one })),
    ),
    longProse: written
      .filter(([path]) => path.endsWith('.md'))
      .flatMap(([path, text]) =>
        findLongProse(text, limits.MAX_COLUMNS).map((one) => ({
          path,
          ...one,
        })),
      ),
    longFunctions: judged.filter(({ lines }) => lines > limits.MAX_FUNCTION_LINES),
    longestFunction: judged[0]?.lines ?? 0,
    functionLengths: functions
      .filter(({ name, path }) => name !== undefined && !limits.isSpec(path))
      .map(({ lines }) => lines)
      .toSorted((a, b) => a - b),
    longFiles: long.filter(({ path }) => !limits.isSpec(path)),
    longSpecs: long.filter(({ path }) => limits.isSpec(path)),
    fullFolders: folders.filter(({ files }) => files > limits.MAX_FOLDER_FILES),
    largestFolder: folders[0] ?? { path: '', files: 0 },
    deadExports: findDeadExports(texts),
  };
};

import { InvalidArgumentError, Option, type Command } from 'commander';
import { printable } from './escape.ts';
import { isForPrograms, printDocument, type OutputOptions } from './format.ts';
import { relativeTime } from './relative-time.ts';
import { printWhenRead } from './standard-output.ts';
import { styled, styledState } from './style.ts';

/** A column of a list: what a table, --columns, JSON and YAML show of a row. */
export interface Column<T> {
  /** Its name in --columns, and of the field in JSON and YAML: the name of the contract. */
  name: string;
  /** The title in a table. Default: the name in capitals. */
  header?: string;
  /** What JSON and YAML show. Without it, the column is for tables; undefined and '' leave the field out. */
  value?: (row: T) => unknown;
  /**
   * What a table shows. Default: the value; a time as `3 min ago`, a number with its thousands, a list with
   * spaces.
   */
  show?: (row: T) => string | undefined;
  /** How a table shows it: a state has a color, a number is aligned to the right. */
  kind?: 'state' | 'number';
  /** A table shows it only if --columns names it. */
  isOptional?: boolean;
  /** `show` has escaped and cut its parts. */
  isWhole?: boolean;
}

export interface ListOptions<T> extends OutputOptions {
  columns?: readonly Column<T>[];
}

/** A longer text is cut in a table; JSON and YAML show all of it. */
const MAX_CELL_CHARACTERS = 120;
/** A longer cell moves what follows it, in its own line only. */
const MAX_ALIGNED_CHARACTERS = 48;
const ROWS_AT_ONCE = 200;
const EMPTY_CELL = '-';

const chooseColumns =
  <T>(columns: readonly Column<T>[]) =>
  (text: string): Column<T>[] => {
    const names = text.split(',').map((name) => name.trim().toLowerCase().replaceAll('-', '_'));
    if (new Set(names).size < names.length) throw new InvalidArgumentError('must name each column once.');
    return names.map((name) => {
      const column = columns.find((one) => one.name === name);
      if (column) return column;
      throw new InvalidArgumentError(
        `must be names of columns: ${columns.map((one) => one.name).join(', ')}.`,
      );
    });
  };

/** --columns of a command that prints a list with `printList`. */
export const withColumns = <T>(command: Command, columns: readonly Column<T>[]): Command =>
  command.addOption(
    new Option('--columns <names>', 'show these columns, in this order: a,b')
      .choices(columns.map(({ name }) => name))
      .argParser(chooseColumns(columns)),
  );

const shown = (value: unknown): string => {
  if (value === undefined || value === null) return '';
  if (value instanceof Date) return relativeTime(value);
  if (typeof value === 'number') return value.toLocaleString('en-US');
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (Array.isArray(value)) return value.map(shown).join(' ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
};

/** A text as short as a cell. */
export const cut = (text: string): string => {
  const characters = [...text];
  return characters.length > MAX_CELL_CHARACTERS
    ? `${characters.slice(0, MAX_CELL_CHARACTERS).join('')}…`
    : text;
};

const cellOf = <T>({ show, value, isWhole }: Column<T>, row: T): string => {
  const text = show ? (show(row) ?? '') : shown(value?.(row));
  return (isWhole ? text : printable(cut(text))) || EMPTY_CELL;
};

const isPresent = (value: unknown): boolean => value !== undefined && value !== null && value !== '';

const fieldsOf = <T>(columns: readonly Column<T>[], row: T): Record<string, unknown> =>
  Object.fromEntries(
    columns
      .map(({ name, value, show }): [string, unknown] => [name, value ? value(row) : show?.(row)])
      .filter(([, value]) => isPresent(value))
      .map(([name, value]) => [name, value instanceof Date ? value.toISOString() : value]),
  );

/** A row as JSON and YAML show it: RFC 3339 times, unset fields left out. */
export const recordOf = <T>(columns: readonly Column<T>[], row: T): Record<string, unknown> =>
  fieldsOf(
    columns.filter(({ value }) => value),
    row,
  );

/** The columns of a table, if --columns chooses none. */
export const tableColumns = <T>(columns: readonly Column<T>[]): Column<T>[] =>
  columns.filter(({ isOptional }) => !isOptional);

const lengthOf = (text: string): number => [...text].length;

/** The lines of a table that grows. Its columns become wider, and never narrower. */
export const createTable = <T>(
  columns: readonly Column<T>[],
  stream: NodeJS.WriteStream = process.stdout,
): ((rows: readonly T[]) => string) => {
  const titles = columns.map(({ header, name }) => header ?? name.toUpperCase().replaceAll('_', ' '));
  const widths = titles.map(lengthOf);
  let isBegun = false;
  const line = (cells: readonly string[], style: (cell: string, column: Column<T>) => string): string =>
    cells
      .map((cell, i) => {
        const space = ' '.repeat(Math.max(widths[i]! - lengthOf(cell), 0));
        const text = style(cell, columns[i]!);
        if (columns[i]!.kind === 'number') return space + text;
        return i === cells.length - 1 ? text : text + space;
      })
      .join('  ');
  return (rows) => {
    const cells = rows.map((row) => columns.map((column) => cellOf(column, row)));
    for (const row of cells)
      for (const [i, cell] of row.entries())
        widths[i] = Math.max(widths[i]!, Math.min(lengthOf(cell), MAX_ALIGNED_CHARACTERS));
    const head = isBegun ? [] : [line(titles, (title) => styled('bold', title, stream))];
    isBegun = true;
    return [
      ...head,
      ...cells.map((row) => line(row, (cell, column) => styledCell(cell, column, stream))),
    ].join('\n');
  };
};

const styledCell = <T>(cell: string, { kind }: Column<T>, stream: NodeJS.WriteStream): string =>
  kind === 'state' && cell !== EMPTY_CELL ? styledState(cell, stream) : cell;

/** How a command prints rows that it gets one after the other: a table, JSON Lines or YAML documents. */
export const createListPrinter = <T>(
  options: ListOptions<T>,
  columns: readonly Column<T>[],
): ((rows: readonly T[]) => Promise<void>) => {
  if (isForPrograms(options)) {
    const { columns: chosen } = options;
    return async (rows) => {
      for (const row of rows)
        await printDocument(options, chosen ? fieldsOf(chosen, row) : recordOf(columns, row));
    };
  }
  const table = createTable(options.columns ?? tableColumns(columns));
  return async (rows) => {
    if (rows.length > 0) await printWhenRead(`${table(rows)}\n`);
  };
};

interface Listed {
  /** What a table says on standard error if it is empty, such as `no rotations`. */
  empty: string;
  /** The most rows. If there are more, a table says so on standard error. */
  limit?: number;
}

/** Prints a list. Reads no further ahead than a reader of the output takes. */
export const printList = async <T>(
  options: ListOptions<T>,
  columns: readonly Column<T>[],
  rows: AsyncIterable<T> | Iterable<T>,
  { empty, limit = Infinity }: Listed,
): Promise<void> => {
  const printRows = createListPrinter(options, columns);
  const isForPeople = !isForPrograms(options);
  let waiting: T[] = [];
  let count = 0;
  let isCut = false;
  for await (const row of rows) {
    if (count === limit) {
      isCut = true;
      break;
    }
    count += 1;
    waiting.push(row);
    if (waiting.length === ROWS_AT_ONCE) {
      await printRows(waiting);
      waiting = [];
    }
    // Whether there is another row is nothing to a program.
    if (count === limit && !isForPeople) break;
  }
  await printRows(waiting);
  if (!isForPeople) return;
  if (count === 0) process.stderr.write(`${empty}\n`);
  if (isCut) process.stderr.write(`${count} shown, and there are more: --limit\n`);
};

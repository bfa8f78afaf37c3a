/** A cell of a table: a bar would end it, and a line break the row. */
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll(/\s*\n\s*/g, ' ');

const row = (cells: readonly string[]): string =>
  `|${cells.map((text) => (text === '' ? ' ' : ` ${cell(text)} `)).join('|')}|`;

export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');

export const code = (text: string): string => `\`${text}\``;

/** The parts of a page, a blank line between them. */
export const page = (...parts: readonly string[]): string =>
  `${parts
    .map((part) => part.trim())
    .filter(Boolean)
    .join('\n\n')}\n`;

/** A cell of a table: a bar would end it, and a line break the row. */
const cell = (text: string): string =>
  text
    .trim()
    .replaceAll('|', '\\|')
    .replaceAll(/\s*\n\s*/g, ' ');

const row = (cells: readonly string[]): string =>
  `|${cells.map((text) => (text === '' ? ' ' : ` ${cell(text)} `)).join('|')}|`;

export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');

export const code = (text: string): string => `\`${text}\``;

const WIDTH = 110;

/** A paragraph in lines that fit the page. */
export const paragraph = (text: string): string =>
  text
    .split(/\s+/)
    .reduce<string[]>((lines, word) => {
      const last = lines.at(-1);
      if (last === undefined || last.length + 1 + word.length > WIDTH) return [...lines, word];
      return [...lines.slice(0, -1), `${last} ${word}`];
    }, [])
    .join('\n');

/** The parts of a page, a blank line between them. */
export const page = (...parts: readonly string[]): string =>
  `${parts
    .map((part) => part.trim())
    .filter(Boolean)
    .join('\n\n')}\n`;

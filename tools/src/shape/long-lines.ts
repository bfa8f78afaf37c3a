const columnsOf = (line: string): number => [...line].length;

interface LongLine {
  line: number;
  columns: number;
}

/** Finds the lines that are wider than `maxColumns`. */
export const findLongLines = (text: string, maxColumns: number): LongLine[] =>
  text.split('\n').flatMap((line, i) => {
    const columns = columnsOf(line);
    return columns > maxColumns ? [{ line: i + 1, columns }] : [];
  });

const FENCE = /^\s*(```|~~~)/;
const TABLE_ROW = /^\s*\|/;
/** A link, a list item that is one link, or the definition of a link. */
const ONE_LINK = /^\s*([-*]\s+)?(!?\[[^\]]*\]\([^)]*\)[.,;:]?|\[[^\]]+\]:\s+\S+|<?https?:\/\/\S+>?)\s*$/;

/** Finds the long lines of Markdown prose. Tables, code blocks and lines that are one link do not count. */
export const findLongProse = (text: string, maxColumns: number): LongLine[] => {
  let isCode = false;
  const prose = text.split('\n').map((line) => {
    const isFence = FENCE.test(line);
    if (isFence) isCode = !isCode;
    return isFence || isCode || TABLE_ROW.test(line) || ONE_LINK.test(line) ? '' : line;
  });
  return findLongLines(prose.join('\n'), maxColumns);
};

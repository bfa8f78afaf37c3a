import { describe, expect, it } from '@jest/globals';
import { findLongLines, findLongProse } from './long-lines.ts';

const wide = 'x'.repeat(11);

describe('findLongLines', () => {
  it('names each line that is wider than the limit, with its width', () => {
    expect(findLongLines(`short\n${wide}\n${'x'.repeat(10)}\n`, 10)).toEqual([{ line: 2, columns: 11 }]);
  });

  it('counts characters, and not bytes or code units', () => {
    expect(findLongLines('ü'.repeat(10) + '\n' + '🔑'.repeat(10), 10)).toEqual([]);
  });
});

describe('findLongProse', () => {
  it('skips tables, code blocks, and lines that are one link', () => {
    const text = [
      wide,
      `| ${wide} |`,
      '```sh',
      wide,
      '```',
      `[${wide}](page.md)`,
      `- [${wide}](page.md)`,
      `[page]: https://example.com/${wide}`,
      `${wide} [after](code.md)`,
    ].join('\n');
    expect(findLongProse(text, 10).map(({ line }) => line)).toEqual([1, 9]);
  });
});

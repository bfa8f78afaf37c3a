/** A Markdown table. */
export const table = (head: string[], rows: string[][]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

export const whole = (value: number): string => Math.round(value).toLocaleString('en');

export const bold = (text: string): string => `**${text}**`;

/** A bold row of ratios. */
export const ratioOf = (value: number, base: number): string => bold((value / base).toFixed(2));

/** Characters that a terminal acts on instead of showing them, or that change the order of others. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;
/** The same, except for the end of a line. */
const UNPRINTABLE_IN_LINES = /(?!\n)[\p{C}\p{Zl}\p{Zp}]/gu;

const escaped = (character: string): string => `\\u{${character.codePointAt(0)!.toString(16)}}`;
/** As JSON, and YAML in double quotes, write a character. */
const escapedInJson = (character: string): string =>
  [...Array(character.length).keys()]
    .map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`)
    .join('');

export const isPrintable = (text: string): boolean => text.search(UNPRINTABLE) < 0;

/** The text; quoted, with escapes, if it contains invisible or control characters. */
export const printable = (text: string): string =>
  isPrintable(text) ? text : JSON.stringify(text).replace(UNPRINTABLE, escaped);

/** Text of several lines, such as a message, of which a terminal shows every character. */
export const printableLines = (text: string): string => text.replace(UNPRINTABLE_IN_LINES, escaped);

/** One line of JSON. A terminal acts on no part of it. */
export const jsonLine = (value: unknown): string => JSON.stringify(value).replace(UNPRINTABLE, escapedInJson);

/** YAML whose strings with such characters are in double quotes. */
export const printableYaml = (yaml: string): string => yaml.replace(UNPRINTABLE_IN_LINES, escapedInJson);

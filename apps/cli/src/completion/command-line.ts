/** A part of a word: in single quotes, in double quotes, one character after a backslash, or plain. */
const PART = /'([^']*)'?|"((?:\\.|[^"\\])*)"?|\\(.)|([^\s'"\\]+)/gsu;
const WORD = new RegExp(`(?:${PART.source})+`, 'gsu');

const unquoted = (word: string): string =>
  word.replaceAll(
    PART,
    (_part, single?: string, double?: string, escaped?: string, plain?: string) =>
      single ?? double?.replaceAll(/\\(["\\$`])/g, '$1') ?? escaped ?? plain ?? '',
  );

const withHome = (word: string, home: string | undefined): string =>
  home === undefined ? word : word.replace(/^~(?=\/)/, home);

/**
 * The words of a command line that is being typed, as a shell reads them, without the word at its end: that
 * one is not typed yet. Nothing is run or expanded, except for `~/` at the beginning of a word.
 */
export const wordsBefore = (line: string, home: string | undefined = process.env['HOME']): string[] => {
  const words = line.match(WORD) ?? [];
  const typed = /\s$/.test(line) ? words : words.slice(0, -1);
  return typed.map((word) => unquoted(withHome(word, home)));
};

/** What a script of completion passes with `--line`; undefined if these arguments are of another command. */
export const lineToComplete = (args: readonly string[]): string | undefined => {
  const at = args.indexOf('--line');
  return args[0] === 'completion' && args[1] === 'values' && at !== -1 ? args[at + 1] : undefined;
};

import { createLineOutput, ignoreOutputErrors, openNonBlocking } from '@rekey/runtime';

/** The terminal of `npm start`, with a line for each part. */
export interface Terminal {
  say(line?: string): void;
  ready(part: string, what: string): void;
  note(part: string, what: string): void;
}

const PART_WIDTH = 10;

/**
 * Drops what the terminal does not accept: a closed terminal, a reader such as `head` that has ended, or a
 * full disk ends nothing.
 */
export const createTerminal = (): Terminal => {
  const output = createLineOutput(
    () => openNonBlocking(1),
    (count) => `${count} lines could not be shown\n`,
  );
  ignoreOutputErrors();
  const say = (line = '') => output.write(`${line}\n`);
  return {
    say,
    ready: (part, what) => say(`${part.padEnd(PART_WIDTH)} ready  ${what}`),
    note: (part, what) => say(`${part.padEnd(PART_WIDTH)} note   ${what}`),
  };
};

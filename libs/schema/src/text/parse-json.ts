/**
 * What a text from outside says in JSON; undefined where it is none. No error: the parser's message quotes
 * what it read, which may be key material.
 */
export const parseJson = (text: string | null | undefined): unknown => {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
};

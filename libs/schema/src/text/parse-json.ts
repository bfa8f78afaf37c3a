/**
 * The value of a JSON text from outside; undefined if it is not JSON. It does not throw the parser's error,
 * whose message quotes the text: that may be key material.
 */
export const parseJson = (text: string | null | undefined): unknown => {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
};

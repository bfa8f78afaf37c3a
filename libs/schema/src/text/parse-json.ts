/** A text that is as long may be parsed whatever it has. */
const SHORT = 256 * 1024;
/** Rekey writes long texts with far fewer: what is long are ciphertexts. */
const MAX_VALUES = 50_000;

/** Whether a long text may have more values than Rekey writes: parsed, they take 20 times as much memory. */
const hasManyValues = (text: string): boolean => {
  if (text.length <= SHORT) return false;
  let found = 0;
  for (const begin of [',', '[', '{'])
    for (let at = text.indexOf(begin); at >= 0; at = text.indexOf(begin, at + 1)) {
      found += 1;
      if (found > MAX_VALUES) return true;
    }
  return false;
};

/**
 * The value of a JSON text from outside; undefined if it is not JSON, or a long one with very many values. It
 * does not throw the parser's error, whose message quotes the text: that may be key material.
 */
export const parseJson = (text: string | null | undefined): unknown =>
  text == null || hasManyValues(text) ? undefined : parseJsonOfAnySize(text);

/** The same of a text with any number of values: whoever wrote it could end this process anyway. */
export const parseJsonOfAnySize = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

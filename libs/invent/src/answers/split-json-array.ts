/**
 * The texts of the elements of a JSON array, each as it came: parsed and written anew, a long number would
 * lose its last digits.
 * Undefined where the text is not a JSON array.
 */
export const splitJsonArray = (text: string): string[] | undefined => {
  try {
    if (!Array.isArray(JSON.parse(text))) return undefined;
  } catch {
    return undefined;
  }
  return elementsOf(text);
};

/**
 * Whether a JSON object, known to be well-formed, has a member of this name more than once. Of two, parsers
 * take the first or the last as they like.
 */
export const hasTwice = (text: string, name: string): boolean => {
  const quoted = JSON.stringify(name);
  // As a rule it stands there once, and nothing has to be looked at.
  return (
    text.indexOf(quoted) !== text.lastIndexOf(quoted) &&
    elementsOf(text).filter((member) => member.startsWith(quoted)).length > 1
  );
};

/**
 * The texts of what stands between the commas of the outermost array or object. It is well-formed: only
 * strings and depth have to be told apart.
 */
const elementsOf = (text: string): string[] => {
  const elements: string[] = [];
  let depth = 0;
  let begin = 0;
  const take = (end: number) => {
    const element = text.slice(begin, end).trim();
    if (element !== '') elements.push(element);
  };
  for (let at = 0; at < text.length; at += 1) {
    switch (text[at]) {
      case '"':
        at = endOfString(text, at);
        break;
      case '[':
      case '{':
        depth += 1;
        if (depth === 1) begin = at + 1;
        break;
      case ']':
      case '}':
        depth -= 1;
        if (depth === 0) take(at);
        break;
      case ',':
        if (depth === 1) {
          take(at);
          begin = at + 1;
        }
    }
  }
  return elements;
};

/** The index of the quote that ends the string which begins at `at`. */
const endOfString = (text: string, at: number): number => {
  let end = at + 1;
  while (text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
  return end;
};

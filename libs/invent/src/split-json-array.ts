/**
 * The texts of the elements of a JSON array, each as it came: parsed and written anew, a long number would lose its last digits.
 * Undefined where the text is not a JSON array.
 */
export const splitJsonArray = (text: string): string[] | undefined => {
  try {
    if (!Array.isArray(JSON.parse(text))) return undefined;
  } catch {
    return undefined;
  }
  // It is well-formed: only strings and depth have to be told apart.
  const elements: string[] = [];
  let depth = 0;
  let begin = 0;
  const take = (end: number) => {
    const element = text.slice(begin, end).trim();
    if (element !== '') elements.push(element);
  };
  for (let at = text.indexOf('['); at < text.length; at += 1) {
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

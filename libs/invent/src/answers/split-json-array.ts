/**
 * The unchanged texts of the elements of a JSON array; undefined if the text is not a JSON array. Parsing and
 * serialising them again would lose the last digits of long numbers.
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
 * Whether a well-formed JSON object has a member name more than once. Parsers differ in whether they take the
 * first or the last.
 */
export const hasTwice = (text: string, name: string): boolean => {
  const quoted = JSON.stringify(name);
  // Usually the name occurs once, and no members need to be compared.
  return (
    text.indexOf(quoted) !== text.lastIndexOf(quoted) &&
    elementsOf(text).filter((member) => member.startsWith(quoted)).length > 1
  );
};

/**
 * The texts between the commas of the outermost array or object. The text is well-formed, so only strings and
 * depth matter.
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

/** The index of the closing quote of the string that starts at `at`. */
const endOfString = (text: string, at: number): number => {
  let end = at + 1;
  while (text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
  return end;
};

/** As many results as are remembered; then the oldest is forgotten. */
const MAX_REMEMBERED = 10_000;

/** Remembers the result for each key, and forgets the oldest ones. */
export const remember = <Input, Result>(
  keyOf: (input: Input) => string,
  compute: (input: Input) => Result,
): ((input: Input) => Result) => {
  const known = new Map<string, Result>();
  return (input) => {
    const key = keyOf(input);
    const result = known.get(key) ?? compute(input);
    known.set(key, result);
    if (known.size > MAX_REMEMBERED) known.delete(known.keys().next().value!);
    return result;
  };
};

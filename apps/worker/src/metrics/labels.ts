/** How many orgs, or consumers, have series of their own in a metric. */
const MAX_LABELS = 20;
/** The label of all others together. */
const OTHER = 'other';
const MAX_LABEL_CHARACTERS = 128;

/**
 * A name as the value of a label. Other clients of Redis write names too: without control characters it
 * breaks no line, and it has a bounded length. The format of Prometheus escapes quotes and backslashes.
 */
const labelOf = (name: string): string => {
  const text = name.toWellFormed().replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]/gu, '?');
  return text.length > MAX_LABEL_CHARACTERS ? `${text.slice(0, MAX_LABEL_CHARACTERS)}…` : text;
};

/** Values by label: the largest under their own names, the rest under `other`. Equal labels are merged. */
export const byLabel = <T>(
  values: Iterable<readonly [name: string, value: T]>,
  sizeOf: (value: T) => number,
  merge: (one: T, another: T) => T,
): Map<string, T> => {
  const labels = new Map<string, T>();
  const largest = [...values].toSorted(([, a], [, b]) => sizeOf(b) - sizeOf(a));
  for (const [i, [name, value]] of largest.entries()) {
    const label = i < MAX_LABELS ? labelOf(name) : OTHER;
    const known = labels.get(label);
    labels.set(label, known === undefined ? value : merge(known, value));
  }
  return labels;
};

/**
 * Labels of series that add up over time, and so cannot move from one label to another: the first names keep
 * their own, and all later ones are `other`.
 */
export const firstLabels = (): ((name: string) => string) => {
  const names = new Set<string>();
  return (name) => {
    if (names.size < MAX_LABELS) names.add(name);
    return names.has(name) ? labelOf(name) : OTHER;
  };
};

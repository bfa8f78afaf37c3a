/** A log line in words for the terminal of `npm start`, with the command to run; undefined for most lines. */
export const plainWords = (line: string): string | undefined => {
  if (!line.includes('"REGISTRY_NOT_TAKEN_OVER"')) return undefined;
  try {
    const { event, code } = JSON.parse(line) as { event?: unknown; code?: unknown };
    return event === 'registry_problem' && code === 'REGISTRY_NOT_TAKEN_OVER' ? NOT_TAKEN_OVER : undefined;
  } catch {
    return undefined;
  }
};

const NOT_TAKEN_OVER =
  'consumers  of an earlier version: rotations wait until you run  npx rekey registry trust';

import type { RekeyClient } from '@rekey/client';

/** What status, logs and consumers name. A judge asks whether they named anything that they do not always. */
export interface SpokenNames {
  /** Takes a line of a process: `LABEL JSON`. */
  onLine(line: string): void;
  /** Reads status; false if it cannot be read. */
  readStatus(): Promise<boolean>;
  note(name: string): void;
  /** Forgets what was named so far. */
  begin(): void;
  /** What is named now stands from before: it does not count. Forgets what was named so far. */
  beginAfterStanding(): void;
  /** What was named since then, and not in calm. */
  since(): string[];
  /** Whatever was named so far counts as usual. */
  learnCalm(): void;
}

const WARN = 40;

/** The event of a log line of at least the level warn; undefined if it is none. */
export const warningIn = (line: string): string | undefined => {
  try {
    const { level, event, code } = JSON.parse(line.slice(line.indexOf('{'))) as Record<string, unknown>;
    if (typeof level === 'number' ? level < WARN : !/warn|error|fatal/.test(String(level))) return undefined;
    return String(event ?? code ?? 'line');
  } catch {
    return undefined;
  }
};

export const createSpokenNames = (client: RekeyClient): SpokenNames => {
  const usual = new Set<string>();
  const named = new Set<string>();
  let standing = new Set<string>();
  return {
    onLine: (line) => {
      const event = warningIn(line);
      if (event !== undefined) named.add(`log ${event}`);
    },
    readStatus: async () => {
      try {
        const { attention } = await client.getStatus({ deadlineMs: 2000 });
        for (const { code, subject = '' } of attention) named.add(`status ${code} ${subject}`.trim());
        return true;
      } catch (error) {
        named.add(`status refused: ${String((error as Error).message).slice(0, 60)}`);
        return false;
      }
    },
    note: (name) => void named.add(name),
    begin: () => named.clear(),
    beginAfterStanding: () => {
      standing = new Set([...named].filter((name) => name.startsWith('status')));
      named.clear();
    },
    since: () => [...named].filter((name) => !usual.has(name) && !standing.has(name)),
    learnCalm: () => {
      for (const name of named) usual.add(name);
    },
  };
};

import { RekeyError } from '@rekey/schema';

/**
 * Runs a few jobs at once. Of those that wait, each party has its turn: many jobs of one delay no other. A
 * job whose signal has aborted is not begun: callers that give up and retry would otherwise wait behind their
 * own earlier calls.
 */
type FairTurns = <T>(party: string, job: () => Promise<T>, signal?: AbortSignal) => Promise<T>;

export const createFairTurns = (atOnce: number): FairTurns => {
  /** The next party first. */
  const waiting = new Map<string, (() => void)[]>();
  let underWay = 0;

  const beginNext = (): void => {
    for (const [party, jobs] of waiting) {
      if (underWay >= atOnce) return;
      // A Map visits a key again that was added again: at its end.
      waiting.delete(party);
      const begin = jobs.shift()!;
      if (jobs.length > 0) waiting.set(party, jobs);
      underWay += 1;
      begin();
    }
  };

  return async (party, job, signal) => {
    const { promise: turn, resolve: begin } = Promise.withResolvers<void>();
    const jobs = waiting.get(party);
    if (jobs) jobs.push(begin);
    else waiting.set(party, [begin]);
    beginNext();
    await turn;
    try {
      // Nobody receives it.
      if (signal?.aborted) throw new RekeyError('REQUEST_STALLED');
      return await job();
    } finally {
      underWay -= 1;
      beginNext();
    }
  };
};

/**
 * Reads in turns. Whoever asks for the same id before its read begins shares that: it is never older than
 * the question.
 */
export const shareReadsInTurns = <T>(
  read: (id: string) => Promise<T>,
  atOnce: number,
): ((party: string, id: string) => Promise<T>) => {
  const turns = createFairTurns(atOnce);
  const asked = new Map<string, () => Promise<T>>();
  const ask = (id: string): (() => Promise<T>) => {
    let reading: Promise<T> | undefined;
    const answer = (): Promise<T> => {
      if (!reading) asked.delete(id);
      return (reading ??= read(id));
    };
    asked.set(id, answer);
    return answer;
  };
  return (party, id) => turns(party, asked.get(id) ?? ask(id));
};

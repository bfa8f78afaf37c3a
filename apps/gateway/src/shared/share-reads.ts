/** How many reads are under way at once: more wait here, where each id waits once. */
const READS_AT_ONCE = 256;

/**
 * One read of an id for all callers that ask before it begins. It begins after everything that is ready to
 * ask has asked, and before the event loop continues, so that it is never older than the question.
 */
export const shareReads = <T>(
  read: (id: string) => Promise<T>,
  atOnce = READS_AT_ONCE,
): ((id: string) => Promise<T>) => {
  const asked = new Map<string, PromiseWithResolvers<T>>();
  let underWay = 0;

  /** Also what `read` throws is a rejection, so that it counts as ended. */
  const readAsync = async (id: string): Promise<T> => read(id);

  const begin = (): void => {
    for (const [id, { resolve }] of asked) {
      if (underWay >= atOnce) return;
      asked.delete(id);
      underWay += 1;
      resolve(
        readAsync(id).finally(() => {
          underWay -= 1;
          begin();
        }),
      );
    }
  };

  return (id) => {
    const before = asked.get(id);
    if (before) return before.promise;
    if (asked.size === 0) queueMicrotask(begin);
    const question = Promise.withResolvers<T>();
    asked.set(id, question);
    return question.promise;
  };
};

/** Asks for several at once, whose answers come in the same order. */
type AskAll<Q, A> = (questions: Q[]) => Promise<A[]>;

/**
 * Sends what is asked within the same turn of the event loop together, so many at once; each is answered by
 * itself, and all are refused together.
 */
export const together = <Q, A>(atMost: number, askAll: AskAll<Q, A>): ((question: Q) => Promise<A>) => {
  let waiting: { question: Q; resolve: (answer: A) => void; reject: (error: unknown) => void }[] = [];

  const send = (): void => {
    const asked = waiting;
    waiting = [];
    if (asked.length === 0) return;
    askAll(asked.map(({ question }) => question)).then(
      (answers) => asked.forEach(({ resolve }, i) => resolve(answers[i]!)),
      (error: unknown) => asked.forEach(({ reject }) => reject(error)),
    );
  };

  return (question) =>
    new Promise((resolve, reject) => {
      waiting.push({ question, resolve, reject });
      if (waiting.length >= atMost) send();
      else if (waiting.length === 1) setImmediate(send);
    });
};

/** Asks several questions in one call. The answers come in the same order. */
type AskAll<Q, A> = (questions: Q[]) => Promise<A[]>;

/**
 * Sends the questions of one turn of the event loop in one call, up to a maximum. Each has its own answer; if
 * the call fails, all of them reject.
 */
export const coalesce = <Q, A>(maximum: number, askAll: AskAll<Q, A>): ((question: Q) => Promise<A>) => {
  let pending: { question: Q; resolve: (answer: A) => void; reject: (error: unknown) => void }[] = [];

  const send = (): void => {
    const asked = pending;
    pending = [];
    if (asked.length === 0) return;
    askAll(asked.map(({ question }) => question)).then(
      (answers) => asked.forEach(({ resolve }, i) => resolve(answers[i]!)),
      (error: unknown) => asked.forEach(({ reject }) => reject(error)),
    );
  };

  return (question) =>
    new Promise((resolve, reject) => {
      pending.push({ question, resolve, reject });
      if (pending.length >= maximum) send();
      else if (pending.length === 1) setImmediate(send);
    });
};

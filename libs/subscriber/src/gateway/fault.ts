/** What ends a session, once. */
export interface Fault {
  readonly signal: AbortSignal;
  end(why?: Error): void;
  /** Rejects with the fault, should it come before the answer. */
  guard<T>(answer: Promise<T>): Promise<T>;
}

export const createFault = (onEnd: (why: Error) => void): Fault => {
  const controller = new AbortController();
  let fail = (_why: Error): void => {};
  const failed = new Promise<never>((_resolve, reject) => (fail = reject));
  failed.catch(() => {});
  return {
    signal: controller.signal,
    end: (why = new Error('the session with the gateway has ended')) => {
      if (controller.signal.aborted) return;
      fail(why);
      controller.abort();
      onEnd(why);
    },
    guard: async (answer) => {
      // The fault explains more than the error of a call that it has cancelled.
      try {
        return await Promise.race([answer, failed]);
      } catch (error) {
        if (controller.signal.aborted) await failed;
        throw error;
      }
    },
  };
};

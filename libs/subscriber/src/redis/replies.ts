/** Whether Redis itself answered with an error. */
export const isErrorReply = (error: unknown): error is Error =>
  (error as Partial<Error> | null)?.name === 'ReplyError';

/** The code of an error reply: its first word. */
export const replyCode = (error: Error): string => /^[A-Z]+/.exec(error.message)?.[0] ?? '';

/**
 * The reply of Redis to each command of a pipeline, which can be an error reply. Throws if Redis was not
 * asked.
 */
export const repliesOf = (replies: [Error | null, unknown][] | null): unknown[] =>
  (replies ?? []).map(([error, reply]) => {
    if (error && !isErrorReply(error)) throw error;
    return error ?? reply;
  });

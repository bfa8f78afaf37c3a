/** Whether Redis itself answered with an error. */
export const isErrorReply = (error: unknown): error is Error =>
  (error as Partial<Error> | null)?.name === 'ReplyError';

/** The code of an error reply: its first word. */
export const replyCode = (error: Error): string => /^[A-Z]+/.exec(error.message)?.[0] ?? '';

/** The reply of Redis to a command, which can be an error reply. Rejects if Redis has not answered. */
export const replyOf = async <T>(reply: Promise<T>): Promise<T | Error> => {
  try {
    return await reply;
  } catch (error) {
    if (isErrorReply(error)) return error;
    throw error;
  }
};

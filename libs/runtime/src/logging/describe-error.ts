import { RekeyError } from '@rekey/schema';

interface ErrorEntry {
  name: string;
  code?: string;
  message?: string;
  stack?: string;
  cause?: ErrorEntry;
}

/** Replies whose text Redis or a script of Rekey composes without the arguments of the command. */
const WITHOUT_ARGUMENTS =
  /^(?:ERR|NOPERM|NOAUTH|WRONGPASS|READONLY|OOM|MISCONF|LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|NOREPLICAS) .*/;
/** The one text that does: of a command that Redis does not know. */
const ARGUMENTS = /, with args beginning with.*/;
const MAX_REPLY = 300;

const replyText = ({ message }: Error): string =>
  WITHOUT_ARGUMENTS.exec(message)?.[0].replace(ARGUMENTS, '').slice(0, MAX_REPLY) ?? codeOf(message);
const codeOf = (message: string): string => /^[A-Z]+/.exec(message)?.[0] ?? 'reply error';

/** Messages of ioredis and BullMQ can quote commands with their arguments: only their kind is logged. */
const quotesArguments = (error: Error): boolean => error.name === 'ReplyError' || 'command' in error;

/**
 * An error as it is logged, by an allow-list: libraries attach requests, commands and configuration to their
 * errors, and some of those hold secrets.
 */
export const describeError = (error: unknown): ErrorEntry => {
  if (!(error instanceof Error)) return { name: typeof error };
  const { code } = error as NodeJS.ErrnoException;
  const entry: ErrorEntry = { name: error.name, ...(typeof code === 'string' && { code }) };
  if (quotesArguments(error))
    return { ...entry, message: error.name === 'ReplyError' ? replyText(error) : codeOf(error.message) };
  return {
    ...entry,
    message: error.message,
    ...(error.stack !== undefined && { stack: framesOf(error.stack) }),
    ...(error.cause !== undefined &&
      (error instanceof RekeyError || error.cause instanceof Error) && { cause: describeError(error.cause) }),
  };
};

const framesOf = (stack: string): string =>
  stack
    .split('\n')
    .filter((line) => line.startsWith('    at '))
    .join('\n');

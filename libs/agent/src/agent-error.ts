/** Why the agent cannot start, and what to change. No message contains a secret. */
export class AgentError extends Error {
  readonly code: string;
  /** Whether a later start may succeed without a change. */
  readonly retry: boolean;
  constructor(
    code: string,
    message: string,
    { retry = false, ...options }: ErrorOptions & { retry?: boolean } = {},
  ) {
    super(message, options);
    this.name = 'AgentError';
    this.code = code;
    this.retry = retry;
  }
}

/** Why something failed, for an operator: the code of a system call, or a message of this library. */
export const whyOf = (error: unknown): string => {
  const { code, message, name } = error as NodeJS.ErrnoException;
  if (error instanceof AgentError) return message;
  if (typeof code === 'string' && code in explained) return `${explained[code]!} (${code})`;
  return typeof code === 'string' ? code : name;
};
const explained: Record<string, string> = {
  EACCES: 'this user may not write there',
  EPERM: 'this user may not do that',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota of this user is used up',
  ENOENT: 'the folder or file does not exist',
  ENOTDIR: 'a part of the path is not a folder',
  EISDIR: 'it is a folder',
  EFBIG: 'the file would be too large',
};

/**
 * A start that fails for a reason that the message explains, with what to change: it is reported without a
 * stack.
 */
export class StartError extends Error {
  readonly code: string;
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StartError';
    this.code = code;
  }
}

/**
 * Ends the process, from wherever that is found out: the error is thrown where nobody catches it;
 * `runProcess` logs it and ends with 1.
 */
export const endWith = (error: StartError): void => {
  setImmediate(() => {
    throw error;
  });
};

/** A failure whose message says what to change: it is reported without a stack. */
export class StartError extends Error {
  readonly code: string;
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StartError';
    this.code = code;
  }
}

/**
 * Ends the process, from any place in the code: throws the error outside every `catch`, where `runProcess`
 * logs it and ends the process with 1.
 */
export const failProcess = (error: StartError): void => {
  setImmediate(() => {
    throw error;
  });
};

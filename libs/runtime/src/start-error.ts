/** A start that fails for a reason that the message explains, with what to change: it is reported without a stack. */
export class StartError extends Error {
  readonly code: string;
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StartError';
    this.code = code;
  }
}

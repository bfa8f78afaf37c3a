/** Ends the calls of one operation. An AbortSignal for each call would cost several microseconds more. */
export interface Cancellation {
  /** Why it was cancelled; undefined if it was not. */
  cancelled(): Error | undefined;
  /** Calls the listener on cancellation, at once if already cancelled. Returns a function that removes it. */
  onCancel(listener: () => void): () => void;
}
